"""The column beside the image: objects first and by their names, and every category that a digit gives."""

from __future__ import annotations

import json
import re
import uuid

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect
from sqlalchemy import select

from limner.store.categories import list_categories
from limner.store.tables import Image
from limner.vocabulary import rle
from tests.conftest import png_bytes
from tests.e2e.annotate_page import violations
from tests.e2e.api import Api, database_of
from tests.e2e.server import LimnerServer
from tests.e2e.test_image_states import shoot

pytestmark = pytest.mark.e2e

CATEGORIES = tuple(f"category {index:02}" for index in range(80))
BY_DIGIT = CATEGORIES[:10]
OBJECTS = 30
LARGE: ViewportSize = {"width": 1440, "height": 900}
LOW: ViewportSize = {"width": 1280, "height": 720}
# How many of these are seen whole, within what scrolls and within the window.
WHOLE = """(each) => each.filter((element) => {
  const { top, bottom, left, right } = element.getBoundingClientRect();
  for (let box = element.parentElement; box; box = box.parentElement) {
    if (getComputedStyle(box).overflowY === "visible") continue;
    const around = box.getBoundingClientRect();
    if (top < around.top - 0.5 || bottom > around.bottom + 0.5) return false;
  }
  return bottom > top && right > left && top >= 0 && bottom <= innerHeight;
}).map((element) => element.textContent.trim())"""


class Column:
    """The column, of an image with thirty objects in a project of eighty categories; nothing is folded."""

    def __init__(self, server: LimnerServer, page: Page, objects: int = OBJECTS, docked: bool = False) -> None:
        self.page, self.api = page, Api(server)
        project_id = self.api.create_project(f"Column {uuid.uuid4()}", CATEGORIES)
        self.api.upload(project_id, {"a.png": png_bytes()})
        with database_of(server) as session:
            self.categories = [each.id for each in list_categories(session, project_id)]
            self.image = session.scalars(select(Image.id).where(Image.project_id == project_id)).one()
        self.objects = 0
        for _ in range(objects):
            self.add()
        view = json.dumps({"coached": True, "barsAtObject": not docked})
        page.add_init_script(f"localStorage.getItem('limner-view') ?? localStorage.setItem('limner-view', '{view}')")
        page.goto(f"{server.address}/projects/{project_id}/images/{self.image}")
        expect(page.get_by_test_id("object-count")).to_have_text(str(objects))
        expect(page.get_by_role("button", name=f"{CATEGORIES[0]} 1")).to_be_attached()

    def add(self) -> None:
        """Somebody else makes an object more."""
        mask = np.zeros((48, 64), np.bool_)
        row, column = divmod(self.objects, 8)
        mask[row * 8 : row * 8 + 7, column * 8 : column * 8 + 7] = True
        category = self.categories[self.objects % len(self.categories)]
        create = {"kind": "create", "uid": str(uuid.uuid4()), "category_id": category, "segmentation": rle.encode(mask)}
        self.api.operate(self.image, self.objects, create)
        self.objects += 1

    @property
    def list(self) -> Locator:
        return self.page.get_by_role("region", name="Objects")

    def rows(self) -> list[str]:
        """The objects that are seen whole."""
        self.page.wait_for_timeout(300)  # the list has measured its rows
        found: list[str] = self.list.locator("[data-uid]").evaluate_all(WHOLE)
        return found

    def chips(self) -> list[str]:
        """The categories that are seen whole, with what their keys are."""
        found: list[str] = (
            self.page.get_by_role("region", name="Categories")
            .get_by_role("button", name=re.compile("^category"))
            .evaluate_all(WHOLE)
        )
        return [" ".join(each.split()) for each in found]

    def tops(self) -> list[int]:
        """Where what lies below the objects begins."""
        boxes = [self.page.get_by_role("region", name=each).bounding_box() for each in ("Categories", "Suggestions")]
        return [round(box["y"]) for box in boxes if box]


@pytest.mark.parametrize(
    ("window", "docked", "least"),
    [(LARGE, False, 12), (LOW, False, 8), (LARGE, True, 10), (LOW, True, 8)],
    ids=["1440", "1280", "1440 with the bar below", "1280 with the bar below"],
)
def test_objects_come_first_and_each_category_that_has_a_key_is_seen(
    server: LimnerServer, page: Page, window: ViewportSize, docked: bool, least: int
) -> None:
    page.set_viewport_size(window)
    column = Column(server, page, docked=docked)
    keyed = [f"{name} {(place + 1) % 10}" for place, name in enumerate(BY_DIGIT)]
    assert len(column.rows()) >= least
    assert column.chips()[:10] == keyed
    page.keyboard.press("3")  # with what is said of the chosen one
    expect(page.get_by_role("group", name="Whether all of “category 02” are annotated here")).to_be_visible()
    assert len(column.rows()) >= least
    assert column.chips()[:10] == keyed
    shoot(page, f"right-column-{window['width']}{'-docked' * docked}")
    column.list.locator("[data-uid]").first.click()
    page.keyboard.press("/")
    page.keyboard.type("57")
    page.keyboard.press("Enter")  # one that has no key is seen all the same, and the others stay
    expect(page.get_by_role("button", name="category 57", exact=True).first).to_have_attribute("aria-pressed", "true")
    page.wait_for_timeout(300)
    assert column.chips()[:11] == [*keyed, "category 57"]
    assert violations(page) == []


def test_nothing_below_the_objects_moves_when_they_come_or_a_category_is_searched(
    server: LimnerServer, page: Page
) -> None:
    page.set_viewport_size(LOW)
    column = Column(server, page, objects=0)
    before = column.tops()
    assert len(before) == 2
    for _ in range(12):
        column.add()
    expect(page.get_by_test_id("object-count")).to_have_text("12")
    assert len(column.rows()) >= 8
    assert column.tops() == before
    page.keyboard.press("/")
    page.keyboard.type("category 7")
    expect(page.get_by_role("button", name="category 79", exact=True)).to_be_attached()
    assert column.tops() == before
    page.keyboard.press("Escape")
    column.list.locator("[data-uid]").first.click()  # with what one can do with it, below the rows
    expect(column.list.get_by_text("1 selected")).to_be_visible()
    assert column.tops() == before


def test_the_name_of_an_object_is_whole_and_figures_are_where_there_is_room(server: LimnerServer, page: Page) -> None:
    page.set_viewport_size(LOW)
    column = Column(server, page)
    row = column.list.locator("[data-uid]").first
    area = row.get_by_text("49 px")
    cut = "(names) => names.filter((name) => name.scrollWidth > name.clientWidth).map((name) => name.textContent)"
    names = column.list.locator("[data-uid] .name")
    expect(names.filter(has_text="category 00")).to_be_visible()
    assert names.evaluate_all(cut) == []
    expect(area).to_be_hidden()
    expect(row).to_have_attribute("title", re.compile("^category 00 · 49 px\n"))
    edge = page.get_by_role("separator", name="Width of the column")
    for _ in range(8):
        edge.press("ArrowLeft")
    expect(area).to_be_visible()
    assert names.evaluate_all(cut) == []
