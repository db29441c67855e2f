"""Two hundred people at work: how long a save takes, and what is shed, at several rates.

The reference is the least that could be (:mod:`limner.bench.bare`), sent the same mixture at the same rate in the same
run. Of the load model's 61 requests a second 51 are changes (drafts, masks, heartbeats: here all are saves of a mask,
the dearest of them), 5.8 read lists and figures, 2.8 images and thumbnails.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import subprocess
import sys
import tempfile
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from limner.bench import load
from limner.bench.harness import Milliseconds, Result, progress, summary
from limner.bench.load import Measured, Request, http
from limner.bench.served import PATIENCE, Served, cpu_seconds, served
from limner.bench.web_memory import jpeg, variant
from limner.vocabulary import rle

RATES = (60, 120, 180, 240)  # requests a second; the load model's peak is 180
BESIDE_RATE = 120
SECONDS = 20.0
PEOPLE = 200
SHARES = (("save", 51.0), ("list", 3.0), ("project", 4.0), ("image", 1.4), ("thumbnail", 1.4))  # of 61 a second
MASKS = 50
SIDE = 512  # px of the images
IMPORTED = 10_000  # annotations of the import beside, all on one image
ENCODED = 1_000  # images of the precompute job beside


@dataclass(frozen=True)
class LoadResult(Result):
    """A comparison of saves under load: ``ratio`` is that of the 95th percentiles, CPU is per answer of any kind.

    Attributes:
        rate: requests a second, of all kinds.
        shed: share answered 503.
        slowest_ms: of any answer.
        late: answers other than 503 after more than three seconds.
        reference_shed: as ``shed``.
    """

    rate: float = 0.0
    shed: float = 0.0
    slowest_ms: float = 0.0
    late: int = 0
    reference_shed: float = 0.0


def run(rates: Sequence[int] = RATES, seconds: float = SECONDS, *, beside: bool = True) -> Iterator[LoadResult]:
    """All rates, then what goes on beside at one of them."""
    with served() as server, bare() as (bare_port, bare_pid):
        people = People(server)

        def measure(rate: int) -> _Series:
            return _series(server.pid, lambda: load.run(server.port, rate, seconds, people.next_request))

        load.run(server.port, 20, 2, people.next_request)  # connections, caches
        for rate in rates:
            progress(f"{rate} requests a second for {seconds:.0f} s, twice")
            ours, make = measure(rate), bare_request()
            theirs = _series(bare_pid, lambda: load.run(bare_port, rate, seconds, make))  # noqa: B023  (called at once)
            yield _result(f"{rate} a second", rate, ours, ("bare", theirs))
        if not beside:
            return
        for name, work in (("import", importing), ("backup", backing_up), ("encoder", encoding)):
            progress(f"{BESIDE_RATE} requests a second alone, then beside: {name}")
            alone = measure(BESIDE_RATE)
            with work(server) as rounds:
                ours = measure(BESIDE_RATE)
            yield _result(f"{BESIDE_RATE} a second beside: {name}", BESIDE_RATE, ours, ("alone", alone), rounds)


@dataclass(frozen=True)
class _Series:
    """What came of it, and CPU milliseconds of the server's process per answer."""

    measured: Measured
    cpu: float

    def milliseconds(self) -> Milliseconds:
        """Of the saves; without any, not a number."""
        of_saves = summary(self.measured.milliseconds.get("save", [float("nan")]))
        return replace(of_saves, cpu=round(self.cpu, 2))


def _series(pid: int, run: Callable[[], Measured]) -> _Series:
    before = cpu_seconds(pid)
    measured = run()
    return _Series(measured, (cpu_seconds(pid) - before) * 1000 / max(1, measured.answered))


def _result(
    case: str, rate: int, subject: _Series, reference: tuple[str, _Series], rounds: list[str] | None = None
) -> LoadResult:
    name, other = reference
    ours, theirs = subject.measured, other.measured
    failed = f"; {ours.failed} failed" if ours.failed else ""
    beside = f"; beside: {len(rounds)} × {rounds[0]}" if rounds else ""
    notes = f"saves; {ours.share_shed:.1%} shed, slowest answer {ours.slowest:.0f} ms, {ours.late} late{failed}{beside}"
    subject_ms, reference_ms = subject.milliseconds(), other.milliseconds()
    return LoadResult(
        case=case,
        subject="limner",
        reference=name,
        ratio=round(subject_ms.p95 / reference_ms.p95, 4),
        subject_ms=subject_ms,
        reference_ms=reference_ms,
        notes=notes,
        rate=rate,
        shed=round(ours.share_shed, 4),
        slowest_ms=round(ours.slowest, 1),
        late=ours.late,
        reference_shed=round(theirs.share_shed, 4),
    )


