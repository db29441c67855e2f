"""Every page from a phone to 4K and at 200 % zoom: nothing reaches over the edge, fingers hit what they aim at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.e2e.annotate_page import violations
from tests.e2e.api import Project, sign_in_link
from tests.e2e.conftest import new_profile
from tests.e2e.cut_off import cut_off
from tests.e2e.server import LimnerServer
from tests.e2e.waiting import wait_for_answers, wait_until

pytestmark = pytest.mark.e2e


@dataclass(frozen=True)
class Screen:
    """A screen as pages see it: at 200 % zoom it is half as wide and high.

    Attributes:
        looked_at: whether other tests have axe look at every page of this layout already.
    """

    width: int
    height: int
    fingers: bool = False
    looked_at: bool = False

    @property
    def size(self) -> ViewportSize:
        return {"width": self.width, "height": self.height}


SCREENS = {
    "phone": Screen(390, 844, fingers=True, looked_at=True),
    "phone on its side": Screen(844, 390, fingers=True),
    "tablet": Screen(820, 1180, fingers=True),
    "laptop at 200 %": Screen(640, 360),
    "laptop": Screen(1280, 720, looked_at=True),
    "desk": Screen(1440, 900, looked_at=True),
    "4K": Screen(3840, 2160, looked_at=True),
}
# Of the installation, and of a project.
PAGES = ("/", "/models", "/people", "/account", "/audit", "/nothing/here")
OF_A_PROJECT = ("", "/statistics", "/learning", "/verification", "/agreement", "/audit", "/trash", "/webhooks")

NO_TIPS = (
    """if (localStorage.getItem("limner-view") === null) localStorage.setItem("limner-view", '{"coached": true}')"""
)
LEAST_TARGET = 44  # CSS px for fingers (WCAG 2.2, 2.5.5)
SMALL_TARGETS = """(least) => {
  const controls = "a[href], button, input, select, textarea, summary, [role='button'], [role='slider']";
  const small = [];
  for (const each of document.querySelectorAll(controls)) {
    if (!each.checkVisibility({ visibilityProperty: true }) || each.closest(".visually-hidden, .skip-link")) continue;
    if (each.matches("a") && getComputedStyle(each).display === "inline") continue; // part of a sentence
    const target = each.matches("input[type=checkbox], input[type=radio]") ? (each.closest("label") ?? each) : each;
    const { width, height } = target.getBoundingClientRect();
    if (width < least - 0.5 || height < least - 0.5)
      small.push(`${Math.round(width)} × ${Math.round(height)}: ${target.outerHTML.slice(0, 140)}`);
  }
  return small;
}"""
OVER_THE_EDGE = "() => document.documentElement.scrollWidth - innerWidth"


def assert_good(page: Page, screen: Screen, what: str) -> None:
    """Nothing reaches over the right edge or is cut off, axe has nothing against it, fingers have targets of 44 px."""
    assert page.evaluate(OVER_THE_EDGE) <= 0, f"{what} is wider than the screen"
    assert cut_off(page) == [], what
    if screen.fingers:
        assert page.evaluate(SMALL_TARGETS, LEAST_TARGET) == [], what
    assert screen.looked_at or violations(page) == [], what


@pytest.fixture(params=SCREENS.values(), ids=list(SCREENS))
def screen(request: pytest.FixtureRequest) -> Screen:
    chosen: Screen = request.param
    return chosen


@pytest.fixture
def sized(server: LimnerServer, browser: Browser, screen: Screen) -> Iterator[Page]:
    """A tab of this size, signed in."""
    size = {"viewport": screen.size, "has_touch": screen.fingers, "is_mobile": screen.fingers}
    context = new_profile(browser, sign_in_link(server), **size)
    context.add_init_script(NO_TIPS)
    yield context.new_page()
    context.close()


def test_every_page_fits_the_screen(server: LimnerServer, project: Project, sized: Page, screen: Screen) -> None:
    project.add_photo("cat.png")
    addresses = [server.address + path for path in PAGES] + [project.url + path for path in OF_A_PROJECT]
    for address in addresses:
        sized.goto(address)
        sized.get_by_role("heading", level=1).first.wait_for()
        wait_for_answers(sized)
        assert_good(sized, screen, address.removeprefix(server.address))


def test_every_dialog_and_panel_of_the_gallery_fits_the_screen(project: Project, sized: Page, screen: Screen) -> None:
    project.add_photo("cat.png")
    sized.goto(project.url)
    sized.get_by_role("link", name=re.compile("cat.png")).wait_for()
    sized.get_by_role("button", name="Export", exact=True).first.click()
    dialog = sized.get_by_role("dialog", name="Export")
    dialog.get_by_role("radio", name="All", exact=True).check()
    dialog.get_by_role("checkbox", name=re.compile("split", re.IGNORECASE)).check()
    dialog.get_by_text(re.compile("^1 image")).wait_for()
    assert_good(sized, screen, "export")
    sized.keyboard.press("Escape")
    sized.get_by_role("button", name="Choose images").click()
    sized.get_by_role("toolbar", name="Chosen images").wait_for()
    assert_good(sized, screen, "choosing images")


def test_the_annotate_page_fits_the_screen_with_all_that_it_opens(
    project: Project, sized: Page, screen: Screen
) -> None:
    project.add_photo("cat.png")
    sized.goto(project.url)
    sized.get_by_role("link", name=re.compile("cat.png")).click()
    expect(sized.get_by_role("contentinfo")).to_contain_text("Ready")
    stage = sized.get_by_role("application").bounding_box()
    assert stage
    assert stage["width"] * stage["height"] >= 0.45 * screen.width * screen.height
    assert_good(sized, screen, "an image")

    at = stage["x"] + stage["width"] * 0.5, stage["y"] + stage["height"] * 0.5
    point = sized.touchscreen.tap if screen.fingers else sized.mouse.click
    point(*at)
    accept = sized.get_by_role("button", name="Accept")
    expect(accept).to_be_in_viewport(ratio=1)
    tools = sized.get_by_role("navigation", name="Tools")
    expect(tools.get_by_role("button", name="Undo")).to_be_in_viewport(ratio=1)
    if not screen.fingers:
        expect(tools.get_by_role("button", name="Keys and mouse")).to_be_in_viewport(ratio=1)
    assert_good(sized, screen, "drawing")
    # A mouse's click between two taps on one spot would leave them a double tap.
    accept.tap() if screen.fingers else accept.click()
    expect(sized.get_by_role("region", name="Candidates")).to_have_count(0)
    wait_until(sized, lambda: sized.get_by_role("application").bounding_box() == stage, "the stage as it was")
    point(*at)
    bar = sized.get_by_role("toolbar", name="Selected object")
    expect(bar).to_be_in_viewport(ratio=1)
    assert_good(sized, screen, "an object selected")


def test_what_is_chosen_shows_where_the_system_chooses_all_colours(
    server: LimnerServer, browser: Browser, project: Project
) -> None:
    context = new_profile(browser, sign_in_link(server), forced_colors="active")
    context.add_init_script(NO_TIPS)
    page = context.new_page()
    project.add_photo("cat.png")
    page.goto(project.url)
    page.get_by_role("link", name=re.compile("cat.png")).click()
    expect(page.get_by_role("contentinfo")).to_contain_text("Ready")
    categories = page.get_by_role("region", name="Categories")
    chosen, other = (categories.get_by_role("button", name=re.compile(f"^{name}")) for name in ("animal", "person"))
    chosen.click()
    page.mouse.move(5, 5)
    expect(chosen).to_have_css("outline-style", "solid")
    expect(other).to_have_css("outline-style", "none")
    tools = page.get_by_role("navigation", name="Tools")
    expect(tools.get_by_role("button", pressed=True)).to_have_css("outline-style", "solid")
    context.close()
