"""Figures of a cluster whose encoders sleep: how it grows with their number, and how long a look takes among others."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

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
    """What so many encoders did in a window, images/s."""

    actors: int
    rate: float


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
        batches = [each for each in arrangement.made() if each.began >= began]
        made = arrangement.job(job)
        assert made is not None, "the database is away"
        assert made.state == "running", "there was not enough to do"
        found.append(Scaling(actors, _rate(batches)))
    arrangement.stop_workers()
    return found


def _at_work(arrangement: Arrangement) -> int:
    alive = {each.pid for each in arrangement.encoders()}
    return len({each.process for each in arrangement.made()} & alive)


def _rate(batches: Sequence[Made]) -> float:
    """The sum of what each encoder did, from its first batch to its last."""
    of_process: dict[int, list[Made]] = defaultdict(list)
    for batch in batches:
        of_process[batch.process].append(batch)
    rates = []
    for own in of_process.values():
        own.sort(key=lambda each: each.began)
        images = sum(len(each.images) for each in own[:-1])
        rates.append(images / (own[-1].began - own[0].began) if len(own) > 1 else 0.0)
    return sum(rates)


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
    rows = [f"| {each.actors} | {each.rate:.2f} | {each.rate / each.actors / one:.2f} |" for each in found]
    return "\n".join(["| actors | images/s | efficiency |", "|---:|---:|---:|", *rows])


def looks_table(found: dict[str, list[float]]) -> str:
    """As Markdown."""
    idle = statistics.median(found["idle"])
    rows = []
    for name, times in found.items():
        median, p95 = statistics.median(times), sorted(times)[int(0.95 * len(times))]
        rows.append(f"| {name} | {median * 1000:.0f} | {p95 * 1000:.0f} | {median / idle:.2f} |")
    return "\n".join(["| a look | median ms | p95 ms | times idle |", "|---|---:|---:|---:|", *rows])
