"""The list of objects: several at once, merge, copy, attributes, and the view; all still there after a reload."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.annotate_page import TIMEOUT, AnnotatePage, annotations_of, exported
from tests.e2e.api import Project

pytestmark = pytest.mark.e2e


def test_several_objects_at_once(project: Project, page: Page) -> None:
    work = AnnotatePage(page, project, "coins.png")
    for count, at in enumerate([(45, 45), (110, 50), (175, 45)], start=1):
        page.mouse.click(*work.at(*at))
        expect(page.get_by_role("button", name=re.compile("Accept"))).to_be_enabled(timeout=TIMEOUT)
        page.keyboard.press("Enter")
        expect(work.objects).to_have_count(count)
    rows = work.objects.locator("[data-uid]")
    rows.nth(0).click()
    rows.nth(1).click(modifiers=["Shift"])
    page.keyboard.press("3")
    expect(work.objects.filter(has_text="vehicle")).to_have_count(2)

    page.get_by_role("button", name="Merge").click()
    expect(work.objects).to_have_count(2)
    page.get_by_label("Filter objects").fill("vehicle")
    expect(work.objects).to_have_count(1)
    page.get_by_label("Filter objects").fill("")
    page.get_by_text("Attributes and crowd").click()
    page.get_by_label("Name of a new attribute").fill("worn")
    page.get_by_label("Value of a new attribute").fill("3")
    page.keyboard.press("Enter")
    page.get_by_label("A crowd").check()
    expect(work.objects.first).to_contain_text("crowd")

    page.get_by_role("heading", name="Objects").click()  # out of the text field
    page.keyboard.press("Control+a")
    page.keyboard.press("Control+c")
    page.keyboard.press("Control+v")
    expect(work.objects).to_have_count(4)
    page.keyboard.press("Control+z")
    expect(work.objects).to_have_count(2)

    page.get_by_text("View", exact=True).click()
    page.get_by_label("Outlines only").check()
    work.saved()
    page.reload()
    work.wait_until_ready()
    expect(work.objects).to_have_count(2)
    page.get_by_text("View", exact=True).click()
    expect(page.get_by_label("Outlines only")).to_be_checked()
    page.get_by_role("button", name="Reset view").click()
    merged, other = sorted(annotations_of(exported(project, page), "coins.png"), key=lambda each: -each["iscrowd"])
    assert (merged["iscrowd"], merged["attributes"], other["iscrowd"]) == (1, {"worn": 3}, 0)
