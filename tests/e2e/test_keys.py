"""Keys as people want them, and a page that leaves the image alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.annotate_page import AnnotatePage
from tests.e2e.api import Project
from tests.e2e.test_access import violations

pytestmark = pytest.mark.e2e


@pytest.fixture(autouse=True)
def own_settings(page: Page) -> Iterator[None]:
    """The keys that a test chooses are gone after it: all tests share one browser profile."""
    yield
    page.evaluate("localStorage.removeItem('limner-view')")


def tool(page: Page, name: str) -> Locator:
    return page.get_by_role("toolbar", name="Tools").get_by_role("button", name=name, exact=True)


def expect_tool(page: Page, key: str, name: str) -> None:
    """The key brings the tool, whatever was there before."""
    page.keyboard.press("q")
    page.keyboard.press(key)
    expect(tool(page, name)).to_have_attribute("aria-pressed", "true")


def open_sheet(page: Page) -> Locator:
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keys and mouse")
    sheet.wait_for()
    return sheet


def test_keys_are_found_changed_swapped_and_reset(project: Project, page: Page) -> None:
    AnnotatePage(page, project, "cat.png")
    sheet = open_sheet(page)
    expect(sheet.get_by_label("Search keys")).to_be_focused()
    page.keyboard.insert_text("brush")
    expect(sheet.get_by_role("listitem")).to_have_count(5)
    sheet.get_by_role("button", name="Brush: B. Change this key").click()
    assert violations(page) == []
    page.keyboard.press("Alt+x")
    expect(sheet.get_by_text("Keys with Alt belong to the desktop.")).to_be_visible()
    page.keyboard.press("y")
    expect(sheet.get_by_role("button", name="Brush: Y. Change this key")).to_be_focused()
    page.keyboard.press("Escape")
    expect_tool(page, "y", "Brush")
    page.keyboard.press("q")
    page.keyboard.press("b")  # means nothing any more
    expect(tool(page, "Points")).to_have_attribute("aria-pressed", "true")

    page.reload()  # kept in this browser
    AnnotatePage(page, project, "cat.png")
    expect(tool(page, "Brush")).to_have_attribute("title", "Brush (Y)")
    sheet = open_sheet(page)
    page.keyboard.insert_text("y")
    sheet.get_by_role("button", name="Brush: Y. Change this key").click()
    page.keyboard.press("e")
    expect(sheet.get_by_role("alert")).to_contain_text("E is “Eraser”")
    assert violations(page) == []
    expect(sheet.get_by_role("button", name="Swap")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect_tool(page, "e", "Brush")
    expect_tool(page, "y", "Eraser")

    sheet = open_sheet(page)
    sheet.get_by_role("button", name="Reset all").click()
    expect(sheet.get_by_role("button", name="Brush: B. Change this key")).to_be_visible()
    page.keyboard.press("Escape")
    expect_tool(page, "b", "Brush")
    expect_tool(page, "e", "Eraser")


def test_keys_of_another_tool(project: Project, page: Page) -> None:
    project.add_photo("horse.png")
    AnnotatePage(page, project, "horse.png")
    sheet = open_sheet(page)
    sheet.get_by_label("Keys of").select_option(label="CVAT")
    page.keyboard.press("Escape")
    expect_tool(page, "Shift+Digit1", "Brush")
    project.add_photo("cat.png")
    AnnotatePage(page, project, "horse.png")
    page.keyboard.press("f")
    page.get_by_role("heading", name="cat.png").wait_for()
    page.keyboard.press("d")
    page.get_by_role("heading", name="horse.png").wait_for()


def test_the_keyboard_alone_points_and_zooms(project: Project, page: Page) -> None:
    work = AnnotatePage(page, project, "cat.png")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.get_by_test_id("pixel")).not_to_have_text("")
    page.keyboard.press("+")
    expect(work.candidates).to_have_count(3)
    before = float(work.stage.get_attribute("data-scale") or 0)
    page.keyboard.press("PageUp")
    expect(work.stage).not_to_have_attribute("data-scale", str(before))
    page.keyboard.press("Enter")
    expect(work.objects).to_have_count(1)
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Limner saves every change by itself.")).to_be_visible()


@pytest.mark.parametrize("width", [1280, 1920])
def test_tool_options_take_one_line_and_nothing_of_the_image(project: Project, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 720})
    work = AnnotatePage(page, project, "cat.png")
    stage = work.stage.bounding_box()
    options = page.get_by_role("toolbar", name="Tool options")
    for key in "qwbepfv":
        page.keyboard.press(key)
        box = options.bounding_box()
        assert box
        assert stage
        assert box["y"] + box["height"] <= stage["y"] + 0.5
        assert work.stage.bounding_box() == stage
        assert options.evaluate("bar => bar.scrollWidth <= bar.clientWidth"), key


def test_the_mask_panel_says_what_is_there(project: Project, page: Page) -> None:
    work = AnnotatePage(page, project, "cat.png")
    hint = page.get_by_test_id("mask-hint")
    expect(hint).to_contain_text("Point at an object")
    page.keyboard.press("b")
    expect(hint).to_contain_text("Paint a new mask")
    page.mouse.move(*work.at(100, 100))
    page.mouse.down()
    page.mouse.move(*work.at(160, 120))
    page.mouse.up()
    expect(hint).to_contain_text("painted by hand")
    page.keyboard.press("g")  # one pixel and another
    page.keyboard.press("Enter")
    expect(work.objects).to_have_count(1)
    work.objects.first.locator("[data-uid]").click()
    expect(hint).to_contain_text("selected object")


def test_all_selected_objects_are_outlined(project: Project, page: Page) -> None:
    work = AnnotatePage(page, project, "cat.png")
    page.keyboard.press("b")
    for place in [(80, 80), (300, 200)]:
        page.mouse.click(*work.at(*place))
        page.keyboard.press("Enter")
    expect(work.objects).to_have_count(2)
    work.leave()
    plain = work.picture()
    page.keyboard.press("q")
    page.keyboard.press("Control+a")
    expect(page.get_by_text(re.compile("2 selected"))).to_be_visible()
    page.wait_for_function("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    changed = abs(work.picture() - plain).sum(axis=2) > 120
    left, top, scale = work.image_rectangle()
    box = work.stage.bounding_box()
    assert box is not None
    counts = []
    for x, y in [(80, 80), (300, 200)]:
        column, row = int(left - box["x"] + x * scale), int(top - box["y"] + y * scale)
        reach = int(16 * scale)
        counts.append(int(changed[row - reach : row + reach, column - reach : column + reach].sum()))
    assert counts[1] > counts[0] > 40  # the newest is the primary one


def test_the_theme_is_chosen_on_every_page_with_keys(project: Project, page: Page) -> None:
    background = "() => getComputedStyle(document.body).backgroundColor"
    page.goto(project.url)
    choice = page.get_by_label("Theme", exact=True)
    choice.press("ArrowDown")
    expect(choice).to_have_value("light")
    light = page.evaluate(background)
    choice.press("ArrowDown")
    expect(choice).to_have_value("dark")
    dark = page.evaluate(background)
    assert light != dark
    work = AnnotatePage(page, project, "cat.png")
    page.get_by_text("View", exact=True).click()
    expect(page.get_by_label("Theme", exact=True)).to_have_value("dark")
    page.get_by_label("Theme", exact=True).select_option("light")
    page.keyboard.press("Escape")
    assert page.evaluate(background) == light
    expect(work.stage).to_be_visible()


def test_a_reason_to_skip_can_be_typed_at_once(project: Project, page: Page) -> None:
    AnnotatePage(page, project, "cat.png")
    page.keyboard.press("Control+Shift+Enter")
    dialog = page.get_by_role("dialog", name="Skip this image")
    expect(dialog.get_by_label("Another reason")).to_be_focused()
    page.keyboard.insert_text("too dark")
    page.go_back()  # another page: nothing is skipped, and the question is gone
    page.get_by_role("link", name=re.compile("cat.png")).click()
    expect(page.get_by_test_id("mark")).to_have_text("To do")
    expect(dialog).to_have_count(0)
