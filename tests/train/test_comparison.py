"""Comparing two models: paired, by source, and only as sure as the masks allow."""

from __future__ import annotations

import numpy as np
import pytest

from limner.errors import InvalidInput
from limner.train.comparison import compare
from limner.train.evaluation import Results


def _results(rng: np.random.Generator, masks: dict[str, int]) -> Results:
    return {source: [{"1": rng.uniform(), "box": rng.uniform()} for _ in range(n)] for source, n in masks.items()}


def _shifted(results: Results, by: float, noise: float = 0.0, seed: int = 1) -> Results:
    rng = np.random.default_rng(seed)
    return {
        source: [{name: value + by + noise * rng.normal() for name, value in row.items()} for row in rows]
        for source, rows in results.items()
    }


MASKS = {"cats": 60, "dogs": 7}


def test_a_constant_gain_is_certain_however_different_the_masks_are() -> None:
    first = _results(np.random.default_rng(0), MASKS)
    comparison = compare(first, _shifted(first, 0.03))
    for difference in comparison.differences.values():
        assert (difference.value, difference.low, difference.high) == pytest.approx((0.03, 0.03, 0.03), abs=1e-3)
    assert comparison.second_is_better
    assert comparison.masks == 67


def test_of_very_few_masks_nothing_is_said_to_be_better() -> None:
    """An interval of one mask has no width at all."""
    for masks, certain in ((1, False), (5, False), (6, True)):
        first = _results(np.random.default_rng(0), {"cats": masks})
        comparison = compare(first, _shifted(first, 0.03))
        assert comparison.differences["mean"].low > 0
        assert comparison.second_is_better is certain


def test_noise_alone_is_no_gain() -> None:
    first = _results(np.random.default_rng(0), MASKS)
    comparison = compare(first, _shifted(first, 0.0, noise=0.2))
    overall = comparison.differences["mean"]
    assert overall.low < 0 < overall.high
    assert not comparison.second_is_better


def test_every_source_counts_the_same() -> None:
    first = {"many": [{"1": 0.5}] * 99, "few": [{"1": 0.5}]}
    second = {"many": [{"1": 0.5}] * 99, "few": [{"1": 0.9}]}
    assert compare(first, second).differences["1"].value == pytest.approx(0.2)


def test_the_interval_is_that_of_the_mean_for_many_masks() -> None:
    """Against the normal approximation, which holds here."""
    first = _results(np.random.default_rng(3), {"cats": 900})
    second = _shifted(first, 0.01, noise=0.3, seed=4)
    changes = [b["1"] - a["1"] for a, b in zip(first["cats"], second["cats"], strict=True)]
    half = 1.96 * np.std(changes) / 30
    difference = compare(first, second).differences["1"]
    assert difference.high - difference.low == pytest.approx(2 * half, rel=0.05)
    assert difference.value == pytest.approx(np.mean(changes), abs=1e-4)


def test_other_masks_cannot_be_compared() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InvalidInput, match="different masks"):
        compare(_results(rng, {"cats": 3}), _results(rng, {"cats": 4}))
