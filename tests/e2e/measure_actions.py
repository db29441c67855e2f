"""Actions that a practised annotator needs: 30 objects of five classes, with corrections.

``python -m tests.e2e.measure_actions`` starts a server of its own with a made-up picture whose masks are known, and
draws every object in three ways: of one class with Enter (what other tools are usually counted by); of five classes,
each chosen before its mask is drawn; of five classes, each given by the digit that accepts the mask. An action is a
click or a key. After each click the mask on the screen is compared with the true one, but for five pixels at its edge.
Where more than a tenth of the object is missing or too much, the annotator corrects: a click in the middle of what is
missing, or with the right button in what is too much, three times at most.
"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Error, expect, sync_playwright

from limner.vocabulary import rle
from tests.e2e.annotate_page import AnnotatePage, Mask
from tests.e2e.api import Api, Project
from tests.e2e.gauges import Table, launch, signed_in_page
from tests.e2e.server import LimnerServer, start_server, stop_server

CLASSES = ("disc", "square", "triangle", "star", "ring")
COLORS = ((214, 92, 60), (70, 140, 210), (90, 170, 90), (230, 190, 70), (160, 90, 170))
MASK_COLOR = "#ff00ff"  # an orange mask on an orange disc would be taken for a missing one
COLUMNS, CELL = 6, 150  # px
EDGE = 5  # px of the image: as near to the true edge an outline on the screen says nothing
WORTH_IT = 0.1  # of the object's size: what is missing or too much beyond that is corrected
MOST_CORRECTIONS = 3
NO_ANSWER = 15_000  # ms after a click without candidates: it selected an object, however busy the machine is
STEADY = 5  # pictures that are the same as the one before, in a row
MOST_PICTURES = 200


@dataclass(frozen=True)
class Thing:
    """An object of the picture: its class, from 0, and its true mask (H, W)."""

    kind: int
    mask: Mask


@dataclass
class Count:
    """Actions of one way through the picture."""

    clicks: int = 0
    keys: int = 0
    corrections: int = 0

    @property
    def actions(self) -> int:
        return self.clicks + self.keys


def shape(kind: int, height: int, width: int, x: int, y: int, reach: int, turn: float) -> Mask:
    """One object around (x, y), ``reach`` pixels in every direction."""
    mask = np.zeros((height, width), np.uint8)
    if kind in (0, 4):
        cv2.circle(mask, (x, y), reach, 1, -1)
        if kind == 4:
            cv2.circle(mask, (x, y), reach // 2, 0, -1)
        return mask.astype(bool)
    corners = {1: 4, 2: 3, 3: 10}[kind]
    angles = turn + 2 * np.pi * np.arange(corners) / corners
    reaches = np.where(np.arange(corners) % 2 & (kind == 3), reach * 0.5, reach)
    points = np.stack([x + reaches * np.cos(angles), y + reaches * np.sin(angles)], axis=1)
    cv2.fillPoly(mask, [points.astype(np.int32)], 1)
    return mask.astype(bool)


def scene(count: int) -> tuple[bytes, list[Thing]]:
    """A PNG with so many objects on rough ground, neighbours of different classes; and the objects."""
    chance = np.random.default_rng(5)
    height, width = CELL * -(-count // COLUMNS), CELL * COLUMNS
    pixels = 120 + chance.normal(0, 12, (height, width, 3))
    things = []
    for index in range(count):
        column, row = index % COLUMNS, index // COLUMNS
        x, y = (int((place + 0.5) * CELL + chance.integers(-15, 16)) for place in (column, row))
        kind = (index + row) % len(CLASSES)
        reach, turn = int(chance.integers(35, 56)), chance.uniform(0, 2 * np.pi)
        thing = Thing(kind, shape(kind, height, width, x, y, reach, turn))
        pixels[thing.mask] = COLORS[thing.kind] + chance.normal(0, 14, (int(thing.mask.sum()), 3))
        things.append(thing)
    file = io.BytesIO()
    Image.fromarray(np.clip(cv2.GaussianBlur(pixels, (0, 0), 1.2), 0, 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue(), things


def iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Intersection over union, 1 for two empty masks."""
    union = int((one | other).sum())
    return 1.0 if union == 0 else int((one & other).sum()) / union


def middle(mask: Mask) -> tuple[float, float, int]:
    """(x, y) of the pixel that is farthest from the mask's edge, and how many pixels the mask has."""
    deep = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    y, x = np.unravel_index(int(deep.argmax()), deep.shape)
    return float(x) + 0.5, float(y) + 0.5, int(mask.sum())


