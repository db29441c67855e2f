"""The annotate page as tests use it, and what comes out of it."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from axe_playwright_python.sync_playwright import Axe
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page, Worker, expect

from tests.e2e.api import Project
from tests.e2e.conftest import TIMEOUT

Mask = NDArray[np.bool_]
# Masks are measured on the screen: strong enough to be told from any picture, and nothing else changes or lies over it.
PLAIN_VIEW = """
    if (localStorage.getItem("limner-view") === null) {
        const plain = { opacity: 0.6, dim: false, barsAtObject: false, askEmpty: false, coached: true };
        localStorage.setItem("limner-view", JSON.stringify(plain));
    }
"""
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
DECODER_SCRIPT = re.compile(r"/worker-[^/]+\.js$")  # the threads of the runtime are workers too, with another script
LARGEST_SCALE = 64  # as in web/src/canvas/view.ts
MARGIN = 16  # px of the screen around a fitted image
expect.set_options(timeout=TIMEOUT)


class AnnotatePage:
    """The annotate page in the words of a person."""

    def __init__(self, page: Page, project: Project, file_name: str, notice: str | None = None) -> None:
        """Open an image; a `notice`, shown for seconds, is waited for before the decoder, which can take longer."""
        self.page = page
        page.add_init_script(PLAIN_VIEW)
        project.add_photo(file_name)
        page.goto(project.url)
        page.get_by_role("link", name=re.compile(re.escape(file_name))).click()
        page.get_by_role("heading", name=file_name).wait_for()
        if notice is not None:
            page.get_by_text(notice).wait_for()
        self.wait_until_ready()
        self.height, self.width = self._size()

    def wait_until_ready(self) -> None:
        expect(self.page.get_by_role("contentinfo")).to_contain_text("Ready")

    @property
    def stage(self) -> Locator:
        return self.page.get_by_role("application")

    @property
    def objects(self) -> Locator:
        return self.page.get_by_role("region", name="Objects").get_by_role("listitem")

    @property
    def answers(self) -> Locator:
        """Where the candidates are; busy while the model has not answered the last prompt."""
        return self.page.get_by_role("region", name="Candidates")

    @property
    def candidates(self) -> Locator:
        return self.answers.get_by_role("button", name=re.compile("Candidate"))

    def _size(self) -> tuple[int, int]:
        width, height = re.search(r"(\d+) × (\d+)", self.page.get_by_role("banner").inner_text()).groups()
        return int(height), int(width)

    def image_rectangle(self) -> tuple[float, float, float]:
        """Left and top of the image on the screen, and screen pixels per image pixel: fitted and centred."""
        box = self.stage.bounding_box()
        assert box is not None
        scale = min((box["width"] - 2 * MARGIN) / self.width, (box["height"] - 2 * MARGIN) / self.height, LARGEST_SCALE)
        expect(self.page.get_by_role("contentinfo")).to_contain_text(re.compile(rf"\b{int(100 * scale + 0.5)} %"))
        left = box["x"] + (box["width"] - self.width * scale) / 2
        return left, box["y"] + (box["height"] - self.height * scale) / 2, scale

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Screen position of image coordinates."""
        left, top, scale = self.image_rectangle()
        return left + x * scale, top + y * scale

    def leave(self) -> None:
        """Take the pointer off the stage, so that nothing is previewed."""
        self.page.mouse.move(5, 5)

    def picture(self) -> NDArray[np.int16]:
        """The stage as it is on the screen, (h, w, 3)."""
        shot = Image.open(io.BytesIO(self.stage.screenshot())).convert("RGB")
        return np.asarray(shot, np.int16)

    def shown_mask(self, before: NDArray[np.int16]) -> Mask:
        """Where the screen changed, sampled at the centres of the image's pixels: (H, W)."""
        changed = np.abs(self.picture() - before).sum(axis=2) > 24
        left, top, scale = self.image_rectangle()
        box = self.stage.bounding_box()
        rows = ((np.arange(self.height) + 0.5) * scale + top - box["y"]).astype(int)
        columns = ((np.arange(self.width) + 0.5) * scale + left - box["x"]).astype(int)
        return changed[np.ix_(rows, columns)]

    def saved(self) -> None:
        expect(self.page.get_by_role("contentinfo")).to_contain_text("Saved")


def violations(page: Page) -> list[str]:
    """What axe has against the page as it is, in the light and in the dark theme, in words."""
    found: list[str] = []
    for theme in THEMES:
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # no colour is seen halfway to the other theme
        found += [
            f"{theme}: {each['id']}: {each['help']}: {[node['html'][:160] for node in each['nodes']]}"
            for each in Axe().run(page).response["violations"]
        ]
    return found


def decoder_of(page: Page) -> Worker:
    """The newest decoder: of an older one that was ended, the browser may not have told yet."""
    return [worker for worker in page.workers if DECODER_SCRIPT.search(worker.url)][-1]


def iou(a: Mask, b: Mask) -> float:
    return float((a & b).sum() / (a | b).sum())


def agreement(saved: Mask, seen: Mask) -> float:
    """Share of pixels that agree, away from the borders of the saved mask: there an outline of two pixels is drawn."""
    kernel = np.ones((7, 7), np.uint8)
    as_bytes = saved.astype(np.uint8)
    clear = cv2.dilate(as_bytes, kernel) == cv2.erode(as_bytes, kernel)
    assert (clear & saved).any()
    return float((saved == seen)[clear].mean())


def exported(project: Project, page: Page) -> dict:
    """COCO of all images as the gallery's dialog gives it."""
    page.goto(project.url)
    page.get_by_role("button", name="Export", exact=True).click()
    dialog = page.get_by_role("dialog", name="Export")
    dialog.get_by_role("radio", name="All", exact=True).check()
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Export", exact=True).click()
    return json.loads(Path(download.value.path()).read_text())


def annotations_of(coco: dict, file_name: str) -> list[dict]:
    (image,) = [image for image in coco["images"] if image["file_name"] == file_name]
    return [annotation for annotation in coco["annotations"] if annotation["image_id"] == image["id"]]
