"""What measurements in a real Chromium read off: frames, previews, and the memory of the browser's processes."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click
import numpy as np
from playwright.sync_api import Browser, CDPSession, Page, Playwright

from tests.e2e.api import sign_in_link
from tests.e2e.conftest import FLAGS, TIMEOUT, VIEWPORT
from tests.e2e.server import LimnerServer

COUNT_FRAMES = """() => {
  window.frames = []; let last = performance.now();
  const tick = (now) => { window.frames.push(now - last); last = now; window.ticking = requestAnimationFrame(tick); };
  window.ticking = requestAnimationFrame(tick);
}"""
TAKE_FRAMES = "() => { cancelAnimationFrame(window.ticking); return window.frames.slice(2); }"

# From a pointer's move until the upper canvas shows another mask. To be run before the page's own scripts.
TIME_PREVIEWS = """(() => {
  window.previews = [];
  let moved = null;
  addEventListener("pointermove", () => { moved ??= performance.now(); }, true);
  let known = null;  // the outline that is shown: each answer of the decoder is traced once, into a path of its own
  const stroke = CanvasRenderingContext2D.prototype.stroke;
  CanvasRenderingContext2D.prototype.stroke = function (...path) {
    stroke.apply(this, path);
    if (!(path[0] instanceof Path2D) || path[0] === known) return;
    if (!this.canvas.matches(".stage > canvas:nth-of-type(4)")) return;
    known = path[0];
    if (moved !== null) window.previews.push(performance.now() - moved);
    moved = null;
  };
})()"""


def launch(playwright: Playwright) -> Browser:
    """Chromium with the flags that the tests give it."""
    executable = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    return playwright.chromium.launch(executable_path=executable, args=FLAGS)


def signed_in_page(browser: Browser, server: LimnerServer) -> Page:
    """A tab in a profile of its own; its errors are printed."""
    context = browser.new_context(viewport=VIEWPORT)
    context.set_default_timeout(TIMEOUT)
    page = context.new_page()
    page.on("pageerror", lambda error: click.echo(f"page error: {error}"))
    page.goto(sign_in_link(server))
    page.get_by_role("heading", name="Projects").wait_for()
    return page


@dataclass
class Frames:
    """Milliseconds between frames, filled when :func:`counted_frames` ends."""

    intervals: list[float] = field(default_factory=list)

    def quantile(self, share: float) -> float:
        return float(np.quantile(self.intervals, share))


@contextmanager
def counted_frames(page: Page) -> Iterator[Frames]:
    """Frames that the page gets meanwhile, as it counts them itself."""
    frames = Frames()
    page.evaluate(COUNT_FRAMES)
    yield frames
    frames.intervals = page.evaluate(TAKE_FRAMES)


class Processor:
    """Seconds of processor time that the page has used since it was last asked."""

    def __init__(self, page: Page) -> None:
        self._devtools = page.context.new_cdp_session(page)
        self._devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
        self._before = self._now()

    def take(self) -> tuple[float, float]:
        """Of its main thread, and of all threads of its process."""
        now = self._now()
        (thread, process), self._before = ((b - a for a, b in zip(self._before, now, strict=True)), now)
        return thread, process

    def _now(self) -> tuple[float, float]:
        metrics = {each["name"]: each["value"] for each in self._devtools.send("Performance.getMetrics")["metrics"]}
        return metrics["ThreadTime"], metrics["ProcessTime"]


@dataclass(frozen=True)
class Memory:
    """In MiB, after collecting garbage. Pages that processes share are divided among them.

    Attributes:
        heap: JavaScript objects and array buffers of the page, without its workers.
        tab: the largest renderer, workers included.
        gpu: the GPU process, which serves all tabs.
        peak: most that the renderer ever had, shared pages in full.
    """

    heap: float
    tab: float
    gpu: float
    peak: float


class MemoryGauge:
    """Reads the memory of one page and of the processes behind it."""

    def __init__(self, browser: Browser, page: Page) -> None:
        self._browser: CDPSession = browser.new_browser_cdp_session()
        self._page: CDPSession = page.context.new_cdp_session(page)

    def read(self) -> Memory:
        self._page.send("HeapProfiler.collectGarbage")
        heap = self._page.send("Runtime.getHeapUsage")
        processes = self._browser.send("SystemInfo.getProcessInfo")["processInfo"]
        by_kind = {kind: [each["id"] for each in processes if each["type"] == kind] for kind in ("renderer", "GPU")}
        tab = max(by_kind["renderer"], key=lambda process: _kibibytes(process, "smaps_rollup", "Pss"))
        return Memory(
            heap=(heap["usedSize"] + heap.get("backingStorageSize", 0)) / 2**20,
            tab=_kibibytes(tab, "smaps_rollup", "Pss") / 1024,
            gpu=sum(_kibibytes(process, "smaps_rollup", "Pss") for process in by_kind["GPU"]) / 1024,
            peak=_kibibytes(tab, "status", "VmHWM") / 1024,
        )


def _kibibytes(process: int, file: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{process}/{file}").read_text(), re.MULTILINE)
    if found is None:
        raise ValueError(f"/proc/{process}/{file} has no {name}")
    return int(found[1])


class Table:
    """Rows in columns, printed as they come."""

    def __init__(self, *heads: str) -> None:
        self._widths = [max(len(head), 9) for head in heads]
        self._print(heads)

    def row(self, *cells: str | float) -> None:
        self._print([cell if isinstance(cell, str) else f"{cell:.1f}" for cell in cells])

    def _print(self, cells: list[str] | tuple[str, ...]) -> None:
        click.echo("  ".join(cell.rjust(width) for cell, width in zip(cells, self._widths, strict=True)))
