"""What people say about an image, and what was done to it: seen by others at once, by mouse, keys and fingers."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.annotate_page import AnnotatePage, violations
from tests.e2e.api import Project, sign_in_link
from tests.e2e.conftest import TIMEOUT
from tests.e2e.server import LimnerServer
from tests.e2e.test_image_states import shoot

pytestmark = pytest.mark.e2e


def test_a_comment_is_pinned_answered_elsewhere_and_resolved(
    project: Project, page: Page, signed_in: BrowserContext
) -> None:
    annotate = AnnotatePage(page, project, "cat.png")
    page.mouse.move(*annotate.at(annotate.width / 2, annotate.height / 2))
    page.keyboard.press("Shift+C")
    panel = page.get_by_role("region", name="Comments")
    expect(panel).to_contain_text("About the place")
    assert panel.evaluate("panel => panel.scrollWidth <= panel.clientWidth")
    expect(panel.get_by_role("textbox", name="New comment")).to_be_focused()
    page.keyboard.type("The tail is missing.")
    page.keyboard.press("Control+Enter")
    pin = page.get_by_role("button", name="Comment 1: The tail is missing.")
    pin.wait_for()
    assert violations(page) == []
    shoot(page, "comments")

    other = signed_in.new_page()
    other.goto(page.url)
    other.get_by_role("button", name="Comment 1: The tail is missing.").click()
    other.get_by_role("textbox", name="Answer").fill("Drawn now.")
    other.keyboard.press("Control+Enter")
    expect(panel).to_contain_text("Drawn now.")  # told at once
    other.get_by_role("button", name="Resolve").click()
    expect(panel.get_by_test_id("open-comments")).to_have_text("0 open")
    other.close()

    page.get_by_role("button", name="Place…").click()
    page.mouse.click(*annotate.at(20, 20))
    panel.get_by_role("textbox", name="New comment").fill("And this corner?")
    panel.get_by_role("button", name="Comment", exact=True).click()
    page.get_by_role("button", name="Comment 2: And this corner?").wait_for()
    page.goto(project.url)
    page.get_by_role("link", name=re.compile("cat.png, 0 masks, to do, 1 open comment,")).wait_for()


def test_an_earlier_state_is_looked_at_brought_back_and_that_is_undone(project: Project, page: Page) -> None:
    annotate = AnnotatePage(page, project, "cat.png")
    page.mouse.click(*annotate.at(annotate.width / 2, annotate.height / 2))
    expect(annotate.candidates).to_have_count(3)
    page.keyboard.press("1")
    expect(annotate.objects).to_have_count(1)
    annotate.objects.locator("[data-uid]").click()
    page.keyboard.press("2")
    expect(annotate.objects).to_contain_text("person")
    annotate.saved()
    page.reload()  # what was done before is not in this page's own history
    annotate.objects.locator("[data-uid]").click()
    page.keyboard.press("Shift+H")
    panel = page.get_by_role("region", name="History")
    expect(panel.get_by_role("listitem")).to_have_count(2)
    restore = panel.get_by_role("button", name=re.compile("^Restore what it was: Drawn as"))
    restore.hover()
    shoot(page, "history")
    assert violations(page) == []
    restore.click()
    expect(annotate.objects).not_to_contain_text("person")
    expect(panel.get_by_role("listitem")).to_have_count(3)
    page.keyboard.press("Control+z")
    expect(annotate.objects).to_contain_text("person")
    expect(panel.get_by_role("listitem")).to_have_count(4)
    annotate.saved()


def test_on_a_phone_a_comment_is_placed_with_a_finger(project: Project, server: LimnerServer, browser: Browser) -> None:
    project.add_photo("cat.png")
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    context.set_default_timeout(TIMEOUT)
    page = context.new_page()
    page.goto(sign_in_link(server))
    page.get_by_role("heading", name="Projects").wait_for()
    page.goto(project.url)
    page.get_by_role("link", name=re.compile("cat.png")).tap()
    page.get_by_role("button", name="Comments", exact=True).tap()
    page.get_by_role("button", name="Place…").tap()
    stage = page.get_by_role("application").bounding_box()
    assert stage
    page.touchscreen.tap(stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2)
    panel = page.get_by_role("region", name="Comments")
    expect(panel).to_contain_text("About the place")
    assert panel.evaluate("panel => panel.scrollWidth <= panel.clientWidth")
    panel.get_by_role("textbox", name="New comment").fill("Look here.")
    panel.get_by_role("button", name="Comment", exact=True).tap()
    page.get_by_role("button", name="Comment 1: Look here.").wait_for()
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert violations(page) == []
    shoot(page, "comments-phone")
    context.close()
