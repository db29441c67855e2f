"""How smooth the brush is: thousands of strokes on a 24-megapixel image, in a real Chromium.

``python -m tests.e2e.measure_brush`` starts a server of its own. Frames are counted by the page itself while strokes
are drawn; processor time is per stroke, of the page's main thread and of its whole process.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import click
from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e.annotate_page import AnnotatePage
from tests.e2e.api import new_project
from tests.e2e.gauges import MemoryGauge, Processor, Table, counted_frames, launch, signed_in_page
from tests.e2e.measure_large import large_jpeg
from tests.e2e.server import LimnerServer, start_server, stop_server

HEIGHT, WIDTH = 4000, 6000
# Random strokes over the stage, by events of the page's own: two moves per frame, as mice send them, three frames each.
DRAW = """async ({ strokes, seed }) => {
  const stage = document.querySelector(".stage");
  stage.setPointerCapture = () => {}; // there is no pointer to capture
  const { left, top, width, height } = stage.getBoundingClientRect();
  let state = seed;
  const random = () => { // mulberry32
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (low, high) => low + (high - low) * random();
  const send = (type, x, y, buttons) => stage.dispatchEvent(new PointerEvent(type, {
    clientX: x, clientY: y, buttons, button: type === "pointermove" ? -1 : 0,
    pointerId: 1, pointerType: "mouse", isPrimary: true, bubbles: true, cancelable: true,
  }));
  const frame = () => new Promise(requestAnimationFrame);
  for (let stroke = 0; stroke < strokes; stroke++) {
    let [x, y] = [left + between(0.2, 0.8) * width, top + between(0.25, 0.9) * height];
    send("pointermove", x, y, 0);
    send("pointerdown", x, y, 1);
    for (let step = 0; step < 3; step++) {
      for (let move = 0; move < 2; move++) {
        x += between(-25, 25);
        y += between(-25, 25);
        send("pointermove", x, y, 1);
      }
      await frame();
    }
    send("pointerup", x, y, 0);
    await frame();
  }
}"""


def draw(page: Page, strokes: int, seed: int) -> None:
    page.evaluate(DRAW, {"strokes": strokes, "seed": seed})


def draw_objects(page: Page, count: int) -> None:
    """Objects of one stroke each."""
    for seed in range(count):
        draw(page, 1, 1000 + seed)
        page.keyboard.press("Enter")


def select_a_saved_object(work: AnnotatePage) -> None:
    """Draw one stroke, accept it and select it: from then on, each stroke is an operation."""
    work.page.keyboard.press("b")
    draw(work.page, 1, 1)
    work.page.keyboard.press("Enter")
    work.objects.last.click()
    work.page.keyboard.press("b")


def measure(browser: Browser, server: LimnerServer, arguments: argparse.Namespace) -> None:
    """Print the figures for each round of strokes."""
    click.echo(
        f"\n{WIDTH} × {HEIGHT}, {'a saved object' if arguments.saved else 'a draft'}, {arguments.objects} others"
    )
    project = new_project(server, f"Brush {time.time():.0f}")
    project.upload({"large.jpg": large_jpeg(HEIGHT, WIDTH)})
    page = signed_in_page(browser, server)
    work = AnnotatePage(page, project, "large.jpg")
    page.keyboard.press("b")
    draw_objects(page, arguments.objects)
    if arguments.saved:
        select_a_saved_object(work)
    if arguments.overwrite:
        page.get_by_label("At other objects").select_option("overwrite")
    processor = Processor(page)
    gauge = MemoryGauge(browser, page)
    table = Table("strokes", "p50 ms", "p95 ms", "p99 ms", "main ms", "all ms", "heap MiB", "tab MiB", "gpu MiB")
    for done in range(arguments.round, arguments.strokes + 1, arguments.round):
        processor.take()
        with counted_frames(page) as frames:
            draw(page, arguments.round, done)
        spent = [1000 * seconds / arguments.round for seconds in processor.take()]
        now = gauge.read()
        quantiles = [frames.quantile(share) for share in (0.5, 0.95, 0.99)]
        table.row(str(done), *quantiles, *spent, now.heap, now.tab, now.gpu)
    if arguments.screenshot:
        page.screenshot(path=arguments.screenshot)
    page.context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strokes", type=int, default=2000)
    parser.add_argument("--round", type=int, default=500, help="strokes between two looks at memory")
    parser.add_argument("--saved", action="store_true", help="draw on a saved annotation: an operation per stroke")
    parser.add_argument("--objects", type=int, default=0, help="others that are there before")
    parser.add_argument("--overwrite", action="store_true", help="strokes take pixels from the others")
    parser.add_argument("--screenshot", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = start_server(Path(folder) / "home")
        try:
            browser = launch(playwright)
            measure(browser, server, arguments)
            browser.close()
        finally:
            stop_server(server)


if __name__ == "__main__":
    main()
