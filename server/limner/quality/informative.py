"""Which images would teach a model most: those that it is unsure of and that look like nothing that is annotated.

Uncertainty sampling (Lewis & Gale 1994) and the greedy k-centre choice of core sets (Sener & Savarese 2018,
arXiv:1708.00489) in one: the next image is the one with the largest product of uncertainty and distance to the nearest
image that is annotated or comes before it. Nothing here has seen a mask that a person drew: it is a guess.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from limner.vocabulary.states import RankBy

SPREAD = 1000  # images that are chosen one after the other; those behind them no longer keep apart from each other
TINY = 1e-8  # keeps what has no length from being divided by it


@dataclass(frozen=True)
class Ranking:
    """N images, the most informative first.

    Attributes:
        order: (N,), their indices.
        distances: (N,), by index: 0 to 1, from the nearest image that is annotated or comes before in the order.
    """

    order: NDArray[np.int64]
    distances: NDArray[np.float64]


def uncertainty_of(predicted_iou: float, stability: float, agreement: float) -> float:
    """How unsure a model is of the masks of an image, 0 to 1: one minus the mean of these, each 0 to 1."""
    return 1.0 - float(np.clip([predicted_iou, stability, agreement], 0, 1).mean())


def rank(
    uncertainties: NDArray[np.float64],
    vectors: NDArray[np.float32],
    annotated: NDArray[np.float32],
    by: RankBy = "both",
    spread: int = SPREAD,
) -> Ranking:
    """Order images by what they would teach; of equals, those that come first stay first.

    Args:
        uncertainties: (N,), 0 to 1.
        vectors: (N, D), pooled embeddings of these images.
        annotated: (M, D), those of images that are annotated.
        by: what counts; ``both`` is the product.
        spread: so many are chosen one after the other, which costs N · D each.
    """
    count = len(uncertainties)
    directions = _directions(np.concatenate([vectors, annotated]).astype(np.float32))
    own, known = directions[:count], directions[count:]
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
    return Ranking(np.asarray(order, np.int64), distances)


def _worth(uncertainties: NDArray[np.float64], distances: NDArray[np.float64], by: RankBy) -> NDArray[np.float64]:
    match by:
        case "uncertainty":
            return uncertainties
        case "diversity":
            return distances
        case "both":
            return uncertainties * distances


def _directions(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Without what all have in common, each of length 1."""
    centred = vectors - vectors.mean(0) if len(vectors) else vectors
    return np.asarray(centred / (np.linalg.norm(centred, axis=1, keepdims=True) + TINY), np.float32)


def _distance(cosines: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.clip((1.0 - cosines.astype(np.float64)) / 2, 0, 1)
