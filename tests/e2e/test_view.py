"""How an image is seen: the zoom is not forgotten, names stand on objects, the column is made wider and keeps still."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.annotate_page import AnnotatePage, violations
from tests.e2e.api import Project
from tests.e2e.server import LimnerServer
from tests.e2e.waiting import wait_until

pytestmark = pytest.mark.e2e


def scale_of(page: Page) -> float:
    return float(page.get_by_role("application").get_attribute("data-scale") or 0)


def walk(page: Page, key: str, name: str) -> None:
    page.keyboard.press(key)
    page.get_by_role("heading", name=name).wait_for()
    expect(page.get_by_role("contentinfo")).to_contain_text("Ready")


def test_the_zoom_has_buttons_and_each_image_keeps_its_own(project: Project, page: Page) -> None:
    project.add_photo("astronaut.png")
    project.add_photo("photographer.png")  # as large
    AnnotatePage(page, project, "astronaut.png")
    zoom = page.get_by_role("group", name="Zoom")
    fitted = scale_of(page)
    for _ in range(4):
        zoom.get_by_role("button", name="Zoom in").click()
    closer = scale_of(page)
    assert closer == pytest.approx(fitted * 1.25**4)
    expect(zoom).to_contain_text(f"{100 * closer:.0f} %")
    assert violations(page) == []
    stage = page.get_by_role("application")
    walk(page, "d", "photographer.png")
    expect(stage).to_have_attribute("data-scale", f"{fitted}")
    walk(page, "a", "astronaut.png")
    expect(stage).to_have_attribute("data-scale", f"{closer}")  # as it was left
    page.get_by_text("View", exact=True).click()
    page.get_by_label("Keep the zoom on images of the same size").check()
    page.keyboard.press("Escape")
    walk(page, "d", "photographer.png")
    expect(stage).to_have_attribute("data-scale", f"{closer}")
    zoom.get_by_role("button", name="Fit the image").click()
    expect(stage).to_have_attribute("data-scale", f"{fitted}")


def test_the_column_is_made_wider_and_panels_fold_and_both_last(project: Project, page: Page) -> None:
    work = AnnotatePage(page, project, "cat.png")
    column = page.get_by_role("complementary", name="Annotations")
    edge = page.get_by_role("separator", name="Width of the column")

    def width() -> float:
        box = column.bounding_box()
        assert box
        return box["width"]

    assert width() == 288
    box = edge.bounding_box()
    assert box
    page.mouse.move(box["x"] + 4, box["y"] + 300)
    page.mouse.down()
    page.mouse.move(box["x"] - 76, box["y"] + 310, steps=4)
    page.mouse.up()
    assert width() == pytest.approx(368, abs=2)
    edge.focus()
    page.keyboard.press("ArrowRight")
    assert width() == pytest.approx(352, abs=2)
    suggestions = page.get_by_role("region", name="Suggestions")
    suggestions.get_by_role("button", name="Suggestions").click()
    expect(suggestions.get_by_role("button", name=re.compile("Find everything"))).to_have_count(0)
    assert violations(page) == []
    page.reload()
    work.wait_until_ready()
    assert width() == pytest.approx(352, abs=2)
    expect(suggestions.get_by_role("button", name=re.compile("Find everything"))).to_have_count(0)
    edge.dblclick()
    assert width() == 288


def test_masks_of_clicks_are_tidied_and_the_switch_for_it_lasts(
    project: Project, page: Page, server: LimnerServer
) -> None:
    work = AnnotatePage(page, project, "coffee.png")

    def draw(x: int, y: int) -> dict[str, Any]:
        """An object; how it came about."""
        page.mouse.click(*work.at(x, y))
        expect(work.candidates).to_have_count(3)
        page.keyboard.press("Enter")
        work.saved()
        image_id = re.search(r"/images/(\d+)", page.url)[1]
        answer = page.request.get(f"{server.address}/api/v1/images/{image_id}/annotations").json()
        return answer["annotations"][-1]["provenance"]

    assert draw(250, 220)["tidied"] is True
    page.get_by_text("View", exact=True).click()
    switch = page.get_by_label("Tidy masks of clicks")
    switch.uncheck()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.reload()
    work.wait_until_ready()
    expect(switch).not_to_be_checked()
    page.get_by_text("View", exact=True).click()
    switch.check()  # the tests of a file share a profile


def test_the_list_of_objects_keeps_its_height_when_the_first_category_is_chosen(project: Project, page: Page) -> None:
    work = AnnotatePage(page, project, "coffee.png")
    objects = page.get_by_role("region", name="Objects")

    def height() -> int:
        box = objects.bounding_box()
        assert box
        return round(box["height"])

    page.get_by_text("Choose a category to say whether all of it").wait_for()
    before = height()
    page.mouse.click(*work.at(250, 220))
    expect(work.candidates).to_have_count(3)
    page.keyboard.press("5")
    expect(work.objects).to_have_count(1)
    said = page.get_by_role("group", name="Whether all of “thing” are annotated here")
    expect(said).to_be_visible()
    assert height() == before
    said.get_by_role("button", name="All", exact=True).click()
    expect(said.get_by_role("button", name="All", exact=True)).to_have_attribute("aria-pressed", "true")
    assert height() == before
    assert violations(page) == []


def test_names_stand_on_objects_while_they_are_asked_for(project: Project, page: Page) -> None:
    work = AnnotatePage(page, project, "coffee.png")
    page.mouse.click(*work.at(250, 220))
    expect(work.candidates).to_have_count(3)
    page.keyboard.press("5")
    expect(work.objects).to_have_count(1)
    page.keyboard.press("Escape")  # nothing is selected
    work.leave()
    page.wait_for_timeout(500)  # what was lit has come to rest
    plain = work.picture()

    def changed() -> int:
        """Pixels of the screen that are not as they were without names."""
        return int((np.abs(work.picture() - plain).sum(axis=2) > 24).sum())

    assert changed() == 0
    page.keyboard.press("i")
    wait_until(page, lambda: changed() > 300, "a name on the object", pause=100)
    page.keyboard.press("i")
    wait_until(page, lambda: changed() == 0, "the object without its name", pause=100)
    page.get_by_text("View", exact=True).click()
    expect(page.get_by_label("Names on objects")).not_to_be_checked()
    assert violations(page) == []
