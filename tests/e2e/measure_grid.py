"""The gallery of a project of very many images, in a real Chromium: how soon it is painted, and what scrolling shows.

``python -m tests.e2e.measure_grid 100000`` starts a server of its own and fills a project with made-up rows. Their
thumbnails are those of the demo's photos, linked, and every third image has a mask. What is counted:

- *first paint*, from the navigation on: the page's first contents, its first tile, its first tile's picture, and the
  pictures of all tiles that are seen; in a browser that was never here (cold) and in one that was (warm);
- while the list is scrolled, in every frame: whether all places that are seen have a tile (else there is a gap),
  whether what is known of all of them has come (else there are grey tiles), and whether their pictures have.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from limner.blobs import thumbnail_key
from limner.vocabulary import rle
from tests.e2e.api import Api, sign_in_link
from tests.e2e.conftest import TIMEOUT
from tests.e2e.gauges import launch
from tests.e2e.server import LimnerServer, start_server, stop_server

SIZE = {"width": 1440, "height": 900}
LOADS = 5
FOLDERS = 100

# The page itself notes when something is seen for the first time, frame by frame.
WATCH = """(() => {
  const seen = (window.paints = {});
  const tiles = () => [...document.querySelectorAll('ul[aria-label="Images"] a[data-index]')]
    .filter((tile) => tile.getBoundingClientRect().top < innerHeight);
  const note = (name, is) => { if (is && !(name in seen)) seen[name] = performance.now(); };
  const look = () => {
    const shown = tiles(), pictures = shown.map((tile) => tile.querySelector("img"));
    const has = (picture) => picture.complete && picture.naturalWidth > 0;
    note("tile", shown.length > 0);
    note("picture", pictures.some(has));
    note("pictures", shown.length > 0 && pictures.every(has));
    if (!("pictures" in seen)) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})()"""
PAINTS = """() => ({ ...window.paints,
  contents: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null })"""

# In each frame: milliseconds since the last one, places without a tile, tiles without contents, without a picture.
COUNT = """() => {
  const grid = document.querySelector('ul[aria-label="Images"]');
  window.counted = [];
  let last = performance.now();
  const look = (now) => {
    const [first] = grid.children, width = first.offsetWidth + 12, height = first.offsetHeight + 12;
    const columns = Math.round((grid.clientWidth + 12) / width), top = -grid.getBoundingClientRect().top;
    const total = Number(first.getAttribute("aria-setsize"));
    let missing = 0, empty = 0, blank = 0;
    const rows = [Math.max(0, Math.floor(top / height)), Math.floor((top + innerHeight) / height)];
    for (let index = rows[0] * columns; index < Math.min(total, (rows[1] + 1) * columns); index++) {
      const tile = grid.querySelector(`[data-index="${index}"]`), picture = tile?.querySelector("img");
      if (!tile) missing++;
      else if (!picture) empty++;
      else if (!(picture.complete && picture.naturalWidth > 0)) blank++;
    }
    window.counted.push([now - last, missing, empty, blank]);
    last = now;
    window.counting = requestAnimationFrame(look);
  };
  window.counting = requestAnimationFrame(look);
}"""
COUNTED = "() => { cancelAnimationFrame(window.counting); return window.counted.slice(2); }"
COMPLETE = """() => {
  if (window.counted.length <= 3) return false; // no frame yet, right after a jump
  const [, missing, empty, blank] = window.counted.at(-1);
  return missing + empty + blank === 0;
}"""

IMAGES = """
WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :images)
INSERT INTO images (project_id, file_name, sort_name, width, height, sha256, bytes, format, display_type, pages,
  created, revision, counted_revision, annotation_count, state, state_note, lease_reserved, open_threads, is_gold,
  learning_rank)
SELECT :project, printf('folder%03d/%06d.jpg', n / :each, n), printf('folder%03d/%06d.jpg', n / :each, n), 600, 400,
  printf('%02x%062x', n % 256, n), 100000, 'JPEG', 'image/jpeg', 1, datetime('now'), 1, 1, n % 3 = 0,
  CASE n % 4 WHEN 0 THEN 'submitted' ELSE 'waiting' END, '', 0, 0, 0,
  (SELECT learning_rank FROM images LIMIT 1)
FROM numbers
"""
ANNOTATIONS = """
INSERT INTO annotations (uid, image_id, category_id, counts, area, bbox_x, bbox_y, bbox_width, bbox_height, iscrowd,
  attributes, position, created, updated)
SELECT printf('00000000-0000-4000-8000-%012x', id), id, :category, :counts, 30000, 200, 100, 200, 200, 0, '{}', 1,
  datetime('now'), datetime('now') FROM images WHERE project_id = :project AND annotation_count = 1
