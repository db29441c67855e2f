"""Gold images in the page: made with the star, worked on by an annotator who sees nothing of it, and scored."""

from __future__ import annotations

import re
import uuid

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from limner.access import ProjectRole
from limner.store.accounts import create_login_link
from limner.store.images import lock_image
from limner.store.listing import page_images
from limner.store.operations import apply_operation
from limner.store.people import add_person, set_member
from limner.store.tables import Project, User
from limner.vocabulary import rle
from tests.conftest import png_bytes
from tests.e2e.annotate_page import violations
from tests.e2e.api import Api, database_of
from tests.e2e.conftest import new_profile
from tests.e2e.server import LimnerServer
from tests.e2e.test_small_screens import PHONE, fits
from tests.store.conftest import operation

pytestmark = pytest.mark.e2e

SCORED = 120_000  # ms, until a server on a busy machine has scored what it scores every five seconds


def box(left: int) -> dict[str, object]:
    mask = np.zeros((48, 64), np.bool_)
    mask[10:30, left : left + 20] = True
    return {"kind": "create", "uid": str(uuid.uuid4()), "category_id": None, "segmentation": dict(rle.encode(mask))}


def submission() -> dict[str, str]:
    return {"kind": "mark", "uid": str(uuid.uuid4()), "state": "submitted"}


def annotator(server: LimnerServer, browser: Browser, project_id: int, name: str) -> BrowserContext:
    """The browser of somebody who annotates in the project."""
    with database_of(server) as session:
        person = add_person(session, name, "member").id
        user = session.get_one(User, person)
        set_member(session, project_id, user, ProjectRole.ANNOTATOR)
        link = create_login_link(session, user)
    return new_profile(browser, f"{server.address}/login#token={link}")


def test_an_annotator_works_on_a_gold_image_as_on_any_other_and_is_scored(
    server: LimnerServer, browser: Browser, page: Page
) -> None:
    api = Api(server)
    project_id = api.create_project(f"Gold {uuid.uuid4()}", ("cat",))
    api.upload(project_id, {"known.png": png_bytes(seed=5), "open.png": png_bytes(seed=6)})
    with database_of(server) as session:
        known = page_images(session, project_id, None, 1).images[0].id
        session.get_one(Project, project_id).gold_share = 1
    api.operate(known, 0, box(10))
    api.operate(known, 1, submission())

    page.goto(f"{server.address}/projects/{project_id}/images/{known}")
    star = page.get_by_role("button", name="Gold image")
    star.press("Enter")
    expect(star).to_have_attribute("aria-pressed", "true")
    assert violations(page) == []
    page.goto(f"{server.address}/projects/{project_id}?state=gold")
    expect(page.get_by_role("link", name=re.compile("known.png, 1 mask.*gold"))).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("open.png"))).to_have_count(0)
    expect(page.get_by_role("region", name="Gold images").get_by_role("spinbutton")).to_have_value("100")
    assert violations(page) == []

    name = f"Ada {uuid.uuid4()}"
    context = annotator(server, browser, project_id, name)
    theirs = context.new_page()
    theirs.goto(f"{server.address}/projects/{project_id}")
    expect(theirs.get_by_role("link", name=re.compile("open.png"))).to_be_visible()
    expect(theirs.get_by_role("link", name=re.compile("known.png"))).to_have_count(0)
    theirs.get_by_role("button", name="annotating").click()
    expect(theirs.get_by_role("heading", name="known.png")).to_be_visible()
    expect(theirs.get_by_test_id("mark")).to_have_text(re.compile("To do"))
    expect(theirs.get_by_role("button", name="Gold image")).to_have_count(0)
    copy = int(theirs.url.partition("/images/")[2].partition("?")[0])
    assert copy != known
    with database_of(server) as session:
        apply_operation(
            session, lock_image(session, copy), str(uuid.uuid4()), operation(**box(15)), revision=None, user_id=1
        )
    theirs.reload()
    submit = theirs.get_by_role("button", name="Submit", exact=True)
    expect(submit).to_be_enabled()
    submit.click()
    expect(theirs.get_by_role("heading", name="open.png")).to_be_visible()
    context.close()

    page.goto(f"{server.address}/projects/{project_id}/statistics")
    gold = page.get_by_role("region", name="Gold images")
    row = gold.get_by_role("row", name=re.compile(name))
    for _ in range(SCORED // 1000):
        if row.count():
            break
        page.wait_for_timeout(1000)
        page.reload()
        expect(gold.get_by_role("table")).to_be_visible()
    expect(row).to_have_text(re.compile(r"1\s*0\.60\s*0\.\d\d\s*0\s*0\s*100\s?%"))
    assert violations(page) == []
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    assert fits(page)
    assert violations(page) == []
