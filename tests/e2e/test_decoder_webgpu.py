"""Where the decoder runs, in a Chromium that has no graphics card."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.annotate_page import AnnotatePage
from tests.e2e.api import Project

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


def test_without_a_card_the_processor_answers_and_it_is_said_why(page: Page, project: Project) -> None:
    annotate = AnnotatePage(page, project, "cat.png")
    threads = page.get_by_test_id("threads")
    expect(threads).to_have_text(re.compile("thread"))
    expect(threads).not_to_have_attribute("title", re.compile(""))
    address = page.url
    page.goto(f"{address}?decoder=auto")
    annotate.wait_until_ready()
    expect(threads).to_have_attribute("title", re.compile("On the processor: .*WebGPU"))
    page.goto(f"{address}?decoder=webgpu")
    annotate.wait_until_ready()
    expect(threads).to_have_attribute("title", re.compile("On the processor: the graphics card failed"))
    page.mouse.click(*annotate.at(200, 150))
    expect(annotate.candidates.first).to_be_visible()
