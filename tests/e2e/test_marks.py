"""What is said of an image reaches the server after all that was done to it; refused, it is taken back."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from sqlalchemy import select

from limner.store.tables import Edit
from tests.e2e.annotate_page import AnnotatePage
from tests.e2e.api import Project, database_of, sign_in_link
from tests.e2e.conftest import TIMEOUT, VIEWPORT
from tests.e2e.server import LimnerServer
from tests.e2e.test_faults import OPERATIONS, draw

pytestmark = pytest.mark.e2e

PHOTO = "cat.png"


@pytest.fixture
def colleague(server: LimnerServer, browser: Browser) -> Iterator[BrowserContext]:
    """Somebody else's browser, signed in."""
    context = browser.new_context(viewport=VIEWPORT)
    context.set_default_timeout(TIMEOUT)
    page = context.new_page()
    page.goto(sign_in_link(server))
    page.get_by_role("heading", name="Projects").wait_for()
    page.close()
    yield context
    context.close()


def image_id_of(page: Page) -> int:
    return int(page.url.rsplit("/", 1)[1])


def stored(server: LimnerServer, image_id: int) -> list[str]:
    """What the server has been told of an image, in order: kinds, with the category or the state."""
    with database_of(server) as session:
        edits = session.scalars(select(Edit).where(Edit.image_id == image_id).order_by(Edit.revision)).all()
    values = [edit.payload.get("changes", {}).get("category_id") or edit.payload.get("state", "") for edit in edits]
    return [f"{edit.kind} {value}".strip() for edit, value in zip(edits, values, strict=True)]


@pytest.mark.parametrize("choice", ["Keep mine", "Keep theirs"])
def test_a_mark_waits_behind_a_held_conflict(
    server: LimnerServer, project: Project, page: Page, colleague: BrowserContext, choice: str
) -> None:
    mine = AnnotatePage(page, project, PHOTO)
    draw(mine, 150, 100)
    mine.saved()
    theirs = AnnotatePage(colleague.new_page(), project, PHOTO)
    page.route(OPERATIONS, lambda route: route.abort())
    mine.objects.first.locator("[data-uid]").click()
    page.keyboard.press("3")
    expect(mine.objects.first).to_contain_text("vehicle")
    page.get_by_role("button", name="Submit").click()
    mark = page.get_by_test_id("mark")
    expect(mark).to_have_text("Submitted")
    theirs.objects.first.locator("[data-uid]").click()
    theirs.page.keyboard.press("4")
    expect(theirs.objects.first).to_contain_text("food")
    theirs.saved()
    before = stored(server, image_id_of(page))
    assert [kind.split()[0] for kind in before] == ["create", "update"]

    page.unroute(OPERATIONS)
    conflict = page.get_by_role("button", name="1 conflict")
    conflict.wait_for()
    expect(mark).to_have_text("Submitted, once its conflict is decided")
    assert stored(server, image_id_of(page)) == before
    expect(theirs.page.get_by_test_id("mark")).to_have_text("To do")

    conflict.click()
    dialog = page.get_by_role("dialog", name="Your changes and theirs")
    expect(dialog).to_contain_text("Its image was submitted: that is sent once you have decided.")
    dialog.get_by_role("button", name=choice).click()
    expect(dialog).to_have_count(0)
    mine.saved()
    expect(mark).to_have_text("Submitted")
    expect(theirs.page.get_by_test_id("mark")).to_have_text("Submitted")
    *updates, last = stored(server, image_id_of(page))[len(before) :]
    assert ([each.split()[0] for each in updates], last) == (["update"] * (choice == "Keep mine"), "mark submitted")
    expect(mine.objects.first).to_contain_text("vehicle" if choice == "Keep mine" else "food")


def test_a_mark_that_the_server_refuses_is_taken_back_and_says_why(
    server: LimnerServer, project: Project, page: Page
) -> None:
    def without_a_reason(route: Route) -> None:
        body = route.request.post_data
        assert body is not None
        route.continue_(post_data=body.replace("Blurry", ""))

    for name in (PHOTO, "coffee.png"):
        project.add_photo(name)
    work = AnnotatePage(page, project, PHOTO)
    image_id = image_id_of(page)
    page.route(OPERATIONS, without_a_reason)
    page.get_by_role("button", name="Skip…").click()
    page.get_by_role("dialog", name="Skip this image").get_by_role("button", name="Blurry").click()
    page.get_by_role("heading", name="coffee.png").wait_for()  # it went on, as always
    alert = page.get_by_text(re.compile("cat.png could not be skipped, it stays as it was."))
    expect(alert).to_contain_text("an image is skipped for a reason")
    work.saved()
    assert stored(server, image_id) == []
    page.keyboard.press("a")
    page.get_by_role("heading", name=PHOTO).wait_for()
    expect(page.get_by_test_id("mark")).to_have_text("To do")

    page.unroute(OPERATIONS)  # and is skipped by the same hand when nothing is in its way
    page.get_by_role("button", name="Skip…").click()
    page.get_by_role("dialog", name="Skip this image").get_by_role("button", name="Blurry").click()
    page.get_by_role("heading", name="coffee.png").wait_for()
    work.saved()
    assert stored(server, image_id) == ["mark skipped"]


def test_an_export_that_is_opened_at_once_offers_the_image_that_was_just_submitted(
    server: LimnerServer, project: Project, page: Page
) -> None:
    project.add_photo("coffee.png")
    work = AnnotatePage(page, project, PHOTO)
    draw(work, 150, 100)
    work.saved()
    held: list[Route] = []
    page.route(OPERATIONS, lambda route: held.append(route))
    page.get_by_role("button", name="Submit").click()
    page.get_by_role("heading", name="coffee.png").wait_for()
    page.get_by_role("link", name=re.compile("Back to the images")).click()
    page.get_by_role("button", name="Export", exact=True).click()
    dialog = page.get_by_role("dialog", name="Export")
    expect(dialog.get_by_role("radio", name="With masks")).to_be_checked()

    held[0].continue_()
    page.unroute(OPERATIONS)
    expect(dialog.get_by_role("radio", name="Submitted and approved")).to_be_checked()
    expect(dialog.get_by_test_id("export-counts")).to_have_text("1 image with 1 mask")
