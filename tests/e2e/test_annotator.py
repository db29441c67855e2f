"""Ten objects on three photos by mouse and keys, the network lost in between; what was seen comes out."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from limner.vocabulary import rle
from tests.e2e.annotate_page import AnnotatePage, Mask, agreement, annotations_of, exported
from tests.e2e.api import Project

pytestmark = pytest.mark.e2e

CATEGORIES = {"person": "2", "vehicle": "3", "food": "4", "thing": "5"}  # and their keys


class Annotator:
    """Draws objects on one photo, each of its own category, and remembers how many there are."""

    def __init__(self, page: Page, project: Project, photo: str) -> None:
        self.work = AnnotatePage(page, project, photo)
        self.page = page
        self.photo = photo
        self.work.leave()
        self.empty = self.work.picture()
        self.categories: list[str] = []

    def accept(self, category: str) -> None:
        expect(self.page.get_by_role("button", name=re.compile("Accept"))).to_be_enabled()
        self.page.keyboard.press(CATEGORIES[category])
        self.page.keyboard.press("Enter")
        self.categories.append(category)
        expect(self.work.objects).to_have_count(len(self.categories))

    def click(self, x: float, y: float, **how: object) -> None:
        self.page.mouse.click(*self.work.at(x, y), **how)  # type: ignore[arg-type]

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.page.mouse.move(*self.work.at(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self.work.at(*end), steps=5)
        self.page.mouse.up()

    def seen(self) -> Mask:
        """Everything that is marked on the screen, with no object selected."""
        self.page.keyboard.press("Escape")
        self.work.leave()
        self.page.wait_for_timeout(300)
        return self.work.shown_mask(self.empty)


def check(annotator: Annotator, seen: Mask, coco: dict) -> None:
    """The export has the objects that were drawn, and their masks together are what was on the screen."""
    annotations = annotations_of(coco, annotator.photo)
    names = {category["id"]: category["name"] for category in coco["categories"]}
    assert [names[each["category_id"]] for each in annotations] == annotator.categories
    masks = [rle.decode(rle.validate(each["segmentation"], seen.shape)) for each in annotations]
    assert all(mask.any() for mask in masks)
    assert agreement(np.logical_or.reduce(masks), seen) > 0.995


def test_ten_objects_on_three_photos(project: Project, page: Page) -> None:
    coins = Annotator(page, project, "coins.png")
    for at in [(45, 45), (110, 50), (175, 45)]:
        coins.click(*at)
        coins.accept("thing")
    coins.work.saved()
    page.context.set_offline(True)
    try:
        for at in [(230, 60), (300, 50)]:
            coins.click(*at)
            coins.accept("thing")
        page.keyboard.down("Control")  # selects it, to be corrected by hand
        coins.click(300, 50)
        page.keyboard.up("Control")
        page.keyboard.press("b")
        coins.drag((330, 85), (350, 85))
        page.keyboard.press("q")
        expect(page.get_by_role("contentinfo")).to_contain_text("Offline (3 changes waiting)")
    finally:
        page.context.set_offline(False)
    coins.work.saved()
    seen_coins = coins.seen()

    coffee = Annotator(page, project, "coffee.png")
    coffee.click(250, 220)
    coffee.click(60, 60, button="right")  # not this
    expect(page.get_by_role("button", name="Best fit")).to_have_attribute("aria-pressed", "true")
    coffee.accept("food")
    page.keyboard.press("p")
    for corner in [(480, 40), (560, 40), (560, 120), (480, 120)]:
        coffee.click(*corner)
    page.keyboard.press("Enter")
    coffee.accept("person")
    page.keyboard.press("q")
    coffee.work.saved()
    seen_coffee = coffee.seen()

    rocket = Annotator(page, project, "rocket.jpg")
    rocket.drag((290, 120), (350, 420))
    rocket.accept("vehicle")
    page.keyboard.press("b")
    rocket.drag((100, 350), (180, 380))
    rocket.accept("thing")
    page.keyboard.press("q")
    rocket.click(500, 60)
    page.keyboard.press("Tab")  # another candidate
    rocket.accept("thing")
    rocket.work.saved()
    seen_rocket = rocket.seen()

    coco = exported(project, page)
    check(coins, seen_coins, coco)
    check(coffee, seen_coffee, coco)
    check(rocket, seen_rocket, coco)
    assert len(coco["annotations"]) == 10
