"""From which score on suggestions are worth looking at, learned from those that people accepted and refused.

Acceptance is taken to rise with the score and to do nothing else: isotonic regression by pooling adjacent violators
(Ayer et al. 1955; for scores of classifiers Zadrozny & Elkan 2002, "Transforming classifier scores into accurate
multiclass probability estimates"). The threshold is the least score that is accepted with the chance that is wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WANTED = 0.5  # chance of being accepted
FEWEST = 20  # decisions from which a threshold is learned at all
FEWEST_OF_EACH = 5  # likewise, of accepted ones and of refused ones
HIGHEST = 0.9  # so that what is sure is always shown, whatever was refused before


@dataclass(frozen=True)
class Decision:
    """What somebody decided about a suggestion with this score, 0 to 1."""

    score: float
    accepted: bool


@dataclass(frozen=True)
class Threshold:
    """The least score of what is suggested.

    Attributes:
        value: 0 to 1.
        fitted: whether it was learned; otherwise it is the default, as there were too few decisions.
        accepted: decisions of this kind that were known.
        refused: likewise.
    """

    value: float
    fitted: bool
    accepted: int
    refused: int


@dataclass(frozen=True)
class Bin:
    """Suggestions with scores from ``low`` to below ``high``: how many were decided about, and accepted of these."""

    low: float
    high: float
    decided: int
    accepted: int


def fit_threshold(decisions: Sequence[Decision], default: float, *, wanted: float = WANTED) -> Threshold:
    """The least score at which a suggestion is accepted with the chance that is wanted.

    Nothing is known of scores that nobody has decided about: where all that is known is good enough, the threshold
    stays at the default, or at the lowest score that was seen if that is lower. Where nothing is, it lies above all
    refused ones, at most at ``HIGHEST``.

    Args:
        decisions: in any order.
        default: what holds with too few of them, 0 to 1.
        wanted: chance of being accepted, above 0 and at most 1.
    """
    accepted = sum(each.accepted for each in decisions)
    refused = len(decisions) - accepted
    if len(decisions) < FEWEST or min(accepted, refused) < FEWEST_OF_EACH:
        return Threshold(default, False, accepted, refused)
    scores, chances = acceptance(decisions)
    good = np.flatnonzero(chances >= wanted - 1e-9)
    if not len(good):
        value = min(HIGHEST, float(np.nextafter(scores[-1], 1.0)))
    elif good[0] == 0:
        value = min(default, float(scores[0]))
    else:
        value = min(HIGHEST, float(scores[good[0]]))
    return Threshold(value, True, accepted, refused)


def acceptance(decisions: Sequence[Decision]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scores, ascending and each once, (S,), and the chance that a suggestion with such a score is accepted, (S,).

    Args:
        decisions: at least one.
    """
    scores, which = np.unique([each.score for each in decisions], return_inverse=True)
    counts = np.bincount(which).astype(np.float64)
    means = np.bincount(which, weights=[float(each.accepted) for each in decisions]) / counts
    blocks: list[tuple[float, float, int]] = []  # (mean, decisions, scores) of neighbours that were pooled
    for mean, count in zip(means.tolist(), counts.tolist(), strict=True):
        size = 1
        while blocks and blocks[-1][0] >= mean:
            before, other, merged = blocks.pop()
            mean = (mean * count + before * other) / (count + other)
            count, size = count + other, size + merged
        blocks.append((mean, count, size))
    return scores, np.repeat([mean for mean, _, _ in blocks], [size for _, _, size in blocks])


def calibration(decisions: Sequence[Decision], bins: int = 10) -> list[Bin]:
    """How many were accepted, by score; ranges of equal width from 0 to 1, a score of 1 belongs to the last one."""
    edges = np.linspace(0, 1, bins + 1)
    places = [min(bins - 1, max(0, int(each.score * bins))) for each in decisions]
    return [
        Bin(
            round(float(edges[index]), 6),
            round(float(edges[index + 1]), 6),
            sum(place == index for place in places),
            sum(place == index and each.accepted for place, each in zip(places, decisions, strict=True)),
        )
        for index in range(bins)
    ]
