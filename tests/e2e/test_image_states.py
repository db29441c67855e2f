"""Images are submitted, skipped with a reason and returned; nothing of that is lost without the network."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.annotate_page import AnnotatePage, annotations_of, exported
from tests.e2e.api import Project

pytestmark = pytest.mark.e2e

PHOTOS = ("cat.png", "coffee.png", "rocket.jpg")


def shoot(page: Page, name: str) -> None:
    """A picture for people, where one is asked for."""
    if folder := os.environ.get("LIMNER_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def counts(page: Page) -> dict[str, int]:
    buttons = page.get_by_role("group", name="Show").get_by_role("button").all_inner_texts()
    counted = [text.rsplit(maxsplit=1) for text in buttons if text[-1].isdigit()]  # what is in work is not
    return {name: int(count) for name, count in counted}


def test_submitting_and_skipping_walk_through_what_waits(project: Project, page: Page) -> None:
    for name in PHOTOS:
        project.add_photo(name)
    annotate = AnnotatePage(page, project, "cat.png")
    mark = page.get_by_test_id("mark")
    expect(mark).to_have_text("To do")
    page.mouse.click(*annotate.at(annotate.width / 2, annotate.height / 2))
    expect(annotate.candidates).to_have_count(3)
    shoot(page, "mark-waiting")
    page.keyboard.press("Control+Enter")  # keeps the mask, submits, goes on
    page.get_by_role("heading", name="coffee.png").wait_for()
    expect(mark).to_have_text("To do")

    page.keyboard.press("Control+Shift+Enter")
    dialog = page.get_by_role("dialog", name="Skip this image")
    expect(dialog.get_by_role("button", name="Skip", exact=True)).to_be_disabled()
    shoot(page, "mark-skip")
    dialog.get_by_role("textbox", name="Another reason").fill("too dark")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="rocket.jpg").wait_for()
    page.get_by_role("button", name="Skip…").click()
    page.get_by_role("dialog").get_by_role("button", name="Duplicate").click()
    page.get_by_text("There is no other image for you to work on.").wait_for()
    expect(mark).to_have_text("Skipped: Duplicate")
    annotate.saved()

    page.goto(project.url)
    page.get_by_role("link", name=re.compile("cat.png, 1 mask, submitted")).wait_for()
    assert counts(page) == {
        "All": 3, "To do": 0, "Returned": 0, "Submitted": 1, "Approved": 0, "Skipped": 2,
    }  # fmt: skip
    masks = page.get_by_role("combobox", name="Masks and work")
    expect(masks.get_by_role("option", name="With masks (1)")).to_have_count(1)
    masks.select_option("unannotated")
    shoot(page, "mark-gallery")
    page.get_by_role("button", name=re.compile("^Skipped")).click()
    page.get_by_role("link", name=re.compile("coffee.png, 0 masks, skipped: too dark")).wait_for()
    expect(page.get_by_role("link", name=re.compile("cat.png"))).to_have_count(0)
    expect(page).to_have_url(re.compile(r"\?state=skipped&also=unannotated$"))  # both hold
    page.goto(project.url.rsplit("/", 2)[0])
    bar = page.get_by_role("progressbar", name=re.compile("test_submitting.*submitted or skipped"))
    expect(bar).to_have_attribute("aria-valuenow", "3")
    assert len(annotations_of(exported(project, page), "cat.png")) == 1


def test_ctrl_enter_submits_from_the_list_of_objects_too(project: Project, page: Page) -> None:
    project.add_photo("coffee.png")
    annotate = AnnotatePage(page, project, "cat.png")
    page.mouse.click(*annotate.at(annotate.width / 2, annotate.height / 2))
    expect(annotate.candidates).to_have_count(3)
    page.keyboard.press("Enter")
    annotate.objects.locator("[data-uid]").click()
    page.keyboard.press("Control+Enter")
    page.get_by_role("heading", name="coffee.png").wait_for()
    expect(page.get_by_test_id("mark")).to_have_text("To do")


def test_an_image_that_is_sent_back_says_why(project: Project, page: Page, signed_in: BrowserContext) -> None:
    annotate = AnnotatePage(page, project, "cat.png")
    page.get_by_role("button", name="Submit").click()
    mark = page.get_by_test_id("mark")
    expect(mark).to_have_text("Submitted")
    annotate.saved()

    reviewer = signed_in.new_page()
    reviewer.goto(page.url)
    expect(reviewer.get_by_test_id("mark")).to_have_text("Submitted")
    reviewer.get_by_role("button", name="Return…").click()
    reviewer.get_by_role("textbox", name="What is left to do").fill("the tail is missing")
    reviewer.get_by_role("button", name="Return", exact=True).click()

    page.get_by_text("This image was returned: the tail is missing").wait_for()
    expect(mark).to_have_text("Returned: the tail is missing")
    expect(page.get_by_role("button", name="Submit")).to_be_enabled()
    reviewer.close()


def test_a_mark_made_offline_is_not_lost(project: Project, page: Page, signed_in: BrowserContext) -> None:
    for name in PHOTOS[:2]:
        project.add_photo(name)
    AnnotatePage(page, project, "cat.png")
    signed_in.set_offline(True)
    try:
        page.get_by_role("button", name="Submit").click()
        expect(page.get_by_test_id("save-state")).to_have_text(re.compile(r"Offline \(1 change waiting\)"))
    finally:
        signed_in.set_offline(False)
    page.goto(project.url)
    page.get_by_role("link", name=re.compile("cat.png, 0 masks, submitted")).wait_for()
