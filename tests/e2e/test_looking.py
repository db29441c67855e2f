"""Who may look and not draw: the page opens for looking, says why, and follows what they may by now."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from limner.access import ProjectRole
from limner.store.accounts import create_login_link
from limner.store.people import add_person
from limner.store.tables import User
from tests.conftest import png_bytes
from tests.e2e.annotate_page import violations
from tests.e2e.api import Api, database_of
from tests.e2e.conftest import new_profile
from tests.e2e.server import LimnerServer
from tests.e2e.test_gold import box
from tests.e2e.test_image_states import shoot
from tests.e2e.test_small_screens import PHONE, fits

pytestmark = pytest.mark.e2e


@pytest.fixture
def viewer(server: LimnerServer, browser: Browser) -> Iterator[tuple[BrowserContext, str]]:
    """The browser of somebody without any role so far, and their name."""
    name = f"Vic {uuid.uuid4()}"
    with database_of(server) as session:
        person = add_person(session, name, "member").id
        link = create_login_link(session, session.get_one(User, person))
    context = new_profile(browser, f"{server.address}/login#token={link}")
    yield context, name
    context.close()


def give(api: Api, project_id: int, name: str, role: ProjectRole) -> None:
    api.post(f"/projects/{project_id}/members", json.dumps({"name": name, "role": role.value}).encode())


ON_OBJECT, BESIDE = (20, 20), (52, 40)  # image pixels, with a box from 10 to 30


def click(page: Page, place: tuple[int, int]) -> None:
    stage = page.get_by_role("application")
    scale, x, y = (float(stage.get_attribute(f"data-{each}") or 0) for each in ("scale", "x", "y"))
    stage.click(position={"x": x + place[0] * scale, "y": y + place[1] * scale})


def test_a_viewer_looks_at_an_image_and_draws_once_they_may(
    server: LimnerServer, viewer: tuple[BrowserContext, str]
) -> None:
    context, name = viewer
    api = Api(server)
    project_id = api.create_project(f"Looking {uuid.uuid4()}", ("cat",))
    api.upload(project_id, {"seen.png": png_bytes(seed=7)})
    give(api, project_id, name, ProjectRole.VIEWER)

    page = context.new_page()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.goto(f"{server.address}/projects/{project_id}")
    page.get_by_role("link", name=re.compile("seen.png")).click()
    image_id = int(page.url.partition("/images/")[2])
    api.operate(image_id, 0, box(10))
    rows = page.get_by_role("region", name="Objects").get_by_role("listitem")
    expect(rows).to_have_count(1)  # told by an event

    note = page.get_by_test_id("read-only")
    expect(note).to_contain_text("you are a viewer in this project")
    tools = page.get_by_role("toolbar", name="Tools")
    for tool in ("Points", "Box", "Brush", "Undo"):
        expect(tools.get_by_role("button", name=tool, exact=True)).to_be_disabled()
    expect(page.get_by_role("region", name="Categories")).to_have_count(0)
    expect(page.get_by_role("button", name="Submit", exact=True)).to_have_count(0)
    expect(page.get_by_role("button", name=re.compile("^Delete"))).to_have_count(0)
    click(page, ON_OBJECT)
    expect(rows.get_by_role("button", pressed=True).first).to_be_visible()  # selected
    for key in ("b", "Enter", "1", "Delete", "Control+Enter"):
        page.keyboard.press(key)
    expect(rows).to_have_count(1)
    expect(note).to_be_visible()
    assert violations(page) == []
    shoot(page, "looking")
    assert not [url for url in sent if "/operations" in url]
    width, height = page.viewport_size["width"], page.viewport_size["height"]
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    expect(note).to_be_visible()
    assert fits(page)
    assert violations(page) == []
    page.set_viewport_size({"width": width, "height": height})

    give(api, project_id, name, ProjectRole.ANNOTATOR)
    expect(note).to_have_count(0)  # without a reload
    expect(tools.get_by_role("button", name="Points", exact=True)).to_be_enabled()
    expect(page.get_by_role("button", name="Submit", exact=True)).to_be_enabled()
    click(page, BESIDE)
    accept = page.get_by_role("button", name=re.compile("Accept"))
    expect(accept).to_be_visible()

    give(api, project_id, name, ProjectRole.VIEWER)
    expect(note).to_be_visible()
    expect(accept).to_have_count(0)
    give(api, project_id, name, ProjectRole.ANNOTATOR)
    expect(accept).to_be_visible()  # what was being drawn is back
