"""Timing two things fairly on a noisy machine.

Subject and reference are called in turn, so that whatever else the machine does falls on both; the ratio is that of
their medians.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

WARM_UP = 3  # calls of each before anything is timed


@dataclass(frozen=True)
class Milliseconds:
    """One contender's times for one call, in milliseconds.

    ``cpu`` is the time of all threads together, the median (in a browser the mean); None if unknown.
    """

    median: float
    p95: float
    min: float
    cpu: float | None


@dataclass(frozen=True)
class Result:
    """One comparison as ``--json`` writes it. ``ratio`` is subject over reference: below 1 the subject is faster."""

    case: str
    subject: str
    reference: str
    ratio: float
    subject_ms: Milliseconds
    reference_ms: Milliseconds
    notes: str = ""


def compare(
    case: str,
    subject: tuple[str, Callable[[], object]],
    reference: tuple[str, Callable[[], object]],
    *,
    rounds: int = 30,
    notes: str = "",
) -> Result:
    """Time subject and reference in turn, ``rounds`` times each after a warm-up.

    Args:
        case: what is measured, for the table.
        subject: name and function without arguments.
        reference: name and function without arguments.
        rounds: timed calls of each, at least 1.
        notes: what a reader has to know about this comparison.
    """
    contenders = (subject, reference)
    wall: tuple[list[float], list[float]] = ([], [])
    cpu: tuple[list[float], list[float]] = ([], [])
    for index in range(min(WARM_UP, rounds) + rounds):
        for place, (_, call) in enumerate(contenders):
            cpu_start, start = time.process_time(), time.perf_counter()
            call()
            elapsed, spent = time.perf_counter() - start, time.process_time() - cpu_start
            if index >= min(WARM_UP, rounds):
                wall[place].append(elapsed * 1000)
                cpu[place].append(spent * 1000)
    return result(case, (subject[0], wall[0], cpu[0]), (reference[0], wall[1], cpu[1]), notes)


def result(
    case: str,
    subject: tuple[str, Sequence[float], Sequence[float] | None],
    reference: tuple[str, Sequence[float], Sequence[float] | None],
    notes: str = "",
) -> Result:
    """A comparison from measured times: name, milliseconds and, where known, milliseconds of CPU, for each call."""
    ratio = statistics.median(subject[1]) / statistics.median(reference[1])
    ours, theirs = summary(*subject[1:]), summary(*reference[1:])
    return Result(case, subject[0], reference[0], round(ratio, 4), ours, theirs, notes)


def summary(wall: Sequence[float], cpu: Sequence[float] | None = None) -> Milliseconds:
    """The figures of one contender's calls."""
    return Milliseconds(
        median=round(statistics.median(wall), 3),
        p95=round(float(np.percentile(wall, 95)), 3),
        min=round(min(wall), 3),
        cpu=None if cpu is None else round(statistics.median(cpu), 3),
    )


def progress(message: str) -> None:
    """Say on the terminal what is being done: some of it takes minutes before the first figure comes."""
    sys.stderr.write(f"{message} …\n")
    sys.stderr.flush()


def environment() -> dict[str, object]:
    """What a reader must know of the machine to read the figures."""
    import onnxruntime
    import torch

    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "onnxruntime": onnxruntime.__version__,
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def report(results: Sequence[Result]) -> dict[str, object]:
    """The JSON document of ``limner bench``."""
    return {"results": [asdict(result) for result in results], "environment": environment()}


def table(results: Sequence[Result]) -> str:
    """The results as a Markdown table; CPU is the time of all threads together."""
    times = "median ms | p95 | min | CPU"
    rows = [
        f"| case | subject | {times} | reference | {times} | ratio | of CPU |",
        "|---|---|---:|---:|---:|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    for r in results:
        ours, theirs = (
            f"{ms.median:.1f} | {ms.p95:.1f} | {ms.min:.1f} | {_known(ms.cpu, 1)}"
            for ms in (r.subject_ms, r.reference_ms)
        )
        cpu = r.subject_ms.cpu / r.reference_ms.cpu if r.subject_ms.cpu and r.reference_ms.cpu else None
        rows.append(
            f"| {r.case} | {r.subject} | {ours} | {r.reference} | {theirs} | {r.ratio:.3f} | {_known(cpu, 3)} |"
        )
    return "\n".join(rows)


def _known(figure: float | None, digits: int) -> str:
    return "–" if figure is None else f"{figure:.{digits}f}"
