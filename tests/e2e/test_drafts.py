"""What is being drawn outlives its tab: masks, prompts, the chosen candidate and the category, once."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from limner.vocabulary import rle
from tests.e2e.annotate_page import AnnotatePage, annotations_of, exported, iou
from tests.e2e.api import Project, new_project
from tests.e2e.server import LimnerServer
from tests.e2e.test_faults import crash, on_disk
from tests.e2e.test_hand_tools import BRUSH, PHOTO, drag, only_mask, swept
from tests.e2e.test_look_closer import LARGE, X, Y, large_image, place, zoom_in

pytestmark = pytest.mark.e2e


def accept_button(work: AnnotatePage) -> Locator:
    return work.page.get_by_role("button", name=re.compile("Accept"))


def killed_and_opened_again(
    work: AnnotatePage, context: BrowserContext, project: Project, photo: str = PHOTO, *, since: float = 0
) -> AnnotatePage:
    """Another tab on the image, once a draft is on disk that was kept at the moment `since` or later."""
    on_disk(work.page, "drafts", since)
    crash(work.page)
    again = AnnotatePage(context.new_page(), project, photo)
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


def test_a_stroke_that_is_under_way_survives_its_tab(signed_in: BrowserContext, project: Project) -> None:
    work = AnnotatePage(signed_in.new_page(), project, PHOTO)
    work.page.keyboard.press("b")
    work.page.mouse.move(*work.at(100, 100))
    work.page.mouse.down()
    work.page.mouse.move(*work.at(220, 160))
    since = work.page.evaluate("Date.now()")
    work.page.mouse.move(*work.at(100, 100))  # the same way back, and the button stays down
    again = killed_and_opened_again(work, signed_in, project, since=since)
    again.page.keyboard.press("Enter")
    expect(again.objects).to_have_count(1)
    assert np.array_equal(only_mask(project, again), swept(again, (100, 100), (220, 160), BRUSH))
    again.page.close()


def test_corners_of_a_polygon_survive_their_tab(signed_in: BrowserContext, project: Project) -> None:
    work = AnnotatePage(signed_in.new_page(), project, PHOTO)
    work.page.keyboard.press("b")
    drag(work, (100, 100), (220, 160))
    work.page.keyboard.press("p")
    work.page.keyboard.down("Alt")  # the polygon takes away
    work.page.mouse.click(*work.at(150, 50))
    work.page.keyboard.up("Alt")
    since = work.page.evaluate("Date.now()")
    work.page.mouse.click(*work.at(170, 50))  # no polygon yet
    again = killed_and_opened_again(work, signed_in, project, since=since)
    since = again.page.evaluate("Date.now()")
    again.page.mouse.click(*again.at(170, 200))
    once_more = killed_and_opened_again(again, signed_in, project, since=since)
    once_more.page.mouse.click(*once_more.at(150, 200))
    once_more.page.keyboard.press("Enter")  # closes it
    once_more.page.keyboard.press("Enter")  # accepts what it has left
    expect(once_more.objects).to_have_count(1)
    painted = swept(once_more, (100, 100), (220, 160), BRUSH)
    painted[50:200, 150:170] = False
    assert np.array_equal(only_mask(project, once_more), painted)
    once_more.page.close()


def test_a_first_corner_survives_its_tab_and_is_dropped_by_escape(signed_in: BrowserContext, project: Project) -> None:
    def polygon(work: AnnotatePage) -> Locator:
        return work.page.get_by_role("toolbar", name="Tools").get_by_role("button", name="Polygon")

    work = AnnotatePage(signed_in.new_page(), project, PHOTO)
    work.page.keyboard.press("p")
    since = work.page.evaluate("Date.now()")
    work.page.mouse.click(*work.at(300, 100))
    on_disk(work.page, "drafts", since)
    crash(work.page)
    again = AnnotatePage(signed_in.new_page(), project, PHOTO, notice="What you were drawing here is back.")
    expect(polygon(again)).to_have_attribute("aria-pressed", "true")
    again.page.keyboard.press("Escape")
    again.page.reload()
    expect(again.page.get_by_test_id("mark")).to_have_text("To do")  # the image is open
    expect(polygon(again)).to_have_attribute("aria-pressed", "false")
    again.page.close()


def test_a_stroke_on_an_object_survives_its_tab(signed_in: BrowserContext, project: Project) -> None:
    work = AnnotatePage(signed_in.new_page(), project, PHOTO)
    work.page.keyboard.press("b")
    drag(work, (100, 100), (220, 160))
    work.page.keyboard.press("Enter")
    work.objects.locator("[data-uid]").click()
    work.saved()
    work.page.mouse.move(*work.at(100, 200))
    work.page.mouse.down()
    work.page.mouse.move(*work.at(220, 200))
    since = work.page.evaluate("Date.now()")
    work.page.mouse.move(*work.at(100, 200))
    on_disk(work.page, "drafts", since)
    crash(work.page)
    again = AnnotatePage(signed_in.new_page(), project, PHOTO)
    expect(again.objects).to_have_count(1)
    expect(accept_button(again)).to_be_enabled()
    again.page.keyboard.press("Enter")
    expect(accept_button(again)).to_have_count(0)
    both = swept(again, (100, 100), (220, 160), BRUSH) | swept(again, (100, 200), (220, 200), BRUSH)
    assert np.array_equal(only_mask(project, again), both)
    again.page.close()


def test_a_draft_is_found_while_another_tab_tidies_up_after_its_own(
    signed_in: BrowserContext, project: Project
) -> None:
    work = AnnotatePage(signed_in.new_page(), project, PHOTO)
    work.page.keyboard.press("b")
    drag(work, (100, 100), (220, 160))
    on_disk(work.page, "drafts")
    held = work.page.evaluate("navigator.locks.query().then(({ held }) => held.map(({ name }) => name))")
    writers = [name for name in held if " writer " in name]
    assert writers
    crash(work.page)
    tidying = signed_in.new_page()
    tidying.goto(project.url)
    tidying.evaluate(
        """async (names) => {
          const forEver = (granted) => () => (granted(), new Promise(() => undefined));
          const ask = (name) => new Promise((granted, refused) => {
            navigator.locks.request(name, { mode: "shared" }, forEver(granted)).catch(refused);
          });
          await Promise.all(names.map(ask));
        }""",
        writers,
    )
    again = AnnotatePage(signed_in.new_page(), project, PHOTO)
    expect(accept_button(again)).to_be_enabled()
    again.page.close()
    tidying.close()


def test_what_was_drawn_looking_closer_comes_back_closer(signed_in: BrowserContext, project: Project) -> None:
    data, truth = large_image()
    project.upload({LARGE: data})
    work = AnnotatePage(signed_in.new_page(), project, LARGE)
    work.page.mouse.move(*place(work, X, Y))
    zoom_in(work)
    work.page.keyboard.press("c")
    status = "Looking closer"
    expect(work.page.get_by_role("main").get_by_role("status")).to_have_text(status)
    work.page.mouse.click(*place(work, X, Y))
    expect(work.candidates).to_have_count(3)
    again = killed_and_opened_again(work, signed_in, project, LARGE)
    expect(again.page.get_by_role("main").get_by_role("status")).to_have_text(status)
    expect(again.candidates).to_have_count(3)
    again.page.keyboard.press("Enter")
    expect(again.objects).to_have_count(1)
    again.saved()
    (annotation,) = annotations_of(exported(project, again.page), LARGE)
    assert iou(rle.decode(annotation["segmentation"]).astype(bool), truth) > 0.85
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