class Annotator:
    """Draws the objects of a picture and counts what that takes."""

    def __init__(self, work: AnnotatePage) -> None:
        self._work = work
        self.count = Count()

    def press(self, key: str) -> None:
        self._work.page.keyboard.press(key)
        self.count.keys += 1

    def draw(self, thing: Thing) -> None:
        """Click until the mask on the screen is good enough."""
        before = self._at_rest()
        x, y, size = middle(thing.mask)
        reach = np.ones((2 * EDGE + 1, 2 * EDGE + 1), np.uint8)
        inner = cv2.erode(thing.mask.astype(np.uint8), reach).astype(bool)
        outer = cv2.dilate(thing.mask.astype(np.uint8), reach).astype(bool)
        self._click(x, y, "left")
        for _ in range(MOST_CORRECTIONS):
            self._at_rest()
            shown = self._work.shown_mask(before)
            missing, surplus = middle(inner & ~shown), middle(shown & ~outer)
            if max(missing[2], surplus[2]) <= WORTH_IT * size:
                return
            too_much = surplus[2] > missing[2]
            self._click(*(surplus if too_much else missing)[:2], "right" if too_much else "left")
            self.count.corrections += 1

    def _click(self, x: float, y: float, button: str) -> None:
        self._press_mouse(x, y, button)
        try:
            self._work.candidates.first.wait_for(timeout=NO_ANSWER)
        except Error:  # the mask of a neighbour reaches to here and was selected: Alt draws on top of it
            self._work.page.keyboard.down("Alt")
            self._press_mouse(x, y, button)
            self._work.page.keyboard.up("Alt")
            self._work.candidates.first.wait_for()
        expect(self._work.answers).to_have_attribute("aria-busy", "false")

    def _at_rest(self) -> NDArray[np.int16]:
        """The stage once nothing on it changes any more: what changes later would be taken for the mask."""
        self._work.leave()
        last, steady = self._work.picture(), 0
        for _ in range(MOST_PICTURES):
            self._work.page.wait_for_timeout(50)
            now = self._work.picture()
            steady = steady + 1 if np.array_equal(now, last) else 0
            if steady == STEADY:
                return now
            last = now
        raise AssertionError("The stage does not come to rest.")

    def _press_mouse(self, x: float, y: float, button: str) -> None:
        self._work.page.mouse.click(*self._work.at(x, y), button="right" if button == "right" else "left")
        self.count.clicks += 1


def one_class(annotator: Annotator, things: Sequence[Thing]) -> None:
    annotator.press("1")
    for thing in things:
        annotator.draw(thing)
        annotator.press("Enter")


def class_before(annotator: Annotator, things: Sequence[Thing]) -> None:
    chosen = None
    for thing in things:
        if thing.kind != chosen:
            annotator.press(str(thing.kind + 1))
            chosen = thing.kind
        annotator.draw(thing)
        annotator.press("Enter")


def digit_accepts(annotator: Annotator, things: Sequence[Thing]) -> None:
    for thing in things:
        annotator.draw(thing)
        annotator.press(str(thing.kind + 1))


WAYS = {
    "one class, Enter": one_class,
    "five classes, chosen before": class_before,
    "five classes, digit accepts": digit_accepts,
}


def project_of(server: LimnerServer, name: str) -> Project:
    """An empty project with the five classes, all in a colour that nothing in the picture has."""
    api = Api(server)
    categories = [{"name": each, "color": MASK_COLOR} for each in CLASSES]
    project_id = int(api.post("/projects", json.dumps({"name": name, "categories": categories}).encode())["id"])
    return Project(f"{server.address}/projects/{project_id}", lambda images: api.upload(project_id, images))


def masks_on(server: LimnerServer, image_id: int) -> list[dict[str, Any]]:
    """What the server has of an image."""
    headers = {"Authorization": f"Bearer {Api(server).token}"}
    request = urllib.request.Request(f"{server.address}/api/v1/images/{image_id}/annotations", headers=headers)
    with urllib.request.urlopen(request) as answer:
        found: list[dict[str, Any]] = json.load(answer)["annotations"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=30)
    parser.add_argument("--way", action="append", choices=list(WAYS), help="by default all of them")
    options = parser.parse_args()
    png, things = scene(options.objects)
    server = start_server(Path(tempfile.mkdtemp()) / "home")
    table = Table("way                        ", "objects", "clicks", "keys", "corrected", "per object", "mean IoU")
    try:
        with sync_playwright() as playwright:
            browser = launch(playwright)
            for way in options.way or WAYS:
                project = project_of(server, way)
                project.upload({"objects.png": png})
                page = signed_in_page(browser, server)
                work = AnnotatePage(page, project, "objects.png")
                annotator = Annotator(work)
                WAYS[way](annotator, things)
                expect(work.objects.first).to_be_visible()
                work.saved()
                made = masks_on(server, int(page.url.rsplit("/", 1)[-1]))
                masks = [rle.decode(each["segmentation"]) for each in made]
                overlaps = [max(iou(mask, thing.mask) for mask in masks) for thing in things]
                count = annotator.count
                table.row(
                    way.ljust(27),
                    str(len(made)),
                    str(count.clicks),
                    str(count.keys),
                    str(count.corrections),
                    f"{count.actions / len(things):.2f}",
                    f"{np.mean(overlaps):.3f}",
                )
                page.context.close()
            browser.close()
    finally:
        stop_server(server)


if __name__ == "__main__":
    main()
