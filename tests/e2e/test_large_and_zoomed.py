"""A screen of 3840 pixels and a window at 200 % zoom: nothing is lost, undo and help can be reached."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.e2e.annotate_page import violations
from tests.e2e.api import Project, sign_in_link
from tests.e2e.conftest import TIMEOUT, new_profile
from tests.e2e.server import LimnerServer
from tests.e2e.test_small_screens import fits

pytestmark = pytest.mark.e2e

LARGE: ViewportSize = {"width": 3840, "height": 2160}
ZOOMED: ViewportSize = {"width": 640, "height": 360}  # a window of 1280 × 720 at 200 %, in px of the page

# Names of controls that are shown and that no click reaches: outside, cut off or covered. Scrolls to each.
OUT_OF_REACH = """() => {
  const lost = [];
  for (const control of document.querySelectorAll("button, a[href], select, summary, input:not([type=file])")) {
    if (!control.checkVisibility({ visibilityProperty: true }) || control.closest(".visually-hidden")) continue;
    if (control.matches(".skip-link, [disabled]") || control.getBoundingClientRect().width <= 1) continue;
    control.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
    const { left, top, width, height } = control.getBoundingClientRect();
    const hit = document.elementFromPoint(left + width / 2, top + height / 2);
    const label = control.closest("label");
    if (!hit || !(control.contains(hit) || label?.contains(hit)))
      lost.push(control.ariaLabel || control.textContent.trim().slice(0, 40) || control.outerHTML.slice(0, 80));
  }
  return lost;
}"""


@pytest.fixture(params=[LARGE, ZOOMED], ids=["3840", "zoomed"])
def sized_page(server: LimnerServer, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A tab of a mouse user, signed in; zoom is a smaller page with more device pixels, as in a browser."""
    scale = 2 if request.param is ZOOMED else 1
    context = new_profile(browser, sign_in_link(server), viewport=request.param, device_scale_factor=scale)
    yield context.new_page()
    context.close()


def test_every_control_of_the_gallery_can_be_reached(project: Project, sized_page: Page) -> None:
    page = sized_page
    project.add_photo("coffee.png")
    project.add_photo("cat.png")
    page.goto(project.url)
    page.get_by_role("link", name=re.compile("coffee.png")).wait_for()
    assert fits(page)
    assert page.evaluate(OUT_OF_REACH) == []
    assert violations(page) == []
    page.get_by_role("button", name="Export", exact=True).click()
    dialog = page.get_by_role("dialog", name="Export")
    expect(dialog.get_by_role("radio", checked=True).first).to_be_visible()
    assert fits(page)


def test_an_object_is_drawn_undone_and_helped_with(project: Project, sized_page: Page) -> None:
    page = sized_page
    project.add_photo("cat.png")
    page.goto(project.url)
    page.get_by_role("link", name=re.compile("cat.png")).click()
    expect(page.get_by_role("contentinfo")).to_contain_text("Ready")
    page.get_by_role("button", name="No more tips").click()
    stage = page.get_by_role("application").bounding_box()
    assert stage
    assert stage["height"] >= 100, "there is room for the picture"
    assert fits(page)
    assert page.evaluate(OUT_OF_REACH) == []
    assert violations(page) == []

    page.mouse.click(stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2)
    page.get_by_role("button", name=re.compile("^Accept")).click()
    undo = page.get_by_role("button", name="Undo", exact=True)
    expect(undo).to_be_enabled()
    assert page.evaluate(OUT_OF_REACH) == []
    undo.click()
    page.get_by_role("button", name=re.compile("^Accept")).wait_for()  # it is being drawn again
    tools = page.get_by_role("navigation", name="Tools")
    tools.get_by_role("button", name=re.compile("Keys|Help")).click()
    sheet = page.get_by_role("dialog", name="Keys and mouse")
    expect(sheet).to_be_visible()
    assert fits(page)
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()


def test_a_large_screen_shows_more_tiles_and_larger_words(
    server: LimnerServer, browser: Browser, project: Project
) -> None:
    project.add_photo("cat.png")
    context = browser.new_context(viewport=LARGE)
    context.set_default_timeout(TIMEOUT)
    page = context.new_page()
    page.goto(sign_in_link(server))
    page.get_by_role("heading", name="Projects").wait_for()
    page.goto(project.url)
    tile = page.get_by_role("link", name=re.compile("cat.png"))
    tile.wait_for()
    width = tile.bounding_box()
    assert width
    assert width["width"] < LARGE["width"] / 8, "tiles grow with the screen no more than their pictures can bear"
    smallest = page.evaluate(
        "() => Math.min(...[...document.querySelectorAll('main *')].filter((each) => each.checkVisibility() &&"
        " [...each.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()))"
        ".map((each) => parseFloat(getComputedStyle(each).fontSize)))"
    )
    assert smallest >= 12  # px
    context.close()