class People:
    """Annotators, each on an image of their own, who save one change after the other."""

    def __init__(self, server: Served) -> None:
        self._head = {"Authorization": f"Bearer {server.token}", "Content_Type": "application/json"}
        self._random = random.Random(0)
        self._project = server.new_project("People")
        photo = jpeg((SIDE, SIDE))
        self._images = [server.upload(self._project, f"{n}.jpg", variant(photo, n)) for n in range(PEOPLE)]
        self._revisions = dict.fromkeys(self._images, 0)
        self._idle = deque(self._images)
        self._masks = [mask(seed) for seed in range(MASKS)]

    def next_request(self) -> Request:
        """What somebody does next."""
        kind = self._random.choices([name for name, _ in SHARES], [share for _, share in SHARES])[0]
        image = self._random.choice(self._images)
        if kind == "save" and self._idle:
            return self._save(self._idle.popleft())
        paths = {
            "project": f"/api/v1/projects/{self._project}",
            "image": f"/api/v1/images/{image}/file",
            "thumbnail": f"/api/v1/images/{image}/thumbnail",
        }
        path = paths.get(kind, f"/api/v1/images/{image}/annotations")
        return Request(kind if kind != "save" else "list", http("GET", path, b"", **self._head))

    def _save(self, image: int) -> Request:
        operation: dict[str, object] = {"kind": "create", "uid": str(uuid.uuid4()), "category_id": None}
        operation["segmentation"] = self._random.choice(self._masks)
        body = json.dumps({"operation_id": str(uuid.uuid4()), "operation": operation}).encode()
        head = {**self._head, "If_Match": f'"{self._revisions[image]}"'}

        def done(status: int, answer: bytes) -> None:
            if status == 200:
                self._revisions[image] = int(json.loads(answer)["revision"])
            self._idle.append(image)

        return Request("save", http("POST", f"/api/v1/images/{image}/operations", body, **head), done)


def bare_request() -> Callable[[], Request]:
    """The same mixture for the bare endpoint: saves of as many bytes, reads of one row."""
    chance, masks = random.Random(0), [json.dumps(mask(seed)).encode() for seed in range(MASKS)]
    share = SHARES[0][1] / sum(each for _, each in SHARES)

    def make() -> Request:
        if chance.random() < share:
            return Request("save", http("POST", "/", chance.choice(masks)))
        return Request("read", http("GET", "/"))

    return make


def mask(seed: int, roughness: float = 1.0) -> dict[str, object]:
    """A blob with an edge that is rough by so many pixels: with one, an RLE of about two kilobytes."""
    noise = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    center, radius = noise.uniform(0.35, 0.65, 2) * SIDE, noise.uniform(0.2, 0.33) * SIDE
    distance = np.hypot(rows - center[0], columns - center[1]) + noise.normal(0, roughness, (SIDE, SIDE))
    return dict(rle.encode(distance < radius))


@contextmanager
def bare() -> Iterator[tuple[int, int]]:
    """The bare endpoint in a process of its own; its port, and the process's number."""
    with tempfile.TemporaryDirectory(prefix="limner-bare-") as folder:
        command = [sys.executable, "-m", "limner.bench.bare", str(Path(folder) / "bare.db")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
            assert process.stdin is not None
            assert process.stdout is not None
            yield int(process.stdout.readline()), process.pid
            process.stdin.close()


# --- what goes on beside ----------------------------------------------------------------------------------------------


@contextmanager
def importing(server: Served) -> Iterator[list[str]]:
    """An import of ten thousand annotations on one image, again and again, each into an image of its own."""
    project = server.new_project("Import")
    photo = jpeg((SIDE, SIDE))
    numbers = iter(range(1_000_000, 2_000_000))
    # A document takes a fifth of a second to write down. Here that would stop the clock of the saves, not their server.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as elsewhere:

        def once() -> str:
            name = f"{next(numbers)}.jpg"
            server.upload(project, name, variant(photo, int(name[:-4])))
            server.call(
                "POST", f"/projects/{project}/import?format=coco", elsewhere.submit(coco_document, name).result()
            )
            return f"{IMPORTED} annotations on one image"

        once()
        with again_and_again(once) as rounds:
            yield rounds


def coco_document(name: str) -> bytes:
    """A COCO file of ``IMPORTED`` new annotations on the image of that name."""
    masks = [mask(1000 + seed, roughness=0.1) for seed in range(MASKS)]
    annotations = [
        {"id": n, "image_id": 1, "category_id": 1, "uid": str(uuid.uuid4()), "segmentation": masks[n % MASKS]}
        for n in range(IMPORTED)
    ]
    document = {
        "images": [{"id": 1, "file_name": name}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": annotations,
    }
    return json.dumps(document).encode()


@contextmanager
def backing_up(server: Served) -> Iterator[list[str]]:
    """Backups, one after the other, each into a new folder."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="limner-backup-")))
        numbers = iter(range(1_000_000))

        def once() -> str:
            target = folder / str(next(numbers))
            command = [sys.executable, "-m", "limner", "backup", str(target), "--home", str(server.home)]
            subprocess.run(command, check=True, capture_output=True)  # noqa: S603
            return "whole backup"

        yield stack.enter_context(again_and_again(once))


@contextmanager
def encoding(server: Served) -> Iterator[list[str]]:
    """A precompute job of more images than are encoded meanwhile."""
    project = server.new_project("Encode")
    photo = jpeg((SIDE, SIDE))
    for number in range(ENCODED):
        server.upload(project, f"{number}.jpg", variant(photo, 3_000_000 + number))
    job = server.call("POST", f"/projects/{project}/jobs", b'{"kind": "precompute"}')
    yield []
    done = server.call("GET", f"/projects/{project}/jobs")["jobs"][0]["done"]
    progress(f"{done} images were encoded meanwhile")
    server.call("POST", f"/jobs/{job['id']}/cancel", b"")


@contextmanager
def again_and_again(once: Callable[[], str]) -> Iterator[list[str]]:
    """Do something in a thread until the block ends, and wait for its last time; what each time said."""
    ending, said = threading.Event(), list[str]()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            while not ending.is_set():
                said.append(once())
        except BaseException as error:  # noqa: BLE001  (raised below, in the thread that measures)
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield said
    finally:
        ending.set()
        thread.join(10 * PATIENCE)
    if failures:
        raise failures[0]
