"""How well edges agree with the outlines of masks that people drew: precision and recall within a distance.

As in the BSDS benchmark (Martin, Fowlkes and Malik 2004), but pixels are matched by their distance alone, not one to
one, so that figures are a little higher than that benchmark's. Masks rarely cover everything in a photo: precision
is a lower bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

TOLERANCE = 0.0075  # of the image's diagonal, as in BSDS
THRESHOLDS = np.linspace(0.02, 0.98, 49)


@dataclass(frozen=True)
class EdgeScores:
    """Over all images together.

    Attributes:
        ods: the best F measure of one threshold for all images.
        ois: the F measure when each image has its own best threshold.
        recall, precision, threshold: at ``ods``.
        recall_at_half: the highest recall at a precision of at least 0.5; 0 when there is none.
    """

    ods: float
    ois: float
    recall: float
    precision: float
    threshold: float
    recall_at_half: float


def outlines(masks: Sequence[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Pixels (H, W) of masks (H, W) that touch what is not the mask; the image's rim does not count."""
    kernel = np.ones((3, 3), np.uint8)
    lines = np.zeros(masks[0].shape, np.bool_)
    for mask in masks:
        inner = cv2.erode(mask.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=1)
        lines |= mask & (inner == 0)
    return lines


def edge_scores(pairs: Iterable[tuple[NDArray[np.float32], NDArray[np.bool_]]]) -> EdgeScores:
    """Scores of edges (H, W) in [0, 1], each with the true outlines (H, W) of its image.

    Raises:
        ValueError: when there are no pairs.
    """
    counts = np.asarray([_counts(edges, truth) for edges, truth in pairs], np.float64)  # (images, thresholds, 4)
    if not len(counts):
        raise ValueError("there is nothing to compare")
    precision, recall = _rates(counts.sum(axis=0))
    f = _f_measure(precision, recall)
    best = int(f.argmax())
    each = np.asarray([_f_measure(*_rates(one)).argmax() for one in counts])
    own = _rates(counts[np.arange(len(counts)), each].sum(axis=0)[None])
    good = recall[precision >= 0.5]
    return EdgeScores(
        ods=float(f[best]),
        ois=float(_f_measure(*own)[0]),
        recall=float(recall[best]),
        precision=float(precision[best]),
        threshold=float(THRESHOLDS[best]),
        recall_at_half=float(good.max()) if len(good) else 0.0,
    )


def _counts(edges: NDArray[np.float32], truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    """For each threshold: edge pixels near the truth, edge pixels, true pixels near an edge, true pixels."""
    reach = TOLERANCE * float(np.hypot(*truth.shape))
    to_truth = _distance(truth)
    rows = []
    for threshold in THRESHOLDS:
        found = edges >= threshold
        near = np.count_nonzero(found & (to_truth <= reach))
        hit = np.count_nonzero(truth & (_distance(found) <= reach))
        rows.append((near, np.count_nonzero(found), hit, np.count_nonzero(truth)))
    return np.asarray(rows, np.float64)


def _distance(lines: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(H, W), pixels to the nearest of some lines; infinite when there are none."""
    if not lines.any():
        return np.full(lines.shape, np.inf, np.float32)
    return np.asarray(cv2.distanceTransform((~lines).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)


def _rates(counts: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Precision and recall (N,) of counts (N, 4); 0 where nothing was found or wanted."""
    near, found, hit, wanted = counts.T
    zero = np.zeros(len(counts))
    precision = np.divide(near, found, out=zero.copy(), where=found > 0)
    return precision, np.divide(hit, wanted, out=zero.copy(), where=wanted > 0)


def _f_measure(precision: NDArray[np.float64], recall: NDArray[np.float64]) -> NDArray[np.float64]:
    total = precision + recall
    return np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)
