"""The decoder in onnxruntime-web, in a real Chromium: the page ``web/bench`` is built, served and driven."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from limner.bench.contenders import (
    CASES,
    LANDSCAPE,
    LARGE,
    OFFICIAL,
    PUBLISHED,
    SQUARE,
    Case,
    Models,
    Reference,
    cases_of,
    reference_of,
)
from limner.bench.harness import WARM_UP, Result, progress, result
from limner.encoding.wire import EmbeddingInfo, pack
from limner.errors import Unavailable
from limner.models.manifest import PREPROCESSING_VERSION, Manifest
from limner.sam.model import ModelConfig
from limner.vocabulary.geometry import ImageGeometry
from limner.vocabulary.specs import FeatureSpec
from limner_onnx.graphs import example_features

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WEB = Path(__file__).parents[3] / "web"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--no-first-run", "--disable-background-networking")
PAINT_BUDGET = 4.0  # ms for one preview
READ_BUDGET = 40.0  # ms for a packed embedding
SIDES = ("ours", "reference")
STARTS = 3  # of a browser, for each side
BLOCK = 5  # runs of one side between two looks at the CPU time, which counts in steps of 10 ms
IMAGES = {SQUARE: (1024, 1024), LANDSCAPE: (683, 1024)}  # sizes of images that need so many cells


def run(folder: Path, models: Models, threads: tuple[int, ...], rounds: int) -> Iterator[Result]:
    """The comparisons in Chromium, of what ``write_contenders`` wrote to ``folder``.

    Raises:
        Unavailable: without the source of the page, npm or Chromium.
    """
    progress("Building the page for the browser")
    _build_page(folder)
    for name, (_, manifest) in models.items():
        for height, width in IMAGES.values():
            (folder / _embedding_file(name, height, width)).write_bytes(_embedding(manifest, height, width))
    with _served(folder) as address, _chromium() as browser:
        for count in threads:
            for name, (model, _) in models.items():
                progress(f"Measuring {name} in Chromium, {count} thread(s)")
                reference = reference_of(name)
                files = _files(count, name, reference)
                started = _starts(browser, address, files, min(rounds, STARTS))
                yield _against(name, count, "start: runtime, sessions and first runs", started, reference.title)
                page = browser.new_page()
                page.goto(address)
                yield from _measure(page, files, reference, model.config, rounds)
                page.close()


def _starts(browser: Browser, address: str, files: Files, rounds: int) -> Times:
    """From a browser that has compiled nothing to the first mask, of an image that is there.

    Each start has a browser of its own: what one side's start compiles, the other's would find compiled.
    """
    times: dict[str, tuple[list[float], list[float]]] = {side: ([], []) for side in SIDES}
    for _ in range(rounds):
        for side, (wall, cpu) in times.items():
            fresh = browser.browser_type.launch(executable_path=_chromium_path(), args=list(FLAGS))
            page = fresh.new_page()
            page.goto(address)
            _call(page, "load", *files)
            elapsed, spent = Turns(page).begin(side)
            wall.append(elapsed)
            cpu.append(spent)
            fresh.close()
    return times


def _against(name: str, threads: int, case: str, times: Times, reference: str, ours: str = "limner") -> Result:
    (subject, subject_cpu), (other, other_cpu) = times["ours"], times["reference"]
    what, notes = f"{name}: {case}", f"Chromium, {threads} thread(s)"
    return result(what, (ours, subject, subject_cpu), (reference, other, other_cpu), notes)


def _measure(page: Page, files: Files, reference: Reference, config: ModelConfig, rounds: int) -> Iterator[Result]:
    threads, name, *_ = files
    turns, against = Turns(page), partial(_against, name, threads)
    fewer = max(1, rounds // 3)
    _call(page, "load", *files)
    for side in SIDES:
        turns.begin(side)
    for case in cases_of(config):
        _call(page, "open", _embedding_file(name, *IMAGES[case.valid_size]))
        task = {"kind": "decode", "prompt": _prompt(case, config)}
        yield against(case.name, turns.take(task, rounds), reference.title)
    preview = {
        "kind": "firstPreview",
        "prompt": _prompt(CASES[1], config),
        "image": _size(LARGE),
        "file": _embedding_file(name, 683, 1024),
    }
    for ahead, what in ((False, "open an image that is encoded"), (True, "open an image that was prepared ahead")):
        opened = turns.take({**preview, "ahead": ahead}, fewer)
        yield against(f"{what}, to its first preview", opened, reference.title)
    if _travels_packed(config.features):
        read = turns.take({"kind": "read", "file": preview["file"]}, rounds)
        yield against("values of an embedding that has come", {**read, "reference": ([READ_BUDGET], None)}, "budget")
    painted = turns.take({"kind": "paint", "image": _size(LARGE)}, rounds)
    yield against("upsample and paint 1920 × 1080", {**painted, "reference": ([PAINT_BUDGET], None)}, "budget")
    if name == "sam_vit_b":
        for published in PUBLISHED:
            geometry = published.geometry
            _call(page, "load", *_files(threads, name, Reference(published.file, published.title, OFFICIAL.model)))
            for side in SIDES:
                turns.begin(side)
            _call(page, "open", _embedding_file(name, 683, 1024))
            task = {"kind": "decodeAndPaint", "prompt": _prompt(CASES[1], config), "image": _size(geometry)}
            what = f"1 point, image of {geometry.width} × {geometry.height}"
            times = turns.take(task, fewer)
            yield against(what, times, published.title, "limner, painted on 1920 × 1080")


Files = tuple[
    int, str, str, str, str
]  # what the page's `load` takes: threads, model; the reference's graph, model, embedding
Times = Mapping[str, tuple[list[float], list[float] | None]]  # side -> wall and CPU milliseconds of its runs


class Turns:
    """Both sides in turn on one page, with the CPU time that all threads of the page's process take."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.devtools = page.context.new_cdp_session(page)
        self.devtools.send("Performance.enable")

    def begin(self, side: str) -> tuple[float, float]:
        """Load a side's graphs and run them once: wall and CPU milliseconds."""
        before = self._cpu_ms()
        wall: float = _call(self.page, "begin", side)
        return wall, self._cpu_ms() - before

    def take(self, task: Mapping[str, object], rounds: int) -> Times:
        """Run a task ``rounds`` times on each side, in blocks, after a warm-up."""
        wall: dict[str, list[float]] = {side: [] for side in SIDES}
        cpu: dict[str, float] = dict.fromkeys(wall, 0.0)
        for side in wall:
            _call(self.page, "run", side, task, WARM_UP)
        for done in range(0, rounds, BLOCK):
            for side, times in wall.items():
                before = self._cpu_ms()
                times += _call(self.page, "run", side, task, min(BLOCK, rounds - done))
                cpu[side] += self._cpu_ms() - before
        return {side: (times, [cpu[side] / rounds]) for side, times in wall.items()}

    def _cpu_ms(self) -> float:
        metrics = self.devtools.send("Performance.getMetrics")["metrics"]
        return 1000 * next(float(each["value"]) for each in metrics if each["name"] == "ProcessTime")


