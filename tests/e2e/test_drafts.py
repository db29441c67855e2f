"""What is being drawn outlives its tab: masks, prompts, the chosen candidate and the category, once."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.e2e.annotate_page import AnnotatePage, annotations_of, exported
from tests.e2e.api import Project, new_project
from tests.e2e.server import LimnerServer
from tests.e2e.test_faults import crash, on_disk
from tests.e2e.test_hand_tools import BRUSH, PHOTO, drag, only_mask, swept

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e-faults")]


def accept_button(work: AnnotatePage) -> Locator:
    return work.page.get_by_role("button", name=re.compile("Accept"))


def killed_and_opened_again(work: AnnotatePage, context: BrowserContext, project: Project) -> AnnotatePage:
    on_disk(work.page, "drafts")
    crash(work.page)
    again = AnnotatePage(context.new_page(), project, PHOTO)
    expect(accept_button(again)).to_be_enabled()
    expect(again.objects).to_have_count(0)
    return again


def test_a_mask_that_is_painted_survives_its_tab(signed_in: BrowserContext, project: Project) -> None:
    work = AnnotatePage(signed_in.new_page(), project, PHOTO)
    work.page.keyboard.press("3")  # the category that it will have
    work.page.keyboard.press("b")
    drag(work, (100, 100), (220, 160))
    again = killed_and_opened_again(work, signed_in, project)
    again.page.keyboard.press("Enter")
    expect(again.objects).to_have_count(1)
    expect(again.objects.first).to_contain_text("vehicle")
    again.saved()
    again.page.reload()  # and it is not there a second time
    again.wait_until_ready()
    expect(again.objects).to_have_count(1)
    expect(accept_button(again)).to_have_count(0)
    assert np.array_equal(only_mask(project, again), swept(again, (100, 100), (220, 160), BRUSH))
    again.page.close()


def test_prompts_and_the_chosen_candidate_survive_their_tab(server: LimnerServer, signed_in: BrowserContext) -> None:
    def choose(work: AnnotatePage) -> None:
        work.page.mouse.click(*work.at(200, 150))
        expect(work.candidates.first).to_be_visible()
        work.page.keyboard.press("Tab")
        work.leave()

    def saved_by_enter(work: AnnotatePage, project: Project) -> dict:
        expect(accept_button(work)).to_be_enabled()
        work.page.keyboard.press("Enter")
        expect(work.objects).to_have_count(1)
        work.saved()
        (annotation,) = annotations_of(exported(project, work.page), PHOTO)
        return annotation

    untroubled, troubled = (new_project(server, f"candidates {kind}") for kind in ("kept", "killed"))
    work = AnnotatePage(signed_in.new_page(), untroubled, PHOTO)
    choose(work)
    expected = saved_by_enter(work, untroubled)
    work.page.close()
    work = AnnotatePage(signed_in.new_page(), troubled, PHOTO)
    choose(work)
    again = killed_and_opened_again(work, signed_in, troubled)
    assert saved_by_enter(again, troubled)["segmentation"] == expected["segmentation"]
    again.page.close()


def test_a_draft_stays_with_its_tab_while_that_lives(signed_in: BrowserContext, project: Project, page: Page) -> None:
    one = AnnotatePage(page, project, PHOTO)
    page.keyboard.press("b")
    drag(one, (100, 100), (220, 160))
    two = AnnotatePage(signed_in.new_page(), project, PHOTO)
    expect(accept_button(two)).to_have_count(0)
    page.keyboard.press("Enter")
    for work in (one, two):
        expect(work.objects).to_have_count(1)
    two.page.close()


def test_a_draft_that_was_dropped_stays_dropped(project: Project, page: Page) -> None:
    work = AnnotatePage(page, project, PHOTO)
    page.keyboard.press("b")
    drag(work, (100, 100), (220, 160))
    page.keyboard.press("Escape")
    expect(accept_button(work)).to_have_count(0)
    page.reload()
    work.wait_until_ready()
    expect(accept_button(work)).to_have_count(0)
