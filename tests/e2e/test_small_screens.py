"""Phones, tablets and 200 % zoom: the whole path with fingers, and axe has nothing against it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.annotate_page import violations
from tests.e2e.api import Project, sign_in_link
from tests.e2e.conftest import TIMEOUT
from tests.e2e.server import LimnerServer

pytestmark = pytest.mark.e2e

PHONE, TABLET = (390, 844), (820, 1180)


@pytest.fixture(params=[PHONE, TABLET], ids=["phone", "tablet"])
def touch_page(server: LimnerServer, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A tab of a device with fingers only, signed in."""
    width, height = request.param
    context = browser.new_context(viewport={"width": width, "height": height}, has_touch=True, is_mobile=True)
    context.set_default_timeout(TIMEOUT)
    page = context.new_page()
    page.goto(sign_in_link(server))
    page.get_by_role("heading", name="Projects").wait_for()
    yield page
    context.close()


def fits(page: Page) -> bool:
    """Whether nothing reaches over the right edge of the screen."""
    return bool(page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"))


def test_fingers_open_draw_choose_accept_and_submit(project: Project, touch_page: Page) -> None:
    page = touch_page
    project.add_photo("coffee.png")
    project.add_photo("cat.png")
    page.goto(project.url)
    coffee = page.get_by_role("link", name=re.compile("coffee.png"))
    coffee.wait_for()
    assert fits(page)
    assert violations(page) == []
    coffee.tap()
    expect(page.get_by_role("contentinfo")).to_contain_text("Ready")
    stage = page.get_by_role("application").bounding_box()
    window = page.viewport_size
    assert stage
    assert window
    assert stage["width"] == window["width"]
    assert stage["height"] > 0.6 * window["height"]

    page.touchscreen.tap(stage["x"] + stage["width"] * 0.45, stage["y"] + stage["height"] * 0.5)
    candidates = page.get_by_role("region", name="Candidates").get_by_role("button", name=re.compile("Candidate"))
    expect(candidates).to_have_count(3)
    assert fits(page)
    assert violations(page) == []
    page.get_by_role("button", name=re.compile("^Category:")).tap()
    page.get_by_role("button", name=re.compile("^food")).tap()
    expect(page.get_by_role("button", name="Category: food")).to_be_visible()
    page.get_by_role("button", name="Accept").tap()
    page.get_by_role("button", name="Objects: 1").tap()
    row = page.get_by_role("region", name="Objects").get_by_role("listitem")
    expect(row).to_contain_text("food")
    assert violations(page) == []
    page.get_by_role("button", name="Close the objects").tap()
    page.get_by_role("button", name="Submit").tap()
    page.get_by_role("heading", name="cat.png").wait_for()  # the next one


def test_a_tap_on_an_object_selects_it_and_the_bar_removes_it(project: Project, touch_page: Page) -> None:
    page = touch_page
    project.add_photo("coins.png")
    page.goto(project.url)
    page.get_by_role("link", name=re.compile("coins.png")).tap()
    expect(page.get_by_role("contentinfo")).to_contain_text("Ready")
    stage = page.get_by_role("application").bounding_box()
    assert stage
    at = stage["x"] + stage["width"] * 0.5, stage["y"] + stage["height"] * 0.5
    page.touchscreen.tap(*at)
    page.get_by_role("button", name="Accept").tap()
    page.get_by_role("button", name="Objects: 1").wait_for()
    page.touchscreen.tap(*at)
    page.get_by_role("toolbar", name="Selected object").get_by_role("button", name="Remove it").tap()
    page.get_by_role("button", name="Objects: 0").wait_for()
    page.get_by_role("navigation", name="Tools").get_by_role("button", name="Undo").tap()
    page.get_by_role("button", name="Objects: 1").wait_for()


def test_bars_lie_at_the_object_and_the_skip_link_leads_to_the_image(
    server: LimnerServer, browser: Browser, project: Project
) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    context.set_default_timeout(TIMEOUT)
    page = context.new_page()
    page.goto(sign_in_link(server))
    page.get_by_role("heading", name="Projects").wait_for()
    project.add_photo("cat.png")
    page.goto(project.url)
    page.get_by_role("link", name=re.compile("cat.png")).click()
    expect(page.get_by_role("contentinfo")).to_contain_text("Ready")
    page.reload()  # so that Tab begins at the top
    expect(page.get_by_role("contentinfo")).to_contain_text("Ready")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("application")).to_be_focused()
    stage = page.get_by_role("application").bounding_box()
    assert stage
    at = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2
    page.mouse.click(*at)
    expect(page.get_by_role("region", name="Candidates").get_by_role("button", name=re.compile("%"))).to_have_count(3)
    assert violations(page) == []
    page.keyboard.press("1")  # accepts into the first category
    page.mouse.click(*at)
    bar = page.get_by_role("toolbar", name="Selected object")
    expect(bar).to_contain_text("animal")
    assert violations(page) == []
    bar.get_by_role("button", name="Edit the mask").click()
    page.get_by_role("button", name="Discard").click()
    expect(bar).to_be_visible()  # it is selected still
    context.close()


def test_filters_of_the_gallery_are_one_button_on_a_phone_and_stand_open_on_a_tablet(
    project: Project, touch_page: Page
) -> None:
    page = touch_page
    project.add_photo("coffee.png")
    project.add_photo("cat.png")
    page.goto(project.url)
    page.get_by_role("link", name=re.compile("coffee.png")).wait_for()
    fold = page.get_by_role("button", name=re.compile("^Filters"))
    window = page.viewport_size
    assert window
    if window["width"] > PHONE[0]:
        expect(page.get_by_role("combobox", name="Order")).to_be_visible()
        expect(fold).to_be_hidden()
        return
    expect(page.get_by_role("combobox", name="Order")).to_be_hidden()
    fold.tap()
    sheet = page.get_by_role("dialog", name="Filters")
    expect(sheet.get_by_role("combobox", name="Order")).to_be_visible()
    assert fits(page)
    assert violations(page) == []
    sheet.get_by_role("button", name=re.compile("^Submitted")).tap()
    sheet.get_by_role("button", name="Close").tap()
    expect(page).to_have_url(re.compile("state=submitted"))
    expect(fold).to_have_text(re.compile("Submitted"))
    expect(page.get_by_role("link", name=re.compile("coffee.png"))).to_be_hidden()
