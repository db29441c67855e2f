"""The decoder's worker dies in a real browser: the page brings it back and answers, and says so where it cannot."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Worker, expect

from tests.e2e.annotate_page import DECODER_SCRIPT, AnnotatePage, decoder_of
from tests.e2e.api import Project
from tests.e2e.waiting import wait_until

pytestmark = pytest.mark.e2e

MAX_RESTARTS = 5  # web/src/decoder/host.ts
CRASH = "() => void setTimeout(() => { throw new Error('killed by a test') })"


def _crash(page: Page) -> Worker:
    """The worker that takes the place of the one that is crashed here."""
    with page.expect_event("worker", lambda worker: bool(DECODER_SCRIPT.search(worker.url))) as started:
        decoder_of(page).evaluate(CRASH)
    return started.value


def test_a_click_is_answered_after_the_decoder_crashed(page: Page, project: Project) -> None:
    annotate = AnnotatePage(page, project, "cat.png")
    page.mouse.click(*annotate.at(200, 150))
    expect(annotate.candidates.first).to_be_visible()
    page.keyboard.press("Escape")
    expect(annotate.candidates).to_have_count(0)
    annotate.leave()
    before = decoder_of(page)
    assert _crash(page) is not before
    page.mouse.click(*annotate.at(200, 150))  # while the new worker is still loading the model
    expect(annotate.candidates.first).to_be_visible()
    page.keyboard.press("Enter")
    expect(annotate.objects).to_have_count(1)
    annotate.saved()


def test_a_decoder_that_keeps_crashing_is_left_alone_and_says_so(page: Page, project: Project) -> None:
    annotate = AnnotatePage(page, project, "cat.png")
    for _ in range(MAX_RESTARTS):
        _crash(page)
    decoder_of(page).evaluate(CRASH)
    decoder = page.get_by_test_id("decoder")
    expect(decoder).to_have_text("Model stopped")
    expect(decoder).to_have_attribute("title", re.compile("killed by a test.*Reload the page"))
    page.reload()
    annotate.wait_until_ready()
    page.mouse.click(*annotate.at(200, 150))
    expect(annotate.candidates.first).to_be_visible()


def test_the_number_of_threads_is_tried_while_it_is_quiet_and_holds_from_then_on(page: Page, project: Project) -> None:
    page.add_init_script("Object.defineProperty(navigator, 'hardwareConcurrency', { value: 2 })")
    page.clock.install()
    annotate = AnnotatePage(page, project, "cat.png")
    model = page.get_by_test_id("model")
    expect(model).to_have_attribute("title", re.compile("On the processor with 2 threads(;|$)"))
    page.mouse.click(*annotate.at(200, 150))
    expect(annotate.candidates.first).to_be_visible()
    page.keyboard.press("Escape")  # or the draft would come back with the page
    expect(annotate.candidates).to_have_count(0)
    page.clock.fast_forward(20_000)
    tried = "Object.keys(localStorage).some((key) => key.startsWith('limner.threads.2.'))"
    wait_until(page, lambda: page.evaluate(tried), "a number of threads was chosen")
    page.reload()
    annotate.wait_until_ready()
    expect(model).to_have_attribute("title", re.compile("with [12] threads?, the fastest number that was tried"))
    page.mouse.click(*annotate.at(200, 150))
    expect(annotate.candidates.first).to_be_visible()
