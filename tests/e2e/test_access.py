"""Everybody can use it: axe finds nothing on any page or dialog, in either theme; keys alone lead to an export."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.e2e.annotate_page import AnnotatePage, violations
from tests.e2e.api import Project, sign_in_link
from tests.e2e.conftest import TIMEOUT, VIEWPORT
from tests.e2e.server import LimnerServer

pytestmark = pytest.mark.e2e


@pytest.fixture
def stranger(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that nobody has signed in with."""
    context = browser.new_context(viewport=VIEWPORT, accept_downloads=True)
    context.set_default_timeout(TIMEOUT)
    yield context
    context.close()


def test_axe_on_the_pages(server: LimnerServer, stranger: BrowserContext) -> None:
    page = stranger.new_page()
    page.goto(f"{server.address}/login")
    page.get_by_role("heading", name="Sign in").wait_for()
    assert violations(page) == []
    page.goto(sign_in_link(server))
    page.get_by_role("link", name=re.compile("Demo")).wait_for()
    assert violations(page) == []
    page.get_by_role("button", name="New project").click()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.goto(f"{server.address}/projects/1")
    page.get_by_role("link", name=re.compile("cat.png")).wait_for()
    assert violations(page) == []
    page.get_by_role("button", name="Export", exact=True).click()
    dialog = page.get_by_role("dialog", name="Export")
    expect(dialog.get_by_role("radio", checked=True).first).to_be_visible()
    dialog.get_by_role("radio", name="All", exact=True).check()
    expect(dialog.get_by_role("button", name="Export", exact=True)).to_be_enabled()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Learning", exact=True).click()
    page.get_by_role("button", name="Train a new version").wait_for()
    assert violations(page) == []


def test_axe_while_annotating(project: Project, page: Page) -> None:
    work = AnnotatePage(page, project, "cat.png")
    assert violations(page) == []
    page.mouse.click(*work.at(200, 150))
    expect(work.candidates).to_have_count(3, timeout=TIMEOUT)
    assert violations(page) == []
    page.keyboard.press("Enter")
    expect(work.objects).to_have_count(1)
    work.objects.first.locator("[data-uid]").click()
    page.get_by_text("Attributes and crowd").click()
    page.get_by_text("View", exact=True).click()
    assert violations(page) == []
    page.keyboard.press("Escape")
    work.saved()
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keys and mouse").wait_for()
    assert violations(page) == []


def test_axe_on_the_sign_in_dialog(server: LimnerServer, project: Project, stranger: BrowserContext) -> None:
    page = stranger.new_page()
    page.goto(sign_in_link(server))
    page.get_by_role("heading", name="Projects").wait_for()
    work = AnnotatePage(page, project, "horse.png")
    stranger.clear_cookies()
    page.mouse.click(*work.at(150, 150))
    page.keyboard.press("Enter")
    page.get_by_role("dialog", name="Sign in again").wait_for()
    assert violations(page) == []


def test_axe_on_the_conflict_dialog(
    server: LimnerServer, project: Project, page: Page, stranger: BrowserContext
) -> None:
    mine = AnnotatePage(page, project, "moon.png")
    page.mouse.click(*mine.at(250, 250))
    page.keyboard.press("Enter")
    expect(mine.objects).to_have_count(1, timeout=TIMEOUT)
    mine.saved()
    other = stranger.new_page()
    other.goto(sign_in_link(server))
    other.get_by_role("heading", name="Projects").wait_for()
    theirs = AnnotatePage(other, project, "moon.png")
    page.route("**/operations", lambda route: route.abort())
    mine.objects.first.locator("[data-uid]").click()
    page.keyboard.press("3")
    theirs.objects.first.locator("[data-uid]").click()
    other.keyboard.press("4")
    expect(theirs.objects.first).to_contain_text("food")
    theirs.saved()
    page.unroute("**/operations")
    page.get_by_role("button", name="1 conflict").click(timeout=TIMEOUT)
    dialog = page.get_by_role("dialog", name="Your changes and theirs")
    dialog.wait_for()
    assert violations(page) == []
    dialog.get_by_role("button", name="Keep theirs").click()
    mine.saved()


def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until the element has the focus."""
    for _ in range(200):
        if target.evaluate("(element) => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the Tab key does not lead to {target}")


def test_from_sign_in_to_export_with_keys_only(server: LimnerServer, stranger: BrowserContext) -> None:
    page = stranger.new_page()
    page.goto(f"{server.address}/login")
    page.get_by_role("heading", name="Sign in").wait_for()
    page.keyboard.insert_text(sign_in_link(server))  # the field has the focus already
    page.keyboard.press("Enter")
    project = page.get_by_role("link", name=re.compile("Demo"))
    project.wait_for()
    tab_to(page, project)
    page.keyboard.press("Enter")
    image = page.get_by_role("link", name=re.compile("retina.jpg"))
    image.wait_for()
    tab_to(page, image)
    page.keyboard.press("Enter")
    expect(page.get_by_role("contentinfo")).to_contain_text("Ready", timeout=TIMEOUT)

    page.keyboard.press("Shift+ArrowUp")
    expect(page.get_by_test_id("pixel")).to_contain_text("x 705  y 677")
    page.keyboard.press("+")
    candidates = page.get_by_role("region", name="Candidates").get_by_role("button", name=re.compile("Candidate"))
    expect(candidates).to_have_count(3, timeout=TIMEOUT)
    page.keyboard.press("Tab")  # the next candidate
    page.keyboard.press("Enter")
    objects = page.get_by_role("region", name="Objects").get_by_role("listitem")
    expect(objects).to_have_count(1)
    expect(page.get_by_role("contentinfo")).to_contain_text("Saved", timeout=TIMEOUT)

    back = page.get_by_role("link", name=re.compile("Back to the images"))
    tab_to(page, back)
    page.keyboard.press("Enter")
    export = page.get_by_role("button", name="Export", exact=True)
    export.wait_for()
    tab_to(page, export)
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Export")
    chosen = dialog.get_by_role("radio", checked=True).first
    chosen.wait_for()
    tab_to(page, chosen)
    everything = dialog.get_by_role("radio", name="All", exact=True)
    for _ in range(4):
        if everything.is_checked():
            break
        page.keyboard.press("ArrowDown")
    expect(everything).to_be_checked()
    download_it = dialog.get_by_role("button", name="Export", exact=True)
    expect(download_it).to_be_enabled()
    tab_to(page, download_it)
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    coco = json.loads(Path(download.value.path()).read_text())
    (retina,) = [each["id"] for each in coco["images"] if each["file_name"] == "retina.jpg"]
    assert [each["image_id"] for each in coco["annotations"]].count(retina) == 1
