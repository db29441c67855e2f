"""Objects are taken along to the next image: what the model is sure of is saved there, the rest only suggested."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import cv2
import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from limner.vocabulary import rle
from tests.e2e.annotate_page import AnnotatePage, annotations_of, exported
from tests.e2e.api import Api, Project
from tests.e2e.server import LimnerServer
from tests.e2e.test_drafts import accept_button
from tests.e2e.test_faults import drag_box

pytestmark = pytest.mark.e2e

HEIGHT, WIDTH = 240, 320
DISCS = {"left": (80, 120), "right": (240, 120)}
RADIUS = 40  # px


def discs(background: int) -> bytes:
    pixels = np.full((HEIGHT, WIDTH, 3), background, np.uint8)
    for centre in DISCS.values():
        cv2.circle(pixels, centre, RADIUS, (40, 180, 230), thickness=-1)
    return cv2.imencode(".png", pixels)[1].tobytes()


def drawn(centre: tuple[int, int], predicted_iou: float) -> dict[str, Any]:
    """A disc that a click has made, as the model rated it."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(mask, centre, RADIUS, 1, thickness=-1)
    provenance = {
        "mask_index": 1,
        "predicted_iou": predicted_iou,
        "prompts": {"points": [[*centre, 1]], "box": None, "mask": False},
        "seconds": 3,
        "clicks": 2,
    }
    segmentation = rle.encode(mask.astype(bool))
    return {
        "kind": "create",
        "uid": str(uuid4()),
        "category_id": None,
        "segmentation": segmentation,
        "provenance": provenance,
    }


def test_only_what_the_model_is_sure_of_is_saved_on_the_next_image(
    server: LimnerServer, project: Project, page: Page, signed_in: BrowserContext
) -> None:
    project.upload({"one.png": discs(30), "two.png": discs(60)})
    work = AnnotatePage(page, project, "one.png")
    image_id = int(page.url.rsplit("/", 1)[1])
    # Sure is what the model rates nearly as well as it did before: better than .01 always, never as well as 10.
    for revision, (name, rated) in enumerate({"left": 0.01, "right": 10.0}.items()):
        Api(server).operate(image_id, revision, drawn(DISCS[name], rated))
    expect(work.objects).to_have_count(2)
    page.keyboard.press("Control+a")
    page.keyboard.press("Control+b")

    page.get_by_role("heading", name="two.png").wait_for()
    page.get_by_text("1 of 2 objects found here. One is uncertain and not saved: it is only suggested.").wait_for()
    expect(work.objects).to_have_count(1)
    expect(accept_button(work)).to_be_enabled()
    work.saved()
    other = signed_in.new_page()
    (saved,) = annotations_of(exported(project, other), "two.png")
    other.close()
    x, y = DISCS["left"]
    assert rle.decode(saved["segmentation"])[y, x]
    assert (saved["provenance"]["seconds"], saved["provenance"]["clicks"]) == (0, 0)  # nobody has worked on it

    page.keyboard.press("Enter")  # keeps what was suggested
    expect(work.objects).to_have_count(2)
    page.keyboard.press("Control+z")
    expect(work.objects).to_have_count(1)
    page.keyboard.press("Escape")  # or drops it
    expect(accept_button(work)).to_have_count(0)
    page.keyboard.press("Control+z")
    expect(accept_button(work)).to_be_enabled()
    work.saved()
    assert len(annotations_of(exported(project, page), "two.png")) == 1


def test_what_was_taken_along_is_looked_for_once(project: Project, page: Page) -> None:
    project.upload({"one.png": discs(30), "two.png": discs(60), "three.png": discs(90)})
    work = AnnotatePage(page, project, "one.png")
    for count, (x, y) in enumerate(DISCS.values(), start=1):
        drag_box(work, x, y)  # a click could select the object before
        expect(accept_button(work)).to_be_enabled()
        page.keyboard.press("Enter")
        expect(work.objects).to_have_count(count)
    page.keyboard.press("Control+a")
    page.keyboard.press("Control+b")
    page.get_by_text("2 of 2 objects found here.").wait_for()
    expect(work.objects).to_have_count(2)
    page.keyboard.press("Control+z")  # as one step
    expect(work.objects).to_have_count(0)
    page.keyboard.press("d")
    page.get_by_role("heading", name="three.png").wait_for()
    work.wait_until_ready()
    expect(page.get_by_test_id("mark")).to_have_text("To do")
    expect(work.objects).to_have_count(0)
