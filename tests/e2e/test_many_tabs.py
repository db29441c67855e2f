"""More tabs than a browser has connections to one server: all of them hear of changes, and all can save."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.e2e.annotate_page import AnnotatePage
from tests.e2e.api import Project, sign_in_link
from tests.e2e.server import LimnerServer
from tests.e2e.test_faults import draw

pytestmark = pytest.mark.e2e

TABS = 7  # one more than HTTP/1.1 connections


def test_seven_tabs_hear_and_save(signed_in: BrowserContext, project: Project) -> None:
    tabs = [AnnotatePage(signed_in.new_page(), project, "coins.png") for _ in range(TABS)]
    draw(tabs[-1], 45, 45)
    for tab in tabs:
        expect(tab.objects).to_have_count(1)
    tabs[0].page.close()  # the one that listened for all
    draw(tabs[1], 110, 50)
    for tab in tabs[1:]:
        expect(tab.objects).to_have_count(2)
        tab.saved()
        tab.page.close()


def test_a_tab_saves_on_after_somebody_signed_in_anew_in_another_one(
    server: LimnerServer, signed_in: BrowserContext, project: Project
) -> None:
    work = AnnotatePage(signed_in.new_page(), project, "coins.png")
    other = signed_in.new_page()
    other.goto(sign_in_link(server))
    other.get_by_role("heading", name="Projects").wait_for()
    draw(work, 45, 45)
    work.saved()
    work.page.reload()
    expect(work.objects).to_have_count(1)
