"""Parts of a cluster are killed one after the other in the middle of jobs: is everything done, and how often?

``make soak-cluster`` prints tables and takes up to a quarter of an hour. All parts are real and of this machine:
PostgreSQL, an S3 server (moto) behind a port that can be shut, a Ray cluster of two machines (two addresses of the
loopback device), two web processes behind nginx, through which people save all the time. Encoders sleep instead of
computing, so that the cores of this machine do not decide.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from limner.service.logs import configure_logging
from tests.cluster.arrangement import arranged
from tests.cluster.faults import ACTORS, CPUS_OF_ACTOR, FAULTS, HEADER, Fault, run_fault
from tests.cluster.figures import looks, looks_table, scaling, scaling_table
from tests.cluster.saving import Writers

PARTS = ("faults", "looks", "scaling")
EFFICIENCY = 0.9  # at least, from 1 to 16 actors
LOOK_AMONG_OTHERS = 2.0  # times idle, at most


def say(text: str = "") -> None:
    """At once, also into a file."""
    print(text, flush=True)  # noqa: T201


def run(
    folder: Path,
    *,
    images: int,
    writers: int,
    patience: float = 300,
    parts: Sequence[str] = PARTS,
    faults: Sequence[Fault] = FAULTS,
) -> list[str]:
    """All of it; what is amiss."""
    amiss: list[str] = []
    with arranged(folder, ACTORS * CPUS_OF_ACTOR / 2) as arrangement:
        if "faults" in parts:
            arrangement.start_worker(ACTORS, CPUS_OF_ACTOR)
            people = Writers(arrangement.web, writers)
            say(HEADER)
            for fault in faults:
                outcome = run_fault(arrangement, fault, images, people, patience)
                amiss += [f"{fault.name}: {each}" for each in outcome.amiss]
                say(outcome.row())
            saved, _ = people.counts()
            wrong = people.end()
            amiss += wrong
            say(f"\n{saved} saves were acknowledged; {len(wrong)} images are not as that.")
            arrangement.stop_workers()
        if "looks" in parts:
            found = looks(arrangement)
            say(f"\n{looks_table(found)}")
            idle = statistics.median(found["idle"])
            for name, times in found.items():
                ratio = statistics.median(times) / idle
                if ratio > LOOK_AMONG_OTHERS:
                    amiss.append(f"a look takes {ratio:.1f} times as long as idle: {name}")
        if "scaling" in parts:
            steps = scaling(arrangement)
            say(f"\n{scaling_table(steps)}")
            first, last = steps[0], steps[-1]
            if last.rate / last.actors < EFFICIENCY * first.rate / first.actors:
                amiss.append(
                    f"{last.actors} actors do less than {EFFICIENCY:g} of {last.actors} times one: {last.idle} idle"
                )
    return amiss


def main() -> None:
    """The command line of ``make soak-cluster``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=200, help="of each job")
    parser.add_argument("--writers", type=int, default=4, help="people who save all the time")
    parser.add_argument("--patience", type=float, default=300, help="seconds that a job may take after its fault")
    parser.add_argument(
        "--keep",
        type=Path,
        help="an empty folder for homes and logs, which stays (else it stays when something is amiss)",
    )
    parser.add_argument("parts", nargs="*", default=PARTS, metavar="|".join(PARTS))
    arguments = parser.parse_args()
    configure_logging(logging.WARNING)
    started = time.monotonic()
    place = arguments.keep or Path(tempfile.mkdtemp(prefix="limner-soak-"))
    place.mkdir(parents=True, exist_ok=True)
    amiss = run(
        place,
        images=arguments.images,
        writers=arguments.writers,
        patience=arguments.patience,
        parts=arguments.parts,
    )
    say(f"\n{time.monotonic() - started:.0f} s")
    for each in amiss:
        say(f"amiss: {each}")
    if amiss:
        say(f"what all processes said: {place}")
        sys.exit(1)
    if arguments.keep is None:
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    main()
