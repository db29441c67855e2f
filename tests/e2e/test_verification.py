"""The verification grid: by keys, with a finger, an object that is fixed; axe has nothing against it."""

from __future__ import annotations

import re
import uuid

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from limner.store.categories import list_categories
from limner.store.listing import page_images
from limner.vocabulary import rle
from tests.conftest import png_bytes
from tests.e2e.annotate_page import violations
from tests.e2e.api import Api, database_of
from tests.e2e.server import LimnerServer
from tests.e2e.test_small_screens import PHONE, fits

pytestmark = pytest.mark.e2e

MASKS = 12


def drawn_project(server: LimnerServer) -> int:
    """A project with an image of masks that lie apart; its number."""
    api = Api(server)
    project_id = api.create_project(f"Verify {uuid.uuid4()}", ("cat",))
    api.upload(project_id, {"a.png": png_bytes(seed=1)})
    with database_of(server) as session:
        (category,) = list_categories(session, project_id)
        image_id = page_images(session, project_id, None, 1).images[0].id
    for number in range(MASKS):
        mask = np.zeros((48, 64), np.bool_)
        mask[4 + 12 * (number // 4) : 12 + 12 * (number // 4), 4 + 15 * (number % 4) : 14 + 15 * (number % 4)] = True
        operation = {"kind": "create", "uid": str(uuid.uuid4()), "category_id": category.id}
        api.operate(image_id, number, {**operation, "segmentation": dict(rle.encode(mask))})
    return project_id


def test_masks_are_judged_with_keys_and_with_a_finger(server: LimnerServer, page: Page) -> None:
    project_id = drawn_project(server)
    page.goto(f"{server.address}/projects/{project_id}")
    page.get_by_role("link", name="Verify").press("Enter")
    crops = page.get_by_role("list", name="Masks").get_by_role("listitem")
    expect(crops).to_have_count(MASKS)
    expect.soft(crops.first.locator("img")).to_have_js_property("complete", value=True)
    assert crops.first.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    rate = page.get_by_test_id("rate")
    for key in "rrrwu":
        page.keyboard.press(key)
    expect(rate).to_contain_text("0% wrong (0 of 3; between 0% and 56.1% with 95 % confidence)")
    page.keyboard.press("w")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("w")
    expect(rate).to_contain_text("40% wrong (2 of 5;")
    expect(rate).not_to_contain_text("saving")
    assert violations(page) == []
    page.reload()
    expect(rate).to_contain_text("40% wrong (2 of 5;")
    current = page.locator("[aria-current=true]")
    expect(current).to_have_accessible_name(re.compile("Mask 5: cat.*not judged"))
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    crops.nth(6).get_by_role("button").click()
    page.get_by_role("toolbar").get_by_role("button", name="Right").click()
    expect(rate).to_contain_text("33.3% wrong (2 of 6;")
    assert fits(page)
    assert violations(page) == []
    page.get_by_role("combobox", name="Show").select_option(label="Wrong")
    expect(crops).to_have_count(2)


def test_an_object_is_fixed_and_the_grid_shows_it_changed(server: LimnerServer, page: Page) -> None:
    project_id = drawn_project(server)
    page.goto(f"{server.address}/projects/{project_id}/verification?size=50&seed=3")
    crops = page.get_by_role("list", name="Masks").get_by_role("listitem")
    expect(crops).to_have_count(MASKS)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("f")
    back = page.get_by_role("link", name="Back to verifying")
    expect(back).to_be_visible()
    expect(page.get_by_role("region", name="Objects").locator("li .selected, li.selected")).to_have_count(1)
    page.keyboard.press("Delete")
    expect(page.get_by_test_id("object-count")).to_contain_text(str(MASKS - 1))
    expect(page.get_by_test_id("save-state")).to_contain_text("Saved", ignore_case=True)
    back.press("Enter")
    expect(crops).to_have_count(MASKS - 1)
    expect(page).to_have_url(re.compile(r"/verification\?size=50&seed=3&at="))
