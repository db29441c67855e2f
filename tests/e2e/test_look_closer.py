"""A small object on a large image: looked at closer, segmented, exported on the right pixels."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, Response, expect

from limner.vocabulary import rle
from tests.e2e.annotate_page import AnnotatePage, Mask, annotations_of, exported, iou
from tests.e2e.api import Project
from tests.e2e.waiting import wait_until

pytestmark = pytest.mark.e2e

HEIGHT, WIDTH = 2600, 4000
X, Y, RADIUS = 2817, 933, 24  # of the object: six pixels across in what the encoder sees of the whole image
LARGE = "large.png"


def large_image(seed: int = 0) -> tuple[bytes, Mask]:
    """A bright disk on a dull, cloudy ground; the file and where the disk is."""
    coarse = np.random.default_rng(seed).integers(70, 110, (26, 40, 3), np.uint8)
    pixels = np.asarray(Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)).copy()
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    disk = (rows + 0.5 - Y) ** 2 + (columns + 0.5 - X) ** 2 < RADIUS**2
    pixels[disk] = (225, 190, 60)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue(), disk


def place(work: AnnotatePage, x: float, y: float) -> tuple[float, float]:
    """Screen position of image coordinates, wherever the image has been moved."""
    box = work.stage.bounding_box()
    assert box is not None
    zoom, left, top = (float(work.stage.get_attribute(f"data-{name}") or "nan") for name in ("scale", "x", "y"))
    return box["x"] + left + x * zoom, box["y"] + top + y * zoom


def scale(work: AnnotatePage) -> float:
    """Screen pixels per image pixel."""
    return float(work.stage.get_attribute("data-scale") or "nan")


def zoom_in(work: AnnotatePage) -> None:
    """Turn the wheel until a pixel of the image covers more than one of the screen."""

    def close_enough() -> bool:
        if scale(work) >= 1.5:
            return True
        work.page.mouse.wheel(0, -120)
        return False

    wait_until(work.page, close_enough, "the image is seen closer")


def answers_about_regions(page: Page) -> list[int]:
    """The statuses with which this page is told of embeddings of regions from now on; 202: it is not made yet."""
    statuses: list[int] = []

    def note(response: Response) -> None:
        if "/embedding?" in response.url and "region=" in response.url:
            statuses.append(response.status)

    page.on("response", note)
    return statuses


def test_a_small_object_is_segmented_closer_and_lands_on_its_pixels(project: Project, page: Page) -> None:
    data, truth = large_image(seed=1)  # no other test's image: what was encoded for one is not encoded again
    project.upload({LARGE: data})
    work = AnnotatePage(page, project, LARGE)
    button = page.get_by_role("button", name="Look closer")
    expect(button).to_have_count(0)  # the whole image is seen
    page.mouse.move(*place(work, X, Y))
    zoom_in(work)
    expect(button).to_have_attribute("aria-pressed", "false")

    told = answers_about_regions(page)
    page.keyboard.press("c")
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("main").get_by_role("status")).to_have_text("Looking closer")
    assert (told[0], told[-1]) == (202, 200)  # it was made for this

    page.mouse.click(*place(work, X, Y))
    expect(work.candidates).to_have_count(3)
    page.keyboard.press("Enter")
    expect(work.objects).to_have_count(1)

    told.clear()
    button.click()  # back to the whole image, and once more: nothing is encoded twice
    expect(button).to_have_attribute("aria-pressed", "false")
    button.click()
    expect(page.get_by_role("main").get_by_role("status")).to_have_text("Looking closer")
    assert set(told) <= {200}

    page.keyboard.press("Home")
    page.mouse.move(*place(work, X + 1000, Y + 1000))  # outside of what is looked at
    expect(page.get_by_role("main").get_by_role("status")).to_have_text("")
    work.saved()

    (annotation,) = annotations_of(exported(project, page), LARGE)
    mask = rle.decode(annotation["segmentation"]).astype(bool)
    assert mask.shape == (HEIGHT, WIDTH)
    rows, columns = np.nonzero(mask)
    assert abs(columns.mean() + 0.5 - X) < 2
    assert abs(rows.mean() + 0.5 - Y) < 2
    assert iou(mask, truth) > 0.85
