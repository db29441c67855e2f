"""Which images would teach a model most: those that it is unsure of and that look like nothing that is annotated.

Uncertainty sampling (Lewis & Gale 1994) and the greedy k-centre choice of core sets (Sener & Savarese 2018,
arXiv:1708.00489) in one: the next image is the one with the largest product of uncertainty and distance to the nearest
image that is annotated or comes before it. Where it is known how many clicks masks took so far, images that look like
those with many count as more uncertain. That is all that is known of people's masks: it is a guess.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from limner.vocabulary.states import RankBy

SPREAD = 1000  # images that are chosen one after the other; those behind them no longer keep apart from each other
TINY = 1e-8  # keeps what has no length from being divided by it
LIKENESS = 0.1  # of cosines: how much more an image counts that is more alike, where clicks are expected


@dataclass(frozen=True)
class Ranking:
    """N images, the most informative first.

    Attributes:
        order: (N,), their indices.
        distances: (N,), by index: 0 to 1, from the nearest image that is annotated or comes before in the order.
        clicks: (N,), by index: that a mask is expected to take; None where nothing is known of any.
    """

    order: NDArray[np.int64]
    distances: NDArray[np.float64]
    clicks: NDArray[np.float64] | None = None


def uncertainty_of(predicted_iou: float, stability: float, agreement: float) -> float:
    """How unsure a model is of the masks of an image, 0 to 1: one minus the mean of these, each 0 to 1."""
    return 1.0 - float(np.clip([predicted_iou, stability, agreement], 0, 1).mean())


def rank(
    uncertainties: NDArray[np.float64],
    vectors: NDArray[np.float32],
    annotated: NDArray[np.float32],
    by: RankBy = "both",
    spread: int = SPREAD,
    clicks: NDArray[np.float64] | None = None,
) -> Ranking:
    """Order images by what they would teach; of equals, those that come first stay first.

    Args:
        uncertainties: (N,), 0 to 1.
        vectors: (N, D), pooled embeddings of these images.
        annotated: (M, D), those of images that are annotated.
        by: what counts; ``both`` is the product.
        spread: so many are chosen one after the other, which costs N · D each.
        clicks: (M,), that a mask took on the annotated images; NaN where that is not known.
    """
    count = len(uncertainties)
    directions = _directions(np.concatenate([vectors, annotated]).astype(np.float32))
    own, known = directions[:count], directions[count:]
    expected = None if clicks is None else _expected_clicks(own, known, clicks)
    if expected is not None:
        uncertainties = (uncertainties + 1 - 1 / expected) / 2
    distances = np.ones(count)
    for start in range(0, len(known), 256):  # some at a time: the product is (N, 256)
        distances = np.minimum(distances, _distance(own @ known[start : start + 256].T).min(1))
    chosen = np.zeros(count, np.bool_)
    order: list[int] = []
    for _ in range(min(count, spread) if by != "uncertainty" else 0):
        best = int(np.argmax(np.where(chosen, -1.0, _worth(uncertainties, distances, by))))
        chosen[best] = True
        order.append(best)
        nearer = np.minimum(distances, _distance(own @ own[best]))
        distances = np.where(chosen, distances, nearer)
    left = np.flatnonzero(~chosen)
    worth = _worth(uncertainties, distances, by)[left]
    order += left[np.argsort(-worth, kind="stable")].tolist()
    return Ranking(np.asarray(order, np.int64), distances, expected)


def _worth(uncertainties: NDArray[np.float64], distances: NDArray[np.float64], by: RankBy) -> NDArray[np.float64]:
    match by:
        case "uncertainty":
            return uncertainties
        case "diversity":
            return distances
        case "both":
            return uncertainties * distances


def _expected_clicks(
    own: NDArray[np.float32], known: NDArray[np.float32], clicks: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """(N,), at least 1: the mean of what masks took on annotated images, those that look alike counting most.

    The weights are a softmax of the cosines over ``LIKENESS`` (Nadaraya 1964 and Watson 1964, with that kernel).
    """
    told = np.isfinite(clicks)
    if not told.any():
        return None
    expected = np.empty(len(own))
    for start in range(0, len(own), 256):  # some at a time: the product is (256, M)
        cosines = (own[start : start + 256] @ known[told].T).astype(np.float64)
        weights = np.exp((cosines - cosines.max(1, keepdims=True)) / LIKENESS)
        expected[start : start + 256] = (weights @ clicks[told]) / weights.sum(1)
    return np.maximum(expected, 1.0)


def _directions(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Without what all have in common, each of length 1."""
    centred = vectors - vectors.mean(0) if len(vectors) else vectors
    return np.asarray(centred / (np.linalg.norm(centred, axis=1, keepdims=True) + TINY), np.float32)


def _distance(cosines: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.clip((1.0 - cosines.astype(np.float64)) / 2, 0, 1)
