"""Figures of a cluster whose encoders sleep: how it grows with their number, and how long a look takes among others."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from limner.encoding.states import Target
from limner.service.running import stop
from limner.service.wiring import open_services
from limner.vocabulary.duties import NONE
from tests.cluster.arrangement import Arrangement, Made, sha_of
from tests.conftest import TEST_MODEL_SHA256

STEPS = (1, 4, 16)
WINDOW = 30.0  # s
SLOW = 0.5  # s that an image takes here: encoders leave the cores of this machine to what is measured
WAITING = 10_000
LOOKS, PAUSE = 20, 0.37  # how many, and seconds between them: no multiple of a batch


@dataclass(frozen=True)
class Scaling:
    """What so many encoders did in a window.

    Attributes:
        rate: images/s.
        pause: longest time, s, from the begin of a batch to that of the next, or to the end of the window.
        idle: encoders that began fewer than two.
    """

    actors: int
    rate: float
    pause: float
    idle: int


def scaling(arrangement: Arrangement) -> list[Scaling]:
    """Images per second of more and more encoders on one job, each batch timed from its begin to that of the next."""
    found, running = [], 0
    job = arrangement.start_job("Scaling", int(2 * WINDOW * sum(STEPS) / SLOW))
    for actors in STEPS:
        arrangement.start_worker(actors - running, 2 / STEPS[-1] - 0.005, seconds=SLOW)
        running = actors
        arrangement.wait_for_encoders(actors)
        arrangement.wait(lambda: _at_work(arrangement) == running, "all of them at work")  # noqa: B023  (called at once)
        began = time.time()
        time.sleep(WINDOW)
        ended = time.time()
        recent = [each for each in arrangement.made() if each.began >= began]
        begun = [[each for each in recent if each.process == encoder.pid] for encoder in arrangement.encoders()]
        made = arrangement.job(job)
        assert made is not None, "the database is away"
        assert made.state == "running", "there was not enough to do"
        idle = sum(len(own) < 2 for own in begun)
        found.append(Scaling(actors, sum(map(_rate, begun)), max(_longest_pause(own, ended) for own in begun), idle))
    arrangement.stop_workers()
    return found


def _at_work(arrangement: Arrangement) -> int:
    alive = {each.pid for each in arrangement.encoders()}
    return len({each.process for each in arrangement.made()} & alive)


def _rate(begun: Sequence[Made]) -> float:
    """Images per second of one encoder, from its first batch to its last."""
    if len(begun) < 2:
        return 0.0
    return sum(len(each.images) for each in begun[:-1]) / (begun[-1].began - begun[0].began)


def _longest_pause(begun: Sequence[Made], ended: float) -> float:
    """Seconds from the begin of a batch of one encoder to that of the next, or to the end of the window."""
    begins = [each.began for each in begun]
    return max((later - earlier for earlier, later in pairwise([*begins, ended])), default=WINDOW)


def looks(arrangement: Arrangement) -> dict[str, list[float]]:
    """Seconds from asking for an embedding to its being there, by what else is to be done."""
    found = {}
    arrangement.start_worker(4, 0.25, seconds=SLOW)
    arrangement.wait_for_encoders(4)
    found["idle"] = _looks(arrangement, 1)
    arrangement.start_job("Waiting", WAITING)
    arrangement.wait(lambda: _at_work(arrangement) == 4, "all of them at work")
    found[f"{WAITING:,} waiting"] = _looks(arrangement, 2)
    arrangement.start_worker(1, 0.25, only="looks", seconds=SLOW)
    arrangement.wait_for_encoders(5)
    found[f"{WAITING:,} waiting, one encoder for looks alone"] = _looks(arrangement, 3)
    arrangement.stop_workers()
    return found


def _looks(arrangement: Arrangement, batch: int) -> list[float]:
    """As a web process asks; the images are nowhere, which does not matter to who sleeps."""
    web = open_services(arrangement.settings, duties=NONE)
    times = []
    for number in range(LOOKS + 1):
        time.sleep(PAUSE)
        target = Target(sha_of(1 << 100 | batch, number), TEST_MODEL_SHA256)
        started = time.perf_counter()
        web.encoder.request(target, "look")
        while web.encoder.state(target).state != "ready":
            time.sleep(0.005)
        times.append(time.perf_counter() - started)
    stop(web)
    return times[1:]  # the first warms up


def scaling_table(found: Sequence[Scaling]) -> str:
    """As Markdown."""
    one = found[0].rate / found[0].actors
    rows = [
        f"| {each.actors} | {each.rate:.2f} | {each.rate / each.actors / one:.2f} | {each.pause:.1f} | {each.idle} |"
        for each in found
    ]
    return "\n".join(
        ["| actors | images/s | efficiency | longest pause, s | idle |", "|---:|---:|---:|---:|---:|", *rows]
    )


def looks_table(found: dict[str, list[float]]) -> str:
    """As Markdown."""
    idle = statistics.median(found["idle"])
    rows = []
    for name, times in found.items():
        median, p95 = statistics.median(times), sorted(times)[int(0.95 * len(times))]
        rows.append(f"| {name} | {median * 1000:.0f} | {p95 * 1000:.0f} | {median / idle:.2f} |")
    return "\n".join(["| a look | median ms | p95 ms | times idle |", "|---|---:|---:|---:|", *rows])
