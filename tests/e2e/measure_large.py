"""How the page bears large images: memory after many clicks, time until a preview, frames while the view moves.

``python -m tests.e2e.measure_large 8192x8192 3300x4950`` (width × height) starts a server of its own, draws images,
clicks on them, accepts the mask after every tenth click, and looks at memory on the way. Times are the page's own;
processor time is that of the page's main thread, per frame.
"""

from __future__ import annotations

import argparse
import io
import math
import random
import re
import tempfile
import time
from pathlib import Path

import click
import cv2
import numpy as np
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.annotate_page import AnnotatePage
from tests.e2e.api import new_project
from tests.e2e.gauges import TIME_PREVIEWS, MemoryGauge, Processor, Table, counted_frames, launch, signed_in_page
from tests.e2e.server import LimnerServer, start_server, stop_server

CLICKS_PER_OBJECT = 10
HOVERS = 30
ALL = 1.0


def large_jpeg(height: int, width: int) -> bytes:
    """Coloured shapes on a shaded ground, with noise: no photo, but no easier to decode or to shrink than one."""
    chance = np.random.default_rng(0)
    ground = np.linspace(40, 150, height)[:, None, None] * np.linspace(0.6, 1, width)[None, :, None]
    picture = np.repeat(ground, 3, axis=2).astype(np.uint8)
    for _ in range(60):
        centre = (int(chance.integers(width)), int(chance.integers(height)))
        axes = tuple(int(side) for side in chance.integers(min(height, width) // 40, min(height, width) // 8, 2))
        colour = tuple(int(value) for value in chance.integers(30, 255, 3))
        cv2.ellipse(picture, centre, axes, float(chance.integers(180)), 0, 360, colour, -1)
    for top in range(0, height, 512):  # in strips: noise for the whole image is more memory than the image
        strip = picture[top : top + 512]
        noise = chance.integers(0, 24, strip.shape, np.uint8)
        picture[top : top + 512] = np.where(strip > 255 - 24, strip, strip + noise)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


class Clicker:
    """A person who clicks all over the image."""

    def __init__(self, work: AnnotatePage) -> None:
        self.work = work
        self.page = work.page
        self.chance = random.Random(0)

    def somewhere(self) -> tuple[float, float]:
        x, y = (self.chance.uniform(0.1, 0.9) * side for side in (self.work.width, self.work.height))
        return self.work.at(x, y)

    def hover(self) -> list[float]:
        """Milliseconds until the preview is there; masks without a visible pixel have none."""
        self.page.evaluate("() => { window.previews.length = 0; }")
        for _ in range(HOVERS):
            self.page.mouse.move(*self.somewhere())
            self.page.wait_for_timeout(400)
        times: list[float] = self.page.evaluate("() => window.previews")
        return times

    def draw_object(self, clicks: int) -> float:
        """Click, and accept the mask. Returns the milliseconds that accepting took, until the page drew again."""
        for _ in range(clicks):
            self.page.mouse.click(*self.somewhere())
            self.work.candidates.first.wait_for()
        taken: float = self.page.evaluate(
            """async () => {
              const start = performance.now();
              document.activeElement.dispatchEvent(
                new KeyboardEvent("keydown", { key: "Enter", code: "Enter", bubbles: true, cancelable: true }));
              await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
              return performance.now() - start;
            }"""
        )
        if self.work.candidates.count() > 0:  # nothing in it
            self.page.keyboard.press("Escape")
        return taken

    def zoom(self, steps: int) -> None:
        for _ in range(abs(steps)):
            self.page.mouse.wheel(0, -120 if steps > 0 else 120)
            self.page.wait_for_timeout(10)

    def pan(self, steps: int) -> None:
        self.page.keyboard.down("Space")
        x, y = self.work.at(self.work.width / 2, self.work.height / 2)
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        for step in range(steps):
            self.page.mouse.move(x + 150 * math.sin(step / 8), y + 100 * math.sin(step / 5))
        self.page.mouse.up()
        self.page.keyboard.up("Space")


def measure(browser: Browser, server: LimnerServer, height: int, width: int, clicks: int) -> None:
    """Print the figures of one image."""
    click.echo(f"\n{width} × {height}")
    project = new_project(server, f"{width} × {height} {time.time():.0f}")
    project.upload({"large.jpg": large_jpeg(height, width)})
    page = signed_in_page(browser, server)
    page.add_init_script(TIME_PREVIEWS)
    clicker = Clicker(AnnotatePage(page, project, "large.jpg"))
    gauge, processor = MemoryGauge(browser, page), Processor(page)
    clicker.hover()  # warm
    previews = clicker.hover()
    memory = Table("clicks", "heap MiB", "tab MiB", "gpu MiB", "peak MiB", "accept ms")

    def report(done: int, accepting: list[float]) -> None:
        now = gauge.read()
        slowest = f"{max(accepting):.0f}" if accepting else "-"
        memory.row(str(done), now.heap, now.tab, now.gpu, now.peak, slowest)

    report(0, [])
    accepting: list[float] = []
    for done in range(CLICKS_PER_OBJECT, clicks + 1, CLICKS_PER_OBJECT):
        accepting.append(clicker.draw_object(CLICKS_PER_OBJECT))
        if done % 100 == 0:
            report(done, accepting)
            accepting = []
    again = clicker.hover()
    click.echo(f"pointer to preview: median {np.median(previews):.0f} ms, after the clicks {np.median(again):.0f} ms")
    moves = Table("view", "frames", "p50 ms", "p95 ms", "longest", "main ms")
    for name, move in (
        ("pan, whole", lambda: clicker.pan(120)),
        ("zoom in", lambda: clicker.zoom(30)),
        ("pan, close", lambda: clicker.pan(120)),
        ("zoom out", lambda: clicker.zoom(-30)),
    ):
        processor.take()
        with counted_frames(page) as frames:
            move()
        count = len(frames.intervals)
        spent = 1000 * processor.take()[0] / count
        moves.row(name, str(count), frames.quantile(0.5), frames.quantile(0.95), frames.quantile(ALL), spent)
    report(clicks, [])
    page.context.close()


def size(text: str) -> tuple[int, int]:
    """``8192x4096`` -> (height, width)."""
    found = re.fullmatch(r"(\d+)x(\d+)", text)
    if not found:
        raise argparse.ArgumentTypeError("sizes are written WIDTHxHEIGHT")
    return int(found[2]), int(found[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=size, default=[(8192, 8192), (4950, 3300)])
    parser.add_argument("--clicks", type=int, default=300)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = start_server(Path(folder) / "home")
        try:
            browser = launch(playwright)
            for height, width in arguments.sizes:
                measure(browser, server, height, width, arguments.clicks)
            browser.close()
        finally:
            stop_server(server)


if __name__ == "__main__":
    main()
