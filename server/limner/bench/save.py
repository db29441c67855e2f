"""Two hundred people at work: how long a save takes, and what is shed, at several rates.

The reference is the least that could be (:mod:`limner.bench.bare`), sent the same mixture at the same rate in the same
run. Of the load model's 61 requests a second 51 are changes (drafts, masks, heartbeats: here all are saves of a mask,
the dearest of them), 5.8 read lists and figures, 2.8 images and thumbnails.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from limner.bench import load
from limner.bench.beside import BESIDE
from limner.bench.blobs import MASKS, SIDE, mask
from limner.bench.harness import Milliseconds, Result, progress, summary
from limner.bench.load import Measured, Request, http
from limner.bench.served import Served, cpu_seconds, served
from limner.bench.web_memory import jpeg, variant

RATES = (60, 120, 180, 240)  # requests a second; the load model's peak is 180
SECONDS = 20.0
PEOPLE = 200
SHARES = (("save", 51.0), ("list", 3.0), ("project", 4.0), ("image", 1.4), ("thumbnail", 1.4))  # of 61 a second


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


def run(
    rates: Sequence[int] = RATES, seconds: float = SECONDS, *, beside: Sequence[str] | None = None
) -> Iterator[LoadResult]:
    """All rates, then what goes on beside at one of them.

    Args:
        rates: requests a second.
        seconds: of each measurement.
        beside: names in ``BESIDE``; all when None. Each is compared with the same without it, before and after.
    """
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
        for name in BESIDE if beside is None else beside:
            rate, work = BESIDE[name]
            progress(f"{rate} requests a second alone, beside: {name}, and alone")
            before = measure(rate)
            with work(server) as rounds:
                ours = measure(rate)
            alone = before + measure(rate)
            yield _result(f"{rate} a second beside: {name}", rate, ours, ("alone", alone), rounds)


@dataclass(frozen=True)
class _Series:
    """What came of it, and CPU milliseconds of the server's process per answer."""

    measured: Measured
    cpu: float

    def __add__(self, other: _Series) -> _Series:
        return _Series(self.measured + other.measured, (self.cpu + other.cpu) / 2)

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
