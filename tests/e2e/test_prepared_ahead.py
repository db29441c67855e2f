"""The image that comes next is prepared while another is open, and answers as if it had been opened alone."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from limner.vocabulary import rle
from tests.e2e.annotate_page import AnnotatePage, Mask
from tests.e2e.api import Project
from tests.e2e.server import LimnerServer

pytestmark = pytest.mark.e2e

LONG_IDLE = 500  # ms, after which the decoder's worker prepares the next image, as in web/src/decoder/worker.ts
COFFEE = (400, 600)


def mask_of_a_click(work: AnnotatePage, page: Page, server: LimnerServer) -> Mask:
    """Of a click into the open image, which is left without objects again."""
    page.mouse.click(*work.at(work.width / 2, work.height / 2))
    expect(work.candidates.first).to_be_visible()
    page.keyboard.press("Enter")
    expect(work.objects).to_have_count(1)
    work.saved()
    image_id = re.search(r"/images/(\d+)", page.url)[1]
    (found,) = page.request.get(f"{server.address}/api/v1/images/{image_id}/annotations").json()["annotations"]
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    expect(work.objects).to_have_count(0)
    work.saved()
    return rle.decode(found["segmentation"])


def test_the_next_image_answers_as_if_it_had_been_opened_alone(
    project: Project, page: Page, server: LimnerServer
) -> None:
    for photo in ("cat.png", "coffee.png"):  # images come in the order in which they were added
        project.add_photo(photo)
    work = AnnotatePage(page, project, "cat.png")
    of_cat = mask_of_a_click(work, page, server)
    page.wait_for_timeout(4 * LONG_IDLE)
    page.get_by_role("button", name="Next image", exact=True).click()
    page.get_by_role("heading", name="coffee.png").wait_for()
    work.wait_until_ready()
    work.height, work.width = COFFEE
    ahead = mask_of_a_click(work, page, server)
    assert ahead.shape == COFFEE != of_cat.shape
    alone = AnnotatePage(page, project, "coffee.png")  # from the gallery: another page, another worker
    assert np.array_equal(mask_of_a_click(alone, page, server), ahead)
