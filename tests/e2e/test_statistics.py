"""The page of figures: what is stored, read by keys alone and on a phone, and axe has nothing against it."""

from __future__ import annotations

import re
import time
import uuid

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from limner.store.categories import list_categories
from limner.store.listing import page_images
from limner.store.rollup import uncounted
from limner.vocabulary import rle
from tests.conftest import png_bytes
from tests.e2e.annotate_page import violations
from tests.e2e.api import Api, database_of
from tests.e2e.server import LimnerServer
from tests.e2e.test_gold import annotator
from tests.e2e.test_small_screens import PHONE, fits

pytestmark = pytest.mark.e2e

PATIENCE = 120  # s, until a server on a busy machine has counted what it counts every five seconds


def counted_project(server: LimnerServer) -> int:
    """A project with two masks on one of two images, which was submitted; its number, once that is counted."""
    api = Api(server)
    project_id = api.create_project(f"Figures {uuid.uuid4()}", ("cat", "dog"))
    api.upload(project_id, {"a.png": png_bytes(seed=1), "b.png": png_bytes(seed=2)})
    with database_of(server) as session:
        categories = [each.id for each in list_categories(session, project_id)]
        image_id = page_images(session, project_id, None, 1).images[0].id
    mask = dict(rle.encode(np.ones((48, 64), np.bool_)))
    for revision, category_id in enumerate(categories):
        provenance = {"seconds": 2.0 + revision, "clicks": 3}
        operation = {"kind": "create", "uid": str(uuid.uuid4()), "category_id": category_id, "segmentation": mask}
        api.operate(image_id, revision, {**operation, "provenance": provenance})
    api.operate(image_id, 2, {"kind": "mark", "uid": str(uuid.uuid4()), "state": "submitted"})
    deadline = time.monotonic() + PATIENCE
    while True:
        with database_of(server) as session:
            if not uncounted(session, project_id):
                return project_id
        assert time.monotonic() < deadline, f"the server has not counted two images within {PATIENCE} s"
        time.sleep(0.2)


def test_annotators_see_each_others_figures_once_a_manager_has_said_so(
    server: LimnerServer, page: Page, browser: Browser
) -> None:
    project_id = counted_project(server)
    hers = annotator(server, browser, project_id, f"Eve {uuid.uuid4()}")
    eve = hers.new_page()
    eve.goto(f"{server.address}/projects/{project_id}/statistics")
    eve.get_by_role("heading", name="Your own").wait_for()
    expect(eve.get_by_role("combobox", name="By", exact=True)).to_have_count(0)

    page.goto(f"{server.address}/projects/{project_id}")
    shared = page.get_by_role("checkbox", name="Show annotators each other's figures")
    expect(shared).not_to_be_checked()
    with page.expect_response(re.compile(f"/api/v1/projects/{project_id}$")):
        shared.press("Space")
    expect(shared).to_be_checked()
    assert violations(page) == []

    eve.reload()
    eve.get_by_role("combobox", name="By", exact=True).select_option("Person")
    table = eve.get_by_role("region", name="Masks", exact=True).get_by_role("table")
    expect(table.get_by_role("row").nth(1)).to_have_text(re.compile(r"admin\s*2\s*2\.5 s\s*3"))
    expect(eve.get_by_role("region", name="Reviews").get_by_role("row", name="admin")).to_be_visible()
    expect(eve.get_by_role("heading", name="Gold images")).to_be_visible()
    expect(eve.get_by_text("images are gold")).to_have_count(0)
    for name in ("Agreement", "Gold images as CSV"):
        expect(eve.get_by_role("link", name=name)).to_have_count(0)
    expect(eve.get_by_role("heading", name="Error rates")).to_have_count(0)
    assert violations(eve) == []
    hers.close()


def test_figures_are_read_with_keys_and_on_a_phone(server: LimnerServer, page: Page) -> None:
    project_id = counted_project(server)
    page.goto(f"{server.address}/projects/{project_id}")
    page.get_by_role("link", name="Figures").press("Enter")
    expect(page.get_by_role("heading", name="Progress")).to_be_visible()
    progress = page.get_by_role("region", name="Progress")
    expect(progress).to_contain_text("1 image is open.")
    expect(progress.locator("canvas")).to_be_visible()
    table = page.get_by_role("region", name="Masks").get_by_role("table")
    expect(table.get_by_role("row", name="dog")).to_have_text(re.compile(r"dog\s*1\s*3 s\s*3"))
    by = page.get_by_role("combobox", name="By", exact=True)
    by.focus()
    by.press("ArrowDown")
    expect(table.get_by_role("columnheader", name="Person")).to_be_visible()
    expect(table.get_by_role("row").nth(1)).to_have_text(re.compile(r"\s*2\s*2\.5 s\s*3"))
    assert violations(page) == []
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    expect(progress.locator("canvas")).to_be_visible()
    assert fits(page)
    assert violations(page) == []
    with page.expect_download() as download:
        page.get_by_role("link", name="Masks of everybody as CSV").press("Enter")
    assert download.value.path().read_text().splitlines()[0].startswith("day,category,person,model,masks")
