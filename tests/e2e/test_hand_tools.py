"""Masks made by hand in a real browser: what is exported is what was painted, pixel by pixel."""

from __future__ import annotations

import re

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Page, expect

from limner.vocabulary import rle
from tests.e2e.annotate_page import AnnotatePage, annotations_of, exported
from tests.e2e.api import Project

pytestmark = pytest.mark.e2e

Mask = NDArray[np.bool_]
PHOTO = "cat.png"
BRUSH = 24  # px, what the brush begins with


def swept(work: AnnotatePage, start: tuple[int, int], end: tuple[int, int], size: int) -> Mask:
    """Pixels whose centre is at most half the size away from the line."""
    rows, columns = np.mgrid[0 : work.height, 0 : work.width] + 0.5
    (ax, ay), (bx, by) = start, end
    along = ((columns - ax) * (bx - ax) + (rows - ay) * (by - ay)) / max((bx - ax) ** 2 + (by - ay) ** 2, 1)
    along = np.clip(along, 0, 1)
    covered: Mask = np.hypot(columns - ax - along * (bx - ax), rows - ay - along * (by - ay)) <= size / 2
    return covered


def drag(work: AnnotatePage, start: tuple[int, int], end: tuple[int, int]) -> None:
    work.page.mouse.move(*work.at(*start))
    work.page.mouse.down()
    work.page.mouse.move(*work.at(*end))
    work.page.mouse.up()


def only_mask(project: Project, work: AnnotatePage) -> Mask:
    work.saved()
    (annotation,) = annotations_of(exported(project, work.page), PHOTO)
    mask = rle.decode(rle.validate(annotation["segmentation"], (work.height, work.width)))
    assert annotation["area"] == mask.sum()
    return mask


def test_brush_eraser_and_polygon_give_exactly_their_pixels(project: Project, page: Page) -> None:
    work = AnnotatePage(page, project, PHOTO)
    page.keyboard.press("b")
    drag(work, (100, 100), (220, 160))
    page.keyboard.down("Shift")  # straight on from there
    page.mouse.click(*work.at(220, 60))
    page.keyboard.up("Shift")
    page.keyboard.press("Enter")
    expect(work.objects).to_have_count(1)
    painted = swept(work, (100, 100), (220, 160), BRUSH) | swept(work, (220, 160), (220, 60), BRUSH)
    assert np.array_equal(only_mask(project, work), painted)

    work = AnnotatePage(page, project, PHOTO)
    page.keyboard.down("Control")
    page.mouse.click(*work.at(100, 100))  # selects
    page.keyboard.up("Control")
    page.keyboard.press("b")
    page.keyboard.down("Alt")
    drag(work, (160, 90), (160, 170))
    page.keyboard.up("Alt")
    erased = painted & ~swept(work, (160, 90), (160, 170), BRUSH)
    assert np.array_equal(only_mask(project, work), erased)

    work = AnnotatePage(page, project, PHOTO)
    page.keyboard.down("Control")
    page.mouse.click(*work.at(100, 100))
    page.keyboard.up("Control")
    page.keyboard.press("p")
    for corner in [(300, 100), (340, 100), (340, 130), (300, 130)]:
        page.mouse.click(*work.at(*corner))
    page.keyboard.press("Enter")
    with_square = erased.copy()
    with_square[100:130, 300:340] = True
    page.keyboard.press("e")
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+Shift+z")
    assert np.array_equal(only_mask(project, work), with_square)


def test_a_painted_mask_is_refined_by_points_and_its_corners_can_be_moved(project: Project, page: Page) -> None:
    work = AnnotatePage(page, project, "rocket.jpg")
    before = work.objects.count()
    page.keyboard.press("b")
    drag(work, (320, 200), (320, 330))
    page.keyboard.press("q")
    page.mouse.click(*work.at(320, 260))
    expect(page.get_by_role("region", name="Candidates").get_by_role("button", name=re.compile("%"))).to_have_count(4)
    page.keyboard.press("Backspace")  # the point is gone, what was painted is there again

    page.keyboard.press("v")
    corners = page.get_by_label("Number of corners")
    expect(corners).not_to_have_text("0 corners")
    many = int(corners.inner_text().split()[0])
    page.get_by_label(re.compile("Simplify")).fill("20")
    expect(corners).not_to_have_text(f"{many} corners")
    assert 3 <= int(corners.inner_text().split()[0]) < many
    page.keyboard.press("Enter")
    expect(work.objects).to_have_count(before + 1)
    work.saved()


def test_choosing_a_tool_and_setting_corners_leave_the_view_as_it_is(project: Project, page: Page) -> None:
    work = AnnotatePage(page, project, PHOTO)
    fitted = work.stage.get_attribute("data-scale")
    assert fitted is not None
    middle = work.at(200, 150)
    page.mouse.move(*middle)
    page.mouse.wheel(0, -240)
    expect(work.stage).not_to_have_attribute("data-scale", fitted)
    zoomed = work.stage.get_attribute("data-scale")
    assert zoomed is not None
    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Polygon")).to_have_attribute("aria-pressed", "true")
    page.mouse.click(*middle)
    page.keyboard.press("b")
    expect(page.get_by_text("24 px", exact=True)).to_be_visible()
    assert work.stage.get_attribute("data-scale") == zoomed