"""


def fill(server: LimnerServer, images: int) -> int:
    """A project with so many images; its number."""
    project = Api(server).create_project(f"{images:,} images", ("thing",))
    y, x = np.mgrid[:400, :600]
    disc = (x - 300) ** 2 + (y - 200) ** 2 < 100**2
    database = sqlite3.connect(server.home / "limner.db", timeout=60)
    try:
        known = [row[0] for row in database.execute("SELECT sha256 FROM images WHERE project_id = 1")]
        (category,) = database.execute("SELECT id FROM categories WHERE project_id = ?", (project,)).fetchone()
        given = {"project": project, "images": images, "each": max(1, images // FOLDERS)}
        database.execute(IMAGES, given)
        counts = rle.encode(disc)["counts"]
        database.execute(ANNOTATIONS, {"project": project, "category": category, "counts": counts})
        database.execute("ANALYZE")
        database.commit()
    finally:
        database.close()
    blobs = server.home / "blobs"
    for number in range(images):
        path = blobs / thumbnail_key(f"{number % 256:02x}{number:062x}")
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(blobs / thumbnail_key(known[number % len(known)]), path)
    return project


def first_paint(browser: Browser, server: LimnerServer, address: str) -> None:
    click.echo("| first paint, ms | page | first tile | its picture | all pictures seen |\n|---|---|---|---|---|")
    for name, again in (("cold", False), ("warm", True)):
        paints: list[dict[str, float]] = []
        for _ in range(LOADS):
            context = browser.new_context(viewport=SIZE)
            context.set_default_timeout(TIMEOUT)
            page = context.new_page()
            page.goto(sign_in_link(server))
            page.get_by_role("heading", name="Projects").wait_for()
            if again:
                page.goto(address)
                page.wait_for_load_state("networkidle")
            else:
                context.new_cdp_session(page).send("Network.clearBrowserCache")
            page.add_init_script(WATCH)
            page.goto(address)
            page.wait_for_function("() => 'pictures' in window.paints")
            paints.append(page.evaluate(PAINTS))
            context.close()
        medians = [
            statistics.median(each[key] for each in paints) for key in ("contents", "tile", "picture", "pictures")
        ]
        worst = max(each["tile"] for each in paints)
        click.echo(
            f"| {name} | " + " | ".join(f"{each:.0f}" for each in medians) + f" | (slowest first tile {worst:.0f})"
        )


def scrolling(page: Page) -> None:
    click.echo(
        "| scrolling | frames | median ms | p95 ms | longest ms | with gaps | with grey tiles | with pictures to come "
        "| all there after, ms |\n|---|---|---|---|---|---|---|---|---|"
    )
    page.mouse.move(500, 600)

    def wheel(by: int, times: int) -> Callable[[], None]:
        def turn() -> None:
            for _ in range(times):
                page.mouse.wheel(0, by)

        return turn

    def drag() -> None:
        """As with the scroll bar, from here to the end in 90 steps."""
        page.evaluate("""async () => {
            const from = scrollY, to = document.documentElement.scrollHeight - innerHeight;
            for (let step = 1; step <= 90; step++) {
                scrollTo({ top: from + (to - from) * step / 90, behavior: "instant" });
                await new Promise(requestAnimationFrame);
            }
        }""")

    def jump(place: float) -> Callable[[], None]:
        script = "(at) => scrollTo({ top: document.documentElement.scrollHeight * at, behavior: 'instant' })"
        return lambda: page.evaluate(script, place)

    for name, move in (
        ("wheel, a notch (100 px) at a time", wheel(100, 150)),
        ("wheel, quickly (400 px at a time)", wheel(400, 150)),
        ("wheel, a page (900 px) at a time", wheel(900, 100)),
        ("jump into the middle", jump(0.5)),
        ("scroll bar to the end", drag),
        ("jump to the first third", jump(0.33)),
    ):
        page.evaluate(COUNT)
        move()
        frames = np.array(page.evaluate("() => window.counted.slice(2)") or [[0, 0, 0, 0]], float)
        started = page.evaluate("() => performance.now()")
        page.wait_for_function(COMPLETE)
        rest = page.evaluate("() => performance.now()") - started
        page.evaluate(COUNTED)
        times = [np.quantile(frames[:, 0], share) for share in (0.5, 0.95, 1)]
        shares = [100 * float((frames[:, column] > 0).mean()) for column in (1, 2, 3)]
        click.echo(
            f"| {name} | {len(frames)} | "
            + " | ".join(f"{each:.1f}" for each in times)
            + " | "
            + " | ".join(f"{each:.0f} %" for each in shares)
            + f" | {rest:.0f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=int)
    options = parser.parse_args()
    server = start_server(Path(tempfile.mkdtemp()) / "home")
    try:
        project = fill(server, options.images)
        address = f"{server.address}/projects/{project}"
        with sync_playwright() as playwright:
            browser = launch(playwright)
            first_paint(browser, server, address)
            context: Any = browser.new_context(viewport=SIZE)
            context.set_default_timeout(TIMEOUT)
            page = context.new_page()
            page.on("pageerror", lambda error: click.echo(f"page error: {error}"))
            page.goto(sign_in_link(server))
            page.get_by_role("heading", name="Projects").wait_for()
            page.goto(address)
            page.get_by_role("list", name="Images").get_by_role("link").first.wait_for()
            page.wait_for_load_state("networkidle")
            scrolling(page)
            browser.close()
    finally:
        stop_server(server)


if __name__ == "__main__":
    main()
