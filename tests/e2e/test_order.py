"""The order in which objects are painted: by keys and by dragging, undone like everything else, kept by the server."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.annotate_page import AnnotatePage
from tests.e2e.api import Project
from tests.e2e.test_faults import draw

pytestmark = pytest.mark.e2e


def test_objects_are_put_in_order(project: Project, page: Page) -> None:
    work = AnnotatePage(page, project, "coins.png")
    for x in (45, 110, 175):
        draw(work, x, 48)
    rows = work.objects.locator("[data-uid]")
    first, second, third = (rows.nth(index).get_attribute("data-uid") for index in range(3))

    def expect_order(*uids: str | None) -> None:
        for index, uid in enumerate(uids):
            expect(rows.nth(index)).to_have_attribute("data-uid", uid or "")

    rows.nth(0).click()
    page.keyboard.press("Control+ArrowDown")
    expect_order(second, first, third)
    expect(rows.nth(1)).to_be_focused()
    page.keyboard.press("Control+ArrowDown")
    expect_order(second, third, first)
    page.keyboard.press("Control+z")
    expect_order(second, first, third)
    foreign = (
        "() => { const it = new DataTransfer(); it.setData('application/x-limner-object', 'elsewhere'); return it; }"
    )
    for event in ("dragover", "drop"):  # a row of another tab
        data = page.evaluate_handle(foreign)
        rows.nth(0).locator("..").dispatch_event(event, {"dataTransfer": data})
    expect_order(second, first, third)
    rows.nth(2).drag_to(rows.nth(0))
    expect_order(third, second, first)
    work.saved()
    page.reload()
    work.wait_until_ready()
    expect_order(third, second, first)
