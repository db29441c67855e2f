"""Wilson's interval, held to values that were computed elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from limner.vocabulary.intervals import wilson

# R. G. Newcombe, "Two-sided confidence intervals for the single proportion: comparison of seven methods", Statistics in
# Medicine 17 (1998), table I, method 3 (score, without correction for continuity).
KNOWN = json.loads((Path(__file__).parents[1] / "golden" / "wilson.json").read_text())


@pytest.mark.parametrize(("hits", "total", "low", "high"), KNOWN)
def test_the_interval_has_the_values_that_others_print(hits: int, total: int, low: float, high: float) -> None:
    assert wilson(hits, total) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_of_nothing_the_share_may_be_anything() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


def test_the_interval_stays_within_0_and_1_and_holds_the_share() -> None:
    for total in (1, 2, 7, 100, 10**9):
        for hits in {0, 1, total // 2, total}:
            low, high = wilson(hits, total)
            assert 0 <= low <= hits / total <= high <= 1
            assert wilson(total - hits, total) == (pytest.approx(1 - high), pytest.approx(1 - low))
