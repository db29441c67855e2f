"""Several people on one image in the page: chosen by a manager, compared, and settled object by object."""

from __future__ import annotations

import re
import uuid

import pytest
from playwright.sync_api import Page, expect

from limner.access import ProjectRole
from limner.jobs.overlap import compare_submitted
from limner.store import Database
from limner.store.images import lock_image
from limner.store.operations import apply_operation
from limner.store.overlap import take_overlap
from limner.store.people import add_person, set_member
from limner.store.tables import Project, User
from tests.conftest import png_bytes
from tests.e2e.annotate_page import violations
from tests.e2e.api import Api, database_of
from tests.e2e.server import LimnerServer
from tests.e2e.test_gold import box, submission
from tests.e2e.test_small_screens import PHONE, fits
from tests.store.conftest import operation

pytestmark = pytest.mark.e2e


def answered(server: LimnerServer, project_id: int, name: str, *lefts: int) -> None:
    """Somebody new annotates the image that they are handed: a box for each distance from the left."""
    with database_of(server) as session:
        person = add_person(session, f"{name} {uuid.uuid4()}", "member").id
        set_member(session, project_id, session.get_one(User, person), ProjectRole.ANNOTATOR)
        copy = take_overlap(session, session.get_one(Project, project_id), person, None)
        assert copy is not None
        image = lock_image(session, copy.id)
        for each in [*(box(left) for left in lefts), submission()]:
            apply_operation(session, image, str(uuid.uuid4()), operation(**each), revision=None, user_id=person)


def test_a_manager_has_two_people_annotate_an_image_and_settles_it(server: LimnerServer, page: Page) -> None:
    api = Api(server)
    project_id = api.create_project(f"Overlap {uuid.uuid4()}", ("cat",))
    api.upload(project_id, {"both.png": png_bytes(seed=7)})
    page.goto(f"{server.address}/projects/{project_id}")
    page.get_by_role("link", name="Several people on one image").press("Enter")
    share = page.get_by_label("Share of the images, in %")
    share.fill("100")
    share.press("Tab")
    expect(page.get_by_text("0 annotators, so that no image can be done by 2")).to_be_visible()
    answered(server, project_id, "Ada", 10, 40)
    answered(server, project_id, "Bo", 12)
    database = Database(server.database_url)
    try:
        compare_submitted(database)  # the server does so too, in a while: once is as good as twice
    finally:
        database.close()

    page.reload()
    table = page.get_by_role("table", name="Agreement of everybody, and by pair of people")
    expect(table.get_by_role("row", name=re.compile("Ada .* and Bo"))).to_contain_text("0.82")  # 18 of 22 columns
    expect(table.get_by_role("row", name="Everybody")).to_contain_text("0.55")  # over one match and half of one mask
    assert violations(page) == []
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    assert fits(page)

    page.get_by_role("list", name="Images of several people").get_by_role("link", name="both.png").press("Enter")
    objects = page.get_by_role("list", name="Objects").get_by_role("listitem")
    expect(objects).to_have_count(2)
    expect(objects.first).to_contain_text(re.compile("only Ada .* marked it"))
    expect(objects.nth(1)).to_contain_text("2 of 2 marked it, IoU 0.82")
    expect(objects.first.get_by_label("Object 1: what is on the image")).to_have_value("nothing")
    assert fits(page)
    assert violations(page) == []
    page.set_viewport_size({"width": 1280, "height": 800})
    page.keyboard.press("1")  # as Ada made it
    expect(objects.first.get_by_label("Object 1: what is on the image")).not_to_have_value("nothing")
    page.keyboard.press("ArrowDown")
    objects.nth(1).get_by_label("Object 2: category").select_option(label="cat")
    page.get_by_role("heading", name="both.png").click()
    page.keyboard.press("z")
    expect(page.get_by_role("button", name="Look closer")).to_have_attribute("aria-pressed", "true")
    assert violations(page) == []
    page.keyboard.press("a")
    expect(page.get_by_role("heading", name="Agreement", exact=True)).to_be_visible()
    settled = page.get_by_role("list", name="Images of several people").get_by_role("listitem")
    expect(settled).to_contain_text("Settled")

    page.goto(f"{server.address}/projects/{project_id}?state=approved")
    expect(page.get_by_role("link", name=re.compile("both.png, 2 masks"))).to_be_visible()
