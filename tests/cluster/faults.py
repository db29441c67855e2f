"""What fails in the middle of a job, one after the other, and what became of the job."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from limner.jobs.queue import LEASE
from tests.cluster.arrangement import Arrangement, sha_of
from tests.cluster.saving import Writers

ACTORS, CPUS_OF_ACTOR = 4, 0.5  # two on each machine
STRUCK_AFTER = 24  # images of the job
LATE_BY = 0.5  # s, of each piece that a slow S3 server answers
TOLERATED = 10.0  # s after the end of a lease within which somebody looks
NOTHING = 1  # times that an image is begun with when nothing fails

Act = Callable[[Arrangement], None]


@dataclass(frozen=True)
class Fault:
    """What fails.

    Attributes:
        strike: makes it fail.
        heal: what somebody, or the machine's service manager, does about it; None: nothing has to be done.
        after: seconds from the one to the other.
    """

    name: str
    strike: Act
    heal: Act | None = None
    after: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What became of a job in whose middle something failed.

    Attributes:
        seconds: from the fault to the end of the job.
        begun_again: images that an encoder began with more than once.
        most: times that one was begun with.
        overdue: longest time, s, that an item was still held after its lease.
        amiss: what should not be.
    """

    name: str
    images: int
    seconds: float
    begun_again: int
    most: int
    overdue: float
    saved: int
    unanswered: int
    amiss: list[str]

    def row(self) -> str:
        """Of the table."""
        figures = (self.images, f"{self.seconds:.0f}", self.begun_again, self.most, f"{self.overdue:.1f}")
        cells = (self.name, *figures, self.saved, self.unanswered, "; ".join(self.amiss) or "–")
        return "| " + " | ".join(map(str, cells)) + " |"


HEADER = """\
| what fails | images | s until all are done | begun again | at most | s beyond a lease | saved | sent again | amiss |
|---|---:|---:|---:|---:|---:|---:|---:|---|"""


def run_fault(arrangement: Arrangement, fault: Fault, images: int, writers: Writers, patience: float) -> Outcome:
    """Start a job, have something fail in its middle, and wait for the job."""
    arrangement.wait_for_encoders(ACTORS)
    job = arrangement.start_job(fault.name, images)
    saved, unanswered = writers.counts()
    arrangement.wait(lambda: arrangement.done(job) >= STRUCK_AFTER, "the first embeddings")
    struck = time.monotonic()
    fault.strike(arrangement)
    healed, overdue = fault.heal is None, 0.0
    while time.monotonic() - struck < patience:
        if not healed and time.monotonic() - struck >= fault.after:
            healed = True
            assert fault.heal is not None
            fault.heal(arrangement)
        overdue = max(overdue, arrangement.overdue())
        row = arrangement.job(job)
        if healed and row is not None and row.state != "running":
            break
        time.sleep(0.2)
    seconds = time.monotonic() - struck
    row = arrangement.job(job)
    assert row is not None, "the database does not come back"
    of_job = {sha_of(row.project_id, number) for number in range(images)}
    begun = Counter(image for made in arrangement.made() for image in made.images if image in of_job)
    amiss = []
    if (row.state, row.done, row.failed) != ("done", images, 0):
        amiss.append(f"{row.state}: {row.done} done, {row.failed} failed. {row.message}".strip())
    if row.state == "done" and (missing := arrangement.missing(job)):
        amiss.append(f"{len(missing)} embeddings are not there")
    if max(begun.values()) > NOTHING + 1:
        amiss.append("begun more often than there were faults and a first time")
    if overdue > TOLERATED:
        amiss.append(f"stuck for longer than a lease of {LEASE.total_seconds():.0f} s")
    now_saved, now_unanswered = writers.counts()
    return Outcome(
        name=fault.name,
        images=images,
        seconds=seconds,
        begun_again=sum(times > 1 for times in begun.values()),
        most=max(begun.values()),
        overdue=overdue,
        saved=now_saved - saved,
        unanswered=now_unanswered - unanswered,
        amiss=amiss,
    )


# --- what is done -----------------------------------------------------------------------------------------------------

_random = random.Random(17)


def _nothing(_: Arrangement) -> None:
    pass


def _kill_encoder(arrangement: Arrangement) -> None:
    _random.choice(arrangement.encoders()).kill()


def _hang_encoder(arrangement: Arrangement) -> None:
    _random.choice(arrangement.encoders()).send_signal(signal.SIGSTOP)


def _kill_actor(arrangement: Arrangement) -> None:
    actor = _random.choice(arrangement.encoders()).parent()
    assert actor is not None
    actor.kill()


def _kill_worker(arrangement: Arrangement) -> None:
    """With the process that is connected to the cluster, so that it cannot end its encoders in order."""
    for worker in arrangement.workers:
        for process in [*psutil.Process(worker.pid).children(), psutil.Process(worker.pid)]:
            process.kill()
        worker.wait()
    arrangement.workers = []


def _start_worker(arrangement: Arrangement) -> None:
    arrangement.start_worker(ACTORS, CPUS_OF_ACTOR)


def _kill_web(arrangement: Arrangement) -> None:
    _random.choice(arrangement.web_processes()).kill()


def _kill_postgres(arrangement: Arrangement) -> None:
    arrangement.postgres.kill()


def _start_postgres(arrangement: Arrangement) -> None:
    arrangement.postgres.start()


def _shut(arrangement: Arrangement) -> None:
    arrangement.door.shut()


def _open(arrangement: Arrangement) -> None:
    arrangement.door.open()


def _lose_machine(arrangement: Arrangement) -> None:
    arrangement.cluster.kill_second()


def _start_machine(arrangement: Arrangement) -> None:
    arrangement.cluster.start_second()


def _kill_head(arrangement: Arrangement) -> None:
    arrangement.cluster.kill()


def _start_cluster(arrangement: Arrangement) -> None:
    arrangement.cluster.kill_second()
    arrangement.cluster.start()
    arrangement.cluster.start_second()


def _slow(arrangement: Arrangement) -> None:
    arrangement.door.late = LATE_BY


def _fast(arrangement: Arrangement) -> None:
    arrangement.door.late = 0.0


FAULTS = (
    Fault("nothing", _nothing),
    Fault("an encoder's process is killed", _kill_encoder),
    Fault("an encoder hangs", _hang_encoder),
    Fault("an actor is killed", _kill_actor),
    Fault("a web process is killed", _kill_web),
    Fault("PostgreSQL is killed; started again after 5 s", _kill_postgres, _start_postgres, 5),
    Fault("S3 is not reached for 10 s", _shut, _open, 10),
    Fault(f"S3 answers {LATE_BY:g} s late for 10 s", _slow, _fast, 10),
    Fault("a machine is lost; back after 10 s", _lose_machine, _start_machine, 10),
    Fault("`limner worker --ray` is killed; started again after 2 s", _kill_worker, _start_worker, 2),
    Fault("Ray's head is killed; started again after 5 s", _kill_head, _start_cluster, 5),
)
"""In this order: what takes longest comes last."""
