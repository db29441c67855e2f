"""The whole path in a real browser: preview, click, cycle, accept, reload, undo, box, export, and Python agrees."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from limner import rle
from tests.e2e.conftest import TIMEOUT, LimnerServer

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]

Mask = NDArray[np.bool_]
expect.set_options(timeout=TIMEOUT)


class AnnotatePage:
    """The annotate page in the words of a person."""

    def __init__(self, page: Page, server: LimnerServer, file_name: str) -> None:
        self.page = page
        page.goto(f"{server.address}/projects/1")
        page.get_by_role("link", name=re.compile(re.escape(file_name))).click()
        page.get_by_role("heading", name=file_name).wait_for()
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
    def candidates(self) -> Locator:
        return self.page.get_by_role("region", name="Candidates").get_by_role("button", name=re.compile("Candidate"))

    def _size(self) -> tuple[int, int]:
        width, height = re.search(r"(\d+) × (\d+)", self.page.get_by_role("banner").inner_text()).groups()
        return int(height), int(width)

    def image_rectangle(self) -> tuple[float, float, float]:
        """Left and top of the image on the screen, and screen pixels per image pixel: fitted and centred."""
        box = self.stage.bounding_box()
        assert box is not None
        zoom = int(re.search(r"(\d+) %", self.page.get_by_role("contentinfo").inner_text())[1]) / 100
        fits = [(box["width"] - 2 * margin) / self.width for margin in range(64)]
        fits += [(box["height"] - 2 * margin) / self.height for margin in range(64)]
        scale = min(fits, key=lambda fit: abs(fit - zoom))
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


def iou(a: Mask, b: Mask) -> float:
    return float((a & b).sum() / (a | b).sum())


def agreement(saved: Mask, seen: Mask) -> float:
    """Share of pixels that agree, away from the borders of the saved mask: there an outline of two pixels is drawn."""
    kernel = np.ones((7, 7), np.uint8)
    as_bytes = saved.astype(np.uint8)
    clear = cv2.dilate(as_bytes, kernel) == cv2.erode(as_bytes, kernel)
    assert (clear & saved).any()
    return float((saved == seen)[clear].mean())


def exported(server: LimnerServer, page: Page) -> dict:
    """COCO as the gallery's button gives it."""
    page.goto(f"{server.address}/projects/1")
    with page.expect_download() as download:
        page.get_by_role("link", name="RLE").click()
    return json.loads(Path(download.value.path()).read_text())


def annotations_of(coco: dict, file_name: str) -> list[dict]:
    (image,) = [image for image in coco["images"] if image["file_name"] == file_name]
    return [annotation for annotation in coco["annotations"] if annotation["image_id"] == image["id"]]


def segment(tmp_path: Path, file_name: str, *prompts: str) -> Mask:
    """What `limner segment` answers on the same photo."""
    from importlib.resources import files

    from limner.cli.demo import PHOTOS

    out = tmp_path / "mask.png"
    photo = str(files("skimage.data") / PHOTOS[file_name])
    subprocess.run([sys.executable, "-m", "limner", "segment", photo, *prompts, "--out", str(out)], check=True)
    return np.asarray(Image.open(out).convert("L")) > 127


def test_preview_click_cycle_accept_reload_undo_export(server: LimnerServer, page: Page, tmp_path: Path) -> None:
    work = AnnotatePage(page, server, "coffee.png")
    work.leave()
    empty = work.picture()

    page.mouse.move(*work.at(250, 220))
    _until(lambda: work.shown_mask(empty).sum() > 500, page)  # the preview, before any click

    page.mouse.click(*work.at(250, 220))
    expect(work.candidates).to_have_count(3)
    first = _chosen(work)
    page.keyboard.press("Tab")
    expect(work.candidates.nth(first)).not_to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Shift+Tab")
    expect(work.candidates.nth(first)).to_have_attribute("aria-pressed", "true")

    page.keyboard.press("4")  # food
    page.keyboard.press("Enter")
    expect(work.objects).to_have_count(1)
    expect(work.objects.first).to_contain_text("food")
    work.saved()
    work.leave()
    seen = work.shown_mask(empty)

    page.reload()
    work.wait_until_ready()
    expect(work.objects).to_have_count(1)
    work.leave()
    _until(lambda: iou(work.shown_mask(empty), seen) > 0.99, page)

    (annotation,) = annotations_of(exported(server, page), "coffee.png")
    saved = rle.decode(rle.validate(annotation["segmentation"], (400, 600)))
    assert annotation["iscrowd"] == 0
    assert annotation["area"] == saved.sum()
    assert agreement(saved, seen) > 0.995
    assert iou(saved, segment(tmp_path, "coffee.png", "--point", "250,220")) >= 0.99

    work = AnnotatePage(page, server, "coffee.png")
    work.objects.first.click()
    page.keyboard.press("Delete")
    expect(work.objects).to_have_count(0)
    page.keyboard.press("Control+z")
    expect(work.objects).to_have_count(1)
    page.keyboard.press("Control+Shift+z")
    expect(work.objects).to_have_count(0)
    page.keyboard.press("Control+z")
    work.saved()
    (restored,) = annotations_of(exported(server, page), "coffee.png")
    assert restored == annotation


def test_a_box_gives_the_mask_that_python_gives(server: LimnerServer, page: Page, tmp_path: Path) -> None:
    work = AnnotatePage(page, server, "rocket.jpg")
    page.mouse.move(*work.at(290, 120))
    page.mouse.down()
    page.mouse.move(*work.at(320, 300), steps=4)
    page.mouse.move(*work.at(350, 420), steps=4)
    page.mouse.up()
    expect(page.get_by_role("button", name=re.compile("Accept"))).to_be_visible()
    page.keyboard.press("Enter")
    expect(work.objects).to_have_count(1)
    work.saved()
    (annotation,) = annotations_of(exported(server, page), "rocket.jpg")
    saved = rle.decode(annotation["segmentation"])
    assert saved.sum() > 500
    box = annotation["provenance"]["prompts"]["box"]
    assert box == pytest.approx([290, 120, 350, 420], abs=1)  # the pointer moves in whole pixels of the screen
    assert iou(saved, segment(tmp_path, "rocket.jpg", "--box", ",".join(map(str, box)))) >= 0.99


def test_background_points_and_markers(server: LimnerServer, page: Page) -> None:
    work = AnnotatePage(page, server, "astronaut.png")
    combined = page.get_by_role("button", name="Combined")  # the one answer to several points, shown before the others
    page.mouse.click(*work.at(220, 100))
    expect(work.candidates).to_have_count(3)
    expect(combined).to_have_count(0)
    page.mouse.click(*work.at(150, 400), button="right")
    expect(combined).to_have_attribute("aria-pressed", "true")
    page.mouse.click(*work.at(150, 400))  # on the marker: takes it back
    expect(combined).to_have_count(0)
    page.keyboard.press("Escape")
    expect(work.candidates).to_have_count(0)
    expect(work.objects).to_have_count(0)


def test_the_page_is_isolated_so_that_the_decoder_has_threads(server: LimnerServer, page: Page) -> None:
    page.goto(server.address)
    assert page.evaluate("() => crossOriginIsolated") is True


def _chosen(work: AnnotatePage) -> int:
    pressed = [work.candidates.nth(i).get_attribute("aria-pressed") for i in range(work.candidates.count())]
    return pressed.index("true")


def _until(condition, page: Page, seconds: float = 60) -> None:  # type: ignore[no-untyped-def]
    for _ in range(int(seconds * 10)):
        if condition():
            return
        page.wait_for_timeout(100)
    raise AssertionError("the page did not get there")
