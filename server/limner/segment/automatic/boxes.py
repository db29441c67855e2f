"""Boxes (N, 4) as x0, y0, x1, y1: overlap, suppression, closeness to a crop's edge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from limner.segment.automatic.grid import Crop

Boxes = NDArray[np.float64]

EDGE_TOLERANCE = 20.0  # px; a mask that ends this close to a crop's inner edge was probably cut by it


def iou_with(box: NDArray[np.float64], boxes: Boxes) -> NDArray[np.float64]:
    """IoU (N,) of one box (4,) with each of ``boxes``."""
    top_left = np.maximum(box[:2], boxes[:, :2])
    bottom_right = np.minimum(box[2:], boxes[:, 2:])
    overlap = np.clip(bottom_right - top_left, 0, None).prod(axis=1)
    union = (box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) - overlap
    return np.asarray(np.divide(overlap, union, out=np.zeros(len(boxes)), where=union > 0))


def suppress(boxes: Boxes, scores: NDArray[np.float64], threshold: float) -> NDArray[np.intp]:
    """Greedy non-maximum suppression: indices to keep, best score first.

    A box is dropped when its IoU with a better one that was kept is above ``threshold``.
    """
    order = np.argsort(-scores, kind="stable")
    alive = np.ones(len(order), np.bool_)
    keep = []
    for place, index in enumerate(order):
        if not alive[place]:
            continue
        keep.append(index)
        rest = order[place + 1 :]
        alive[place + 1 :] &= iou_with(boxes[index], boxes[rest]) <= threshold
    return np.asarray(keep, np.intp)


def cut_by_crop(boxes: Boxes, crop: Crop, height: int, width: int) -> NDArray[np.bool_]:
    """(N,) True where a box in image pixels ends at the crop's edge although the image goes on there."""
    near_crop = np.abs(boxes - np.asarray(crop.box)) <= EDGE_TOLERANCE
    near_image = np.abs(boxes - np.asarray((0, 0, width, height))) <= EDGE_TOLERANCE
    return np.asarray((near_crop & ~near_image).any(axis=1))
