"""The whole path in a real browser: preview, click, cycle, accept, reload, undo, box, export, and Python agrees."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from limner.vocabulary import rle
from tests.e2e.annotate_page import AnnotatePage, Mask, agreement, annotations_of, exported, iou
from tests.e2e.api import Project
from tests.e2e.server import LimnerServer

pytestmark = pytest.mark.e2e


def segment(tmp_path: Path, file_name: str, *prompts: str) -> Mask:
    """What `limner segment` answers on the same photo."""
    from importlib.resources import files

    from limner.cli.demo import PHOTOS

    out = tmp_path / "mask.png"
    photo = str(files("skimage.data") / PHOTOS[file_name])
    subprocess.run([sys.executable, "-m", "limner", "segment", photo, *prompts, "--out", str(out)], check=True)
    return np.asarray(Image.open(out).convert("L")) > 127


def test_preview_click_cycle_accept_reload_undo_export(project: Project, page: Page, tmp_path: Path) -> None:
    work = AnnotatePage(page, project, "coffee.png")
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

    (annotation,) = annotations_of(exported(project, page), "coffee.png")
    saved = rle.decode(rle.validate(annotation["segmentation"], (400, 600)))
    assert annotation["iscrowd"] == 0
    assert annotation["area"] == saved.sum()
    assert agreement(saved, seen) > 0.995
    assert iou(saved, segment(tmp_path, "coffee.png", "--point", "250,220")) >= 0.99

    work = AnnotatePage(page, project, "coffee.png")
    work.objects.first.click()
    page.keyboard.press("Delete")
    expect(work.objects).to_have_count(0)
    page.keyboard.press("Control+z")
    expect(work.objects).to_have_count(1)
    page.keyboard.press("Control+Shift+z")
    expect(work.objects).to_have_count(0)
    page.keyboard.press("Control+z")
    work.saved()
    (restored,) = annotations_of(exported(project, page), "coffee.png")
    assert restored == annotation


def test_a_box_gives_the_mask_that_python_gives(project: Project, page: Page, tmp_path: Path) -> None:
    work = AnnotatePage(page, project, "rocket.jpg")
    page.mouse.move(*work.at(290, 120))
    page.mouse.down()
    page.mouse.move(*work.at(320, 300), steps=4)
    page.mouse.move(*work.at(350, 420), steps=4)
    page.mouse.up()
    expect(page.get_by_role("button", name=re.compile("Accept"))).to_be_visible()
    page.keyboard.press("Enter")
    expect(work.objects).to_have_count(1)
    work.saved()
    (annotation,) = annotations_of(exported(project, page), "rocket.jpg")
    saved = rle.decode(annotation["segmentation"])
    assert saved.sum() > 500
    box = annotation["provenance"]["prompts"]["box"]
    assert box == pytest.approx([290, 120, 350, 420], abs=1)  # the pointer moves in whole pixels of the screen
    assert iou(saved, segment(tmp_path, "rocket.jpg", "--box", ",".join(map(str, box)))) >= 0.99


def test_background_points_and_markers(project: Project, page: Page) -> None:
    work = AnnotatePage(page, project, "astronaut.png")
    combined = page.get_by_role("button", name="Best fit")  # the one answer to several points, shown before the others
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
