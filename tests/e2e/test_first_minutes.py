"""The first minutes: an empty project says what to do, the first image shows three marks, tiles show masks."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.annotate_page import violations
from tests.e2e.api import Project, sign_in_link
from tests.e2e.conftest import new_profile
from tests.e2e.server import LimnerServer

pytestmark = pytest.mark.e2e

IS_PAINTED = """(image) => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
  return pixels.some((value, place) => place % 4 === 3 && value > 0);
}"""


@pytest.fixture
def newcomer(server: LimnerServer, browser: Browser) -> Iterator[Page]:
    """A tab of a browser that has never been here, signed in."""
    context = new_profile(browser, sign_in_link(server))
    yield context.new_page()
    context.close()


def test_an_empty_project_says_what_to_do_until_an_image_comes(project: Project, newcomer: Page) -> None:
    page = newcomer
    page.goto(project.url)
    first = page.get_by_role("region", name="This project has no images yet")
    expect(first).to_contain_text("Drop images or whole folders")
    expect(first).to_contain_text("limner project import")
    assert violations(page) == []
    project.add_photo("cat.png")
    page.get_by_role("link", name=re.compile("cat.png")).wait_for()
    expect(first).to_have_count(0)


def test_three_marks_are_brought_on_by_what_one_does_and_never_come_back(project: Project, newcomer: Page) -> None:
    page = newcomer
    project.add_photo("cat.png")
    page.goto(project.url)
    tile = page.get_by_role("link", name=re.compile("cat.png"))
    tile.click()
    page.get_by_role("region", name="1 of 3 Point").wait_for()
    assert violations(page) == []
    stage = page.get_by_role("application").bounding_box()
    assert stage
    at = stage["x"] + stage["width"] * 0.5, stage["y"] + stage["height"] * 0.55
    page.mouse.move(*at)
    page.get_by_role("region", name="2 of 3 Click").wait_for()
    page.mouse.click(*at)
    page.get_by_role("region", name="3 of 3 Enter keeps it").wait_for()
    page.keyboard.press("Enter")
    marks = page.get_by_role("button", name="No more tips")
    expect(page.get_by_role("region", name="Objects").get_by_role("listitem")).to_have_count(1)
    expect(marks).to_have_count(0)
    expect(page.get_by_role("contentinfo")).to_contain_text("Saved")
    page.reload()
    expect(page.get_by_role("contentinfo")).to_contain_text("Ready")
    expect(marks).to_have_count(0)

    page.get_by_role("link", name=re.compile("Back to the images")).click()
    expect(tile).to_have_accessible_name(re.compile("1 mask"))
    masks = tile.locator("img.masks")
    page.wait_for_function("(image) => image.complete", arg=masks.element_handle())
    assert masks.evaluate(IS_PAINTED)
    page.get_by_role("button", name="Masks", exact=True, pressed=True).click()
    expect(masks).to_have_count(0)
    page.reload()
    tile.wait_for()
    expect(masks).to_have_count(0)
    page.get_by_role("button", name="Masks", exact=True, pressed=False).click()
    expect(masks).to_have_count(1)


def test_marks_are_sent_away_with_the_keys_alone(project: Project, newcomer: Page) -> None:
    page = newcomer
    project.add_photo("cat.png")
    page.goto(project.url)
    page.get_by_role("link", name=re.compile("cat.png")).click()
    away = page.get_by_role("button", name="No more tips")
    away.focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Got it")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("region", name="2 of 3 Click").wait_for()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(away).to_have_count(0)
    page.reload()
    expect(page.get_by_role("contentinfo")).to_contain_text("Ready")
    expect(away).to_have_count(0)


def test_a_tile_follows_what_others_draw(project: Project, newcomer: Page, page: Page) -> None:
    """One draws, in a browser of their own, what the other sees on the tile."""
    project.add_photo("cat.png")
    page.goto(project.url)
    tile = page.get_by_role("link", name=re.compile("cat.png"))
    expect(tile.locator("img")).to_have_count(1)
    newcomer.goto(project.url)
    newcomer.get_by_role("link", name=re.compile("cat.png")).click()
    expect(newcomer.get_by_role("contentinfo")).to_contain_text("Ready")
    stage = newcomer.get_by_role("application").bounding_box()
    assert stage
    newcomer.mouse.click(stage["x"] + stage["width"] * 0.5, stage["y"] + stage["height"] * 0.55)
    newcomer.get_by_role("region", name="3 of 3 Enter keeps it").wait_for()
    newcomer.keyboard.press("Enter")
    masks = tile.locator("img.masks")
    expect(masks).to_have_count(1)
    expect(masks).to_have_attribute("src", re.compile("revision=1&"))
