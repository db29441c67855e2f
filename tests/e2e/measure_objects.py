"""Frames while an image with many objects is moved and zoomed.

``python -m tests.e2e.measure_objects 300 6000x4000`` (objects, width × height) starts a server of its own and puts
blobs all over an image. Frames are counted by the page itself; processor time is that of its main thread, per frame.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from uuid import uuid4

import click
import cv2
import numpy as np
from playwright.sync_api import expect, sync_playwright

from limner.vocabulary import rle
from tests.e2e.annotate_page import AnnotatePage
from tests.e2e.api import Api, new_project
from tests.e2e.gauges import Processor, counted_frames, launch, signed_in_page
from tests.e2e.measure_large import ALL, large_jpeg, size
from tests.e2e.server import start_server, stop_server

FRAMES = 100


def blobs(count: int, height: int, width: int) -> list[dict[str, object]]:
    """Irregular blobs on a grid, as operations that create them."""
    chance = np.random.default_rng(0)
    columns = round((count * width / height) ** 0.5)
    cell = width / columns
    operations: list[dict[str, object]] = []
    for index in range(count):
        centre = np.array([(index % columns + 0.5) * cell, (index // columns + 0.5) * cell])
        angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        reach = cell * chance.uniform(0.25, 0.6, angles.size)
        corners = centre + np.stack([np.cos(angles), np.sin(angles)], axis=1) * reach[:, None]
        mask = np.zeros((height, width), np.uint8)
        cv2.fillPoly(mask, [corners.astype(np.int32)], 1)
        operations.append(
            {"kind": "create", "uid": str(uuid4()), "category_id": None, "segmentation": rle.encode(mask.astype(bool))}
        )
    return operations


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("objects", type=int)
    parser.add_argument("size", type=size)
    options = parser.parse_args()
    height, width = options.size
    server = start_server(Path(tempfile.mkdtemp()) / "home")
    try:
        with sync_playwright() as playwright:
            browser = launch(playwright)
            page = signed_in_page(browser, server)
            project = new_project(server, "objects")
            project.upload({"many.jpg": large_jpeg(height, width)})
            work = AnnotatePage(page, project, "many.jpg")
            image_id = int(page.url.rsplit("/", 1)[1])
            for revision, operation in enumerate(blobs(options.objects, height, width)):
                Api(server).operate(image_id, revision, operation)
            page.reload()
            work.wait_until_ready()
            expect(page.get_by_test_id("object-count")).to_have_text(str(options.objects))  # rows are those in sight
            measure(work)
            browser.close()
    finally:
        stop_server(server)


def measure(work: AnnotatePage) -> None:
    page = work.page
    box = work.stage.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def pan() -> None:
        page.mouse.move(x, y)
        page.mouse.down(button="middle")
        for step in range(FRAMES):
            page.mouse.move(x + 100 * np.sin(step / 8), y + 60 * np.cos(step / 8))
        page.mouse.up(button="middle")

    def zoom(notches: int) -> None:
        page.mouse.move(x, y)
        for _ in range(abs(notches)):
            page.mouse.wheel(0, -40 if notches > 0 else 40)

    processor = Processor(page)
    click.echo("| | frames | median ms | p95 ms | longest ms | processor ms |\n|---|---|---|---|---|---|")
    for name, move in (
        ("zoom in a little", lambda: zoom(15)),
        ("pan", pan),
        ("zoom in", lambda: zoom(40)),
        ("pan, close", pan),
        ("zoom out", lambda: zoom(-55)),
    ):
        processor.take()
        with counted_frames(page) as frames:
            move()
        spent = 1000 * processor.take()[0] / len(frames.intervals)
        times = [frames.quantile(0.5), frames.quantile(0.95), frames.quantile(ALL), spent]
        click.echo(f"| {name} | {len(frames.intervals)} | " + " | ".join(f"{float(each):.1f}" for each in times) + " |")


if __name__ == "__main__":
    main()
