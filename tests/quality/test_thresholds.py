"""Thresholds learned from what was accepted and refused."""

from __future__ import annotations

import numpy as np
import pytest

from limner.quality.thresholds import (
    FEWEST,
    HIGHEST,
    Decision,
    Threshold,
    acceptance,
    calibration,
    fit_threshold,
)


def _decisions(scores: list[float], accepted: list[bool]) -> list[Decision]:
    return [Decision(score, taken) for score, taken in zip(scores, accepted, strict=True)]


def _sigmoid(count: int, middle: float, slope: float, seed: int) -> list[Decision]:
    """Scores anywhere from 0 to 1, accepted with a chance that rises with them and is one half at ``middle``."""
    rng = np.random.default_rng(seed)
    scores = rng.random(count)
    chances = 1 / (1 + np.exp(-slope * (scores - middle)))
    return _decisions(scores.tolist(), (rng.random(count) < chances).tolist())


def test_with_too_few_decisions_or_only_one_kind_of_them_the_default_stays() -> None:
    few = _decisions(
        [0.1 * (index % 10) for index in range(FEWEST - 1)], [index % 2 == 0 for index in range(FEWEST - 1)]
    )
    assert fit_threshold(few, 0.3) == Threshold(0.3, False, 10, 9)
    assert fit_threshold([], 0.3) == Threshold(0.3, False, 0, 0)
    all_taken = [Decision(0.5, True)] * 100
    assert fit_threshold(all_taken, 0.3) == Threshold(0.3, False, 100, 0)
    nearly = [Decision(0.5, True)] * 100 + [Decision(0.4, False)] * 4
    assert not fit_threshold(nearly, 0.3).fitted


@pytest.mark.parametrize("middle", [0.3, 0.5, 0.7])
def test_the_threshold_lies_where_half_of_the_suggestions_are_accepted(middle: float) -> None:
    fitted = fit_threshold(_sigmoid(4000, middle, 15, seed=3), 0.1)
    assert fitted.fitted
    assert fitted.value == pytest.approx(middle, abs=0.05)
    assert fitted.accepted + fitted.refused == 4000


def test_who_wants_more_of_them_accepted_gets_a_higher_threshold() -> None:
    decisions = _sigmoid(4000, 0.5, 10, seed=1)
    values = [fit_threshold(decisions, 0.1, wanted=wanted).value for wanted in (0.2, 0.5, 0.8)]
    assert values == sorted(values)
    assert values[2] == pytest.approx(0.5 + np.log(4) / 10, abs=0.06)  # where the sigmoid is .8


def test_two_kinds_that_do_not_overlap_are_parted_exactly() -> None:
    decisions = _decisions([0.2] * 30 + [0.6] * 30, [False] * 30 + [True] * 30)
    assert fit_threshold(decisions, 0.1).value == 0.6


def test_where_all_scores_are_good_enough_the_threshold_never_rises_above_the_default() -> None:
    decisions = _decisions([0.4 + 0.01 * (index % 10) for index in range(60)], [index % 6 != 0 for index in range(60)])
    assert fit_threshold(decisions, 0.3) == Threshold(0.3, True, 50, 10)
    assert fit_threshold(decisions, 0.8).value == 0.4, "nobody has decided about lower ones"


def test_where_nothing_is_good_enough_only_what_is_surer_than_all_of_it_is_left() -> None:
    decisions = _decisions([0.01 * index for index in range(50)], [index % 8 == 4 for index in range(50)])
    fitted = fit_threshold(decisions, 0.3)
    assert 0.49 < fitted.value < 0.4901
    high = [Decision(1.0, False)] * 30 + [Decision(1.0, True)] * 10
    assert fit_threshold(high, 0.3).value == HIGHEST


def test_the_chance_of_being_accepted_never_falls_with_the_score_and_keeps_the_mean() -> None:
    decisions = _sigmoid(500, 0.5, 4, seed=7)
    scores, chances = acceptance(decisions)
    assert np.all(np.diff(scores) > 0)
    assert np.all(np.diff(chances) >= 0)
    assert chances.mean() == pytest.approx(np.mean([each.accepted for each in decisions]))
    scores, chances = acceptance(_decisions([0.1, 0.1, 0.5, 0.9], [True, False, False, True]))
    assert scores.tolist() == [0.1, 0.5, 0.9]
    assert chances.tolist() == pytest.approx([1 / 3, 1 / 3, 1.0])


def test_acceptance_by_score_counts_every_decision_once() -> None:
    bins = calibration(_decisions([0.0, 0.05, 0.55, 0.99, 1.0], [True, False, True, True, False]), bins=10)
    assert [(each.decided, each.accepted) for each in bins if each.decided] == [(2, 1), (1, 1), (2, 1)]
    assert (bins[-1].low, bins[-1].high) == (0.9, 1.0)
