"""How smooth the brush is: thousands of strokes on a 24-megapixel image, in a real Chromium.

``python -m tests.e2e.measure_brush`` starts a server of its own. Frames are counted by the page itself while strokes
are drawn; the heap is looked at after collecting garbage.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image
from playwright.sync_api import CDPSession, Page, sync_playwright

from tests.e2e.conftest import FLAGS, VIEWPORT
from tests.e2e.server import start_server, stop_server

HEIGHT, WIDTH = 4000, 6000
MOVES = 6  # per stroke
COUNT_FRAMES = """() => {
  window.frames = []; let last = performance.now();
  const tick = (now) => { window.frames.push(now - last); last = now; window.ticking = requestAnimationFrame(tick); };
  window.ticking = requestAnimationFrame(tick);
}"""
TAKE_FRAMES = "() => { cancelAnimationFrame(window.ticking); return window.frames.slice(2); }"


def large_jpeg() -> bytes:
    """A smooth image with some noise, HEIGHT × WIDTH."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    noise = np.random.default_rng(0).integers(0, 24, (HEIGHT, WIDTH))
    channels = [rows * 200 // HEIGHT, columns * 200 // WIDTH, (rows + columns) * 100 // WIDTH]
    picture = np.stack([(channel + noise).astype(np.uint8) for channel in channels], axis=-1)
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def open_image(page: Page, link: str) -> None:
    """Sign in, make a project of one large image and open it with the brush in hand."""
    page.goto(link)
    page.get_by_role("heading", name="Projects").wait_for()
    origin = link.split("/login")[0]
    csrf = page.request.get(f"{origin}/api/v1/session").json()["csrf_token"]
    headers = {"X-CSRFToken": csrf}
    name = f"Brush {time.time():.0f}"
    body = {"name": name, "categories": [{"name": "thing"}]}
    project = page.request.post(f"{origin}/api/v1/projects", data=body, headers=headers).json()
    files: dict[str, Any] = {"files": {"name": "large.jpg", "mimeType": "image/jpeg", "buffer": large_jpeg()}}
    uploaded = page.request.post(
        f"{origin}/api/v1/projects/{project['id']}/images", multipart=files, headers=headers
    ).json()
    image = uploaded["results"][0]["image"]["id"]
    page.goto(f"{origin}/projects/{project['id']}/images/{image}")
    page.locator(".stage[data-scale]").wait_for(timeout=120_000)
    page.get_by_text("Loading image…").wait_for(state="detached")
    page.keyboard.press("b")


def draw(page: Page, strokes: int, chance: random.Random) -> list[float]:
    """Random strokes over the stage. Returns the milliseconds between frames."""
    box = page.locator(".stage").bounding_box()
    assert box is not None
    page.evaluate(COUNT_FRAMES)
    for _ in range(strokes):
        x = box["x"] + chance.uniform(0.2, 0.8) * box["width"]
        y = box["y"] + chance.uniform(0.25, 0.9) * box["height"]
        page.mouse.move(x, y)
        page.mouse.down()
        for _ in range(MOVES):
            x += chance.uniform(-25, 25)
            y += chance.uniform(-25, 25)
            page.mouse.move(x, y)
        page.mouse.up()
    frames: list[float] = page.evaluate(TAKE_FRAMES)
    return frames


def select_a_saved_object(page: Page) -> None:
    """Draw one stroke, accept it and select it: from then on, each stroke is an operation."""
    draw(page, 1, random.Random(1))
    page.keyboard.press("Enter")
    page.keyboard.press("q")
    box = page.locator(".stage").bounding_box()
    assert box is not None
    chance = random.Random(1)
    x = box["x"] + chance.uniform(0.2, 0.8) * box["width"]
    y = box["y"] + chance.uniform(0.25, 0.9) * box["height"]
    page.keyboard.down("Control")
    page.mouse.click(x, y)
    page.keyboard.up("Control")
    page.keyboard.press("b")


def heap_megabytes(devtools: CDPSession) -> float:
    devtools.send("HeapProfiler.collectGarbage")
    return float(devtools.send("Runtime.getHeapUsage")["usedSize"]) / 2**20


def busy_seconds(devtools: CDPSession) -> float:
    metrics = devtools.send("Performance.getMetrics")["metrics"]
    return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))


def measure(page: Page, strokes: int, rounds: int) -> list[dict[str, Any]]:
    """Figures for each round of strokes."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")
    chance = random.Random(0)
    results: list[dict[str, Any]] = []
    for _ in range(rounds):
        busy, started = busy_seconds(devtools), time.monotonic()
        frames = draw(page, strokes // rounds, chance)
        seconds = time.monotonic() - started
        p50, p95, p99 = np.percentile(frames, [50, 95, 99])
        results.append(
            {
                "strokes": strokes // rounds,
                "seconds": round(seconds, 1),
                "frame_ms": {"p50": round(p50, 1), "p95": round(p95, 1), "p99": round(p99, 1)},
                "main_thread_busy": round((busy_seconds(devtools) - busy) / seconds, 2),
                "heap_mb": round(heap_megabytes(devtools), 1),
            }
        )
        click.echo(json.dumps(results[-1]))
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strokes", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--saved", action="store_true", help="draw on a saved annotation: an operation per stroke")
    parser.add_argument("--screenshot", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = start_server(Path(folder) / "home")
        try:
            with sync_playwright() as playwright:
                executable = shutil.which("chromium") or shutil.which("google-chrome")
                browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
                page = browser.new_page(viewport=VIEWPORT)  # type: ignore[arg-type]
                page.on("pageerror", lambda error: click.echo(f"page error: {error}"))
                open_image(page, server.link)
                if arguments.saved:
                    select_a_saved_object(page)
                measure(page, arguments.strokes, arguments.rounds)
                if arguments.screenshot:
                    page.screenshot(path=arguments.screenshot)
                browser.close()
        finally:
            stop_server(server)


if __name__ == "__main__":
    main()
