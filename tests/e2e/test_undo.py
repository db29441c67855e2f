"""Undo goes on after leaving an image, after a reload and in another browser of the same person."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.annotate_page import AnnotatePage
from tests.e2e.api import Project, sign_in_link
from tests.e2e.conftest import new_profile
from tests.e2e.server import LimnerServer
from tests.e2e.test_faults import draw

pytestmark = pytest.mark.e2e


def test_undo_goes_on_wherever_the_person_is(
    server: LimnerServer, browser: Browser, project: Project, page: Page
) -> None:
    project.add_photo("cat.png")
    here = AnnotatePage(page, project, "coins.png")
    undo, redo = (page.get_by_role("button", name=name) for name in ("Undo", "Redo"))
    draw(here, 45, 45)
    draw(here, 110, 50)
    page.get_by_role("button", name="Previous image", exact=True).click()
    page.get_by_role("heading", name="cat.png").wait_for()
    expect(undo).to_be_disabled()
    page.get_by_role("button", name="Next image", exact=True).click()
    page.get_by_role("heading", name="coins.png").wait_for()
    expect(undo).to_be_enabled()
    undo.click()
    expect(here.objects).to_have_count(1)
    here.saved()
    page.reload()
    here.wait_until_ready()
    expect(redo).to_be_enabled()
    undo.click()
    expect(here.objects).to_have_count(0)
    here.saved()

    other = new_profile(browser, sign_in_link(server))
    try:
        there = AnnotatePage(other.new_page(), project, "coins.png")
        again = there.page.get_by_role("button", name="Redo")
        for count in (1, 2):
            expect(again).to_be_enabled()
            again.click()
            expect(there.objects).to_have_count(count)
        there.saved()
        expect(again).to_be_disabled()
    finally:
        other.close()
    expect(here.objects).to_have_count(2)  # heard here
    expect(undo).to_be_enabled()
    page.keyboard.press("Control+z")
    expect(here.objects).to_have_count(1)
    here.saved()


def test_submitting_and_removing_are_taken_back_from_the_message_that_tells_of_them(
    project: Project, page: Page
) -> None:
    project.add_photo("rocket.jpg")
    work = AnnotatePage(page, project, "coins.png")
    message = page.get_by_role("log", name="Messages")
    draw(work, 45, 45)
    work.objects.first.locator("[data-uid]").click()
    page.keyboard.press("Delete")
    expect(work.objects).to_have_count(0)
    message.get_by_role("button", name="Undo").click()
    expect(work.objects).to_have_count(1)

    page.keyboard.press("Control+Enter")
    page.get_by_role("heading", name="rocket.jpg").wait_for()
    expect(message).to_contain_text("coins.png is submitted.")
    message.get_by_role("button", name="Undo").click()
    page.get_by_role("heading", name="coins.png").wait_for()
    expect(page.get_by_test_id("mark")).to_have_text("To do")
    work.saved()
    page.goto(project.url)
    page.get_by_role("link", name=re.compile("coins.png, 1 mask, to do")).wait_for()
