"""Comparisons of calls that take long: few rounds, and for each call the memory it needed at its peak."""

from __future__ import annotations

import ctypes
import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from limner.bench.harness import Milliseconds, Result

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESET_PEAK = "5"  # proc(5): sets VmHWM to what is resident now


@dataclass(frozen=True)
class ResultWithMemory(Result):
    """A comparison with peak memory of one call, in MB; None where the system does not tell (Linux does)."""

    subject_mb: float | None = None
    reference_mb: float | None = None
    memory_ratio: float | None = None


@dataclass(frozen=True)
class Cost:
    """What one call took: milliseconds of wall clock and of CPU, and MB at the peak beyond what was there before."""

    wall: float
    cpu: float
    peak: float | None


def compare_with_memory(
    case: str,
    subject: tuple[str, Callable[[], object]],
    reference: tuple[str, Callable[[], object]],
    *,
    rounds: int,
    notes: str = "",
) -> ResultWithMemory:
    """Call subject and reference in turn, as :func:`limner.bench.harness.compare` does.

    Args:
        case: what is measured, for the table.
        subject: name and function without arguments.
        reference: name and function without arguments.
        rounds: measured calls of each, at least 1.
        notes: what a reader has to know about this comparison.
    """
    costs: tuple[list[Cost], list[Cost]] = ([], [])
    for _ in range(rounds):
        for place, (_, call) in enumerate((subject, reference)):
            costs[place].append(cost_of(call))
    return result_with_memory(case, (subject[0], costs[0]), (reference[0], costs[1]), notes)


def result_with_memory(
    case: str, subject: tuple[str, Sequence[Cost]], reference: tuple[str, Sequence[Cost]], notes: str
) -> ResultWithMemory:
    """The comparison of what was measured, as name and costs of each."""
    ours, theirs = _milliseconds(subject[1]), _milliseconds(reference[1])
    our_peak, their_peak = _peak(subject[1]), _peak(reference[1])
    memory_ratio = round(our_peak / their_peak, 4) if our_peak is not None and their_peak else None
    said = [f"CPU {ours.cpu} against {theirs.cpu} ms"]
    if memory_ratio is not None:
        said.append(f"peak memory {our_peak:.0f} against {their_peak:.0f} MB ({memory_ratio:.2f})")
    return ResultWithMemory(
        case=case,
        subject=subject[0],
        reference=reference[0],
        ratio=round(ours.median / theirs.median, 4),
        subject_ms=ours,
        reference_ms=theirs,
        notes="; ".join([notes, *said] if notes else said),
        subject_mb=our_peak,
        reference_mb=their_peak,
        memory_ratio=memory_ratio,
    )


def cost_of(call: Callable[[], object]) -> Cost:
    """What one call takes."""
    gc.collect()
    before = _start_peak()
    cpu, wall = time.process_time(), time.perf_counter()
    call()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = None if before is None else round((_status("VmHWM") - before) / 1024, 1)
    return Cost(wall * 1000, cpu * 1000, peak)


def _start_peak() -> int | None:
    """Resident memory now, in kB, from where on the peak is followed; None where the system does not tell."""
    try:
        ctypes.CDLL(None).malloc_trim(0)  # what was freed before must not be taken for free again
        _CLEAR.write_text(_RESET_PEAK)
        return _status("VmRSS")
    except (OSError, AttributeError, TypeError):  # no Linux, no glibc, or not allowed
        return None


def _status(name: str) -> int:
    """A line of the process's status, in kB."""
    lines = _STATUS.read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{name}:")))


def _milliseconds(costs: Sequence[Cost]) -> Milliseconds:
    wall = [cost.wall for cost in costs]
    figures = statistics.median(wall), float(np.percentile(wall, 95)), min(wall)
    median, p95, least = (round(figure, 1) for figure in figures)
    return Milliseconds(median, p95, least, round(statistics.median(cost.cpu for cost in costs), 1))


def _peak(costs: Sequence[Cost]) -> float | None:
    peaks = [cost.peak for cost in costs if cost.peak is not None]
    return max(peaks) if peaks else None
