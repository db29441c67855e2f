"""The page in German and in Chinese, as browser or person wish: texts, numbers, dates, keys, room on a phone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.e2e.annotate_page import violations
from tests.e2e.api import Project, sign_in_link
from tests.e2e.conftest import TIMEOUT, VIEWPORT
from tests.e2e.cut_off import cut_off
from tests.e2e.server import LimnerServer
from tests.e2e.waiting import wait_for_answers

pytestmark = pytest.mark.e2e

CATALOGUE = Path(__file__).parents[2] / "web" / "messages"
LANGUAGES = ["de", "zh-CN"]
PHONE: ViewportSize = {"width": 390, "height": 844}
# Thousands in the area of an object, and a date with its time, as they are written there.
NUMBER = {"de": r"\d\.\d{3} px", "zh-CN": r"\d,\d{3} px"}
DATE = {"de": r"\d{1,2}\.\d{1,2}\.\d{4}, \d\d:\d\d:\d\d", "zh-CN": r"\d{4}/\d{1,2}/\d{1,2} \d\d:\d\d:\d\d"}


class Texts:
    """The texts of one language."""

    def __init__(self, language: str) -> None:
        files = (CATALOGUE / language).glob("*.json")
        self.messages: dict[str, str] = {
            key: text for file in files for key, text in json.loads(file.read_text()).items()
        }

    def __getitem__(self, key: str) -> str:
        return self.messages[key]

    def starting(self, key: str) -> re.Pattern[str]:
        """For what begins as the text does, up to its first placeholder."""
        return re.compile("^" + re.escape(self.messages[key].split("{")[0]))


@contextmanager
def reader_of(language: str, server: LimnerServer, browser: Browser, *, phone: bool = False) -> Iterator[Page]:
    """A tab of somebody whose browser speaks the language, signed in; errors on the page fail the test.

    Args:
        language: a tag, such as ``de``.
        server: where.
        browser: by which.
        phone: narrow, and used by fingers, for which buttons are larger.
    """
    context = browser.new_context(viewport=PHONE if phone else VIEWPORT, has_touch=phone, locale=language)
    errors: list[str] = []
    with closing(context):
        context.set_default_timeout(TIMEOUT)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(sign_in_link(server))
        page.get_by_role("heading", level=1).wait_for()
        yield page
    assert not errors


def open_coffee(page: Page, project: Project) -> None:
    page.goto(project.url)
    page.get_by_role("link", name=re.compile("coffee.png")).click()


def assert_fits(page: Page) -> None:
    """Nothing reaches over the right edge of the screen, and no text is cut off."""
    assert cut_off(page) == []
    assert page.evaluate("() => document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_image_is_annotated_and_submitted_by_keyboard_in_the_browsers_language(
    language: str, project: Project, server: LimnerServer, browser: Browser
) -> None:
    texts = Texts(language)
    project.add_photo("coffee.png")
    project.add_photo("cat.png")
    with reader_of(language, server, browser) as page:
        open_coffee(page, project)
        expect(page.locator("html")).to_have_attribute("lang", language)
        expect(page.get_by_role("contentinfo")).to_contain_text(texts["annotate_status_ready"])
        expect(page.get_by_test_id("mark")).to_have_text(texts["app_state_waiting"])
        stage = page.get_by_role("application")
        stage.click()
        candidates = page.get_by_role("region", name=texts["annotate_candidates_label"])
        expect(candidates.get_by_role("button", name=texts.starting("annotate_candidate_part_label"))).to_be_visible()
        assert violations(page) == []
        page.keyboard.press("1")  # the first category, and with it the mask is accepted
        row = page.get_by_role("region", name=texts["annotate_objects_title"], exact=True).get_by_role("listitem")
        expect(row).to_contain_text(re.compile(NUMBER[language]))
        expect(page.get_by_test_id("save-state")).to_have_text(texts["app_save_saved"])
        page.keyboard.press("Shift+H")
        history = page.get_by_role("region", name=texts["annotate_history_title"], exact=True)
        expect(history.get_by_role("listitem").first).to_contain_text(re.compile(DATE[language]))
        assert violations(page) == []
        page.keyboard.press("Control+Enter")
        page.get_by_role("heading", name="cat.png").wait_for()
        expect(page.get_by_role("log")).to_contain_text(
            texts["annotate_image_is_submitted"].replace("{image}", "coffee.png")
        )


@pytest.mark.parametrize("language", LANGUAGES)
def test_keys_view_and_panels_have_room_on_a_phone_in_every_language(
    language: str, project: Project, server: LimnerServer, browser: Browser
) -> None:
    texts = Texts(language)
    project.add_photo("coffee.png")
    with reader_of(language, server, browser, phone=True) as page:
        page.goto(project.url)
        page.get_by_role("button", name=texts["gallery_head_start_button"]).wait_for()
        page.get_by_role("link", name=re.compile("coffee.png")).wait_for()
        assert_fits(page)
        assert violations(page) == []
        open_coffee(page, project)
        expect(page.get_by_role("contentinfo")).to_contain_text(texts["annotate_status_ready"])
        assert_fits(page)
        assert violations(page) == []
        page.get_by_text(texts["annotate_view_title"], exact=True).click()
        expect(page.get_by_role("combobox", name=texts["app_language_label"])).to_be_visible()
        assert_fits(page)
        page.keyboard.press("Escape")
        page.get_by_role("button", name=texts["annotate_sheet_title"]).click()
        sheet = page.get_by_role("dialog", name=texts["annotate_sheet_title"])
        expect(sheet).to_contain_text(texts["tools_submit"])
        assert_fits(page)
        assert violations(page) == []
        page.keyboard.press("Escape")
        for opener in ("annotate_categories_title", "annotate_comments_title", "annotate_objects_button"):
            page.get_by_role("button", name=texts.starting(opener)).click()
            page.get_by_role("complementary", name=texts["annotate_panels_label"]).wait_for()
            assert_fits(page)
            assert violations(page) == []
            page.keyboard.press("Escape")


PAGES = ["statistics", "learning", "agreement", "verification", "audit", "trash", "webhooks"]  # of a project


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_has_room_on_a_phone_in_every_language(
    language: str, project: Project, server: LimnerServer, browser: Browser
) -> None:
    addresses = [f"{project.url}/{name}" for name in PAGES]
    addresses += [f"{server.address}/{name}" for name in ("models", "people", "account", "audit")]
    with reader_of(language, server, browser, phone=True) as page:
        for address in addresses:
            page.goto(address)
            page.get_by_role("heading", level=1).wait_for()
            wait_for_answers(page)
            page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth")  # once all is laid out
            assert cut_off(page) == [], address
            assert violations(page) == [], address


def test_a_command_is_found_by_its_german_name_and_a_key_is_written_as_on_a_german_keyboard(
    project: Project, server: LimnerServer, browser: Browser
) -> None:
    texts = Texts("de")
    project.add_photo("coffee.png")
    with reader_of("de", server, browser) as page:
        open_coffee(page, project)
        expect(page.get_by_role("contentinfo")).to_contain_text(texts["annotate_status_ready"])
        page.keyboard.press("Control+k")
        field = page.get_by_role("combobox", name=texts["annotate_commands_find_label"])
        found = page.get_by_role("listbox", name=texts["annotate_commands_title"]).get_by_role("option")
        field.fill("radierer")
        expect(found).to_have_text([re.compile("^Radierer")])
        field.fill("strg z")
        expect(found.first).to_have_text(re.compile(r"^Rückgängig\s*Strg \+ Z"))


def test_the_language_that_somebody_chooses_stays_whatever_the_browser_speaks(
    project: Project, server: LimnerServer, browser: Browser
) -> None:
    german, chinese = Texts("de"), Texts("zh-CN")
    project.add_photo("coffee.png")
    with reader_of("fr", server, browser) as page:  # there is no French: English
        page.goto(f"{server.address}/account")
        expect(page.locator("html")).to_have_attribute("lang", "en")
        choice = page.get_by_role("combobox", name="Language")
        expect(choice).to_have_value("browser")
        choice.select_option("Deutsch")
        expect(page.locator("html")).to_have_attribute("lang", "de")
        expect(page.get_by_role("combobox", name=german["app_language_label"])).to_have_value("de")
        assert violations(page) == []
        open_coffee(page, project)
        expect(page.get_by_role("contentinfo")).to_contain_text(german["annotate_status_ready"])
        page.get_by_text(german["annotate_view_title"], exact=True).click()
        page.get_by_role("combobox", name=german["app_language_label"]).select_option("简体中文")
        expect(page.get_by_role("contentinfo")).to_contain_text(chinese["annotate_status_ready"])
        page.get_by_text(chinese["annotate_view_title"], exact=True).click()
        page.get_by_role(
            "button", name=chinese["annotate_view_reset_button"]
        ).click()  # which is no question of language
        page.reload()
        expect(page.get_by_role("contentinfo")).to_contain_text(chinese["annotate_status_ready"])