def _call(page: Page, function: str, *arguments: object) -> Any:
    return page.evaluate(f"(given) => bench.{function}(...given)", list(arguments))


def _files(threads: int, name: str, reference: Reference) -> Files:
    return threads, name, reference.file, reference.model, _embedding_file(reference.model, *IMAGES[SQUARE])


def _prompt(case: Case, config: ModelConfig) -> dict[str, object]:
    """As both sides take it, in pixels of a model input of 1,024."""
    coords, labels, *_ = case.prompt(replace(config, image_size=1024))
    return {"coords": coords.flatten().tolist(), "labels": labels.flatten().tolist(), "mask": case.has_mask}


def _size(geometry: ImageGeometry) -> dict[str, int]:
    return {"height": geometry.height, "width": geometry.width}


def _embedding_file(name: str, height: int, width: int) -> str:
    return f"{name}-{height}-{width}.safetensors"


def _embedding(manifest: Manifest, height: int, width: int) -> bytes:
    info = EmbeddingInfo(
        image_sha256="0" * 64,
        model_sha256=manifest.weights_sha256,
        preprocessing_version=PREPROCESSING_VERSION,
        image_height=height,
        image_width=width,
        image_size=manifest.input.image_size,
    )
    features = {name: values.numpy() for name, values in example_features(manifest.features).items()}
    if not _travels_packed(manifest.features):
        return pack(features, info)
    return pack({name: _smooth(values) for name, values in features.items()}, info, "packed")


def _travels_packed(features: Sequence[FeatureSpec]) -> bool:
    return len(features) > 1


def _smooth(noise: NDArray[np.float32]) -> NDArray[np.float32]:
    """Noise (1, C, h, w) of which neighbours tell about as much as in features of a photo."""
    sums = np.pad(noise, ((0, 0), (0, 0), (4, 4), (4, 4)), mode="wrap").cumsum(-1).cumsum(-2)
    blurred = sums[..., 8:, 8:] - sums[..., :-8, 8:] - sums[..., 8:, :-8] + sums[..., :-8, :-8]  # sums of 8 × 8
    return np.asarray(blurred / 8, np.float32)


def _build_page(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None or not (WEB / "node_modules").is_dir():
        raise Unavailable(
            "The decoder can be measured in a browser only from a checkout with npm.",
            hint="Run `npm ci` in the folder web, or leave the browser out: --no-browser.",
        )
    build = ["exec", "vite", "--", "build", "--config", "bench/vite.config.ts", "--outDir", str(folder / "page")]
    done = subprocess.run([npm, *build], cwd=WEB, capture_output=True, text=True, check=False)  # noqa: S603  # our page
    if done.returncode != 0:
        raise Unavailable(f"The bench's page does not build: {done.stderr.strip()[-500:]}")
    shutil.copytree(folder / "page", folder, dirs_exist_ok=True)


class _Isolated(SimpleHTTPRequestHandler):
    """Static files on a cross-origin isolated page: threads need that."""

    extensions_map = {  # noqa: RUF012  # declared by the base class
        **SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # named by the base class
        """Say nothing: the figures are on the same terminal."""


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Isolated, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _chromium_path() -> str:
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        raise Unavailable("No Chromium was found.", hint="Install it, or leave the browser out: --no-browser.")
    return executable


@contextmanager
def _chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium_path(), args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()
