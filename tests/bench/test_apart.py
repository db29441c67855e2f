"""Contenders in processes of their own."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from limner.bench.apart import Apart, compare_apart
from limner.errors import Unavailable


def counting(start: int, megabytes: int) -> Callable[[], NDArray[np.float64]]:
    """Counts its calls from `start`, says in which process, and needs some memory for it."""
    calls = iter(range(start, start + 100))

    def call() -> NDArray[np.float64]:
        needed = np.ones(megabytes << 17)
        return np.array([next(calls), os.getpid(), needed[-1]])

    return call


def failing() -> Callable[[], object]:
    """Cannot be built."""
    raise RuntimeError("no such model")


def test_calls_are_made_in_another_process_one_after_the_other() -> None:
    with Apart("ours", counting, 10, 16) as ours, Apart("theirs", counting, 20, 16) as theirs:
        assert ours.answer()[0] == 11  # the first was for memory
        compare_apart("case", ours, theirs, rounds=3, notes="")
        assert (ours.answer()[0], theirs.answer()[0]) == (15, 24)
        assert len({os.getpid(), ours.answer()[1], theirs.answer()[1]}) == 3


def test_memory_is_that_of_one_call_and_times_are_of_the_others() -> None:
    with Apart("large", counting, 0, 200) as large, Apart("small", counting, 0, 40) as small:
        result = compare_apart("case", small, large, rounds=2, notes="so")
    assert (result.subject, result.reference) == ("small", "large")
    assert result.ratio < 1
    assert result.notes.startswith("so; CPU")
    if result.subject_mb is not None:
        assert 35 < result.subject_mb < 60
        assert result.reference_mb == pytest.approx(200, abs=15)


def test_a_contender_that_cannot_be_built_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Unavailable, match="ours failed"):
        Apart("ours", failing)
    assert "no such model" in capfd.readouterr().err
