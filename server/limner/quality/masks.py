"""How much two masks have in common: by area, and along their boundaries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from limner.vocabulary import rle
from limner.vocabulary.rle import Rle

DILATION_RATIO = 0.02  # of the image's diagonal: how wide the band along a boundary is (Cheng et al. 2021)


@dataclass(frozen=True)
class Patch:
    """Pixels of a mask in the rectangle (left, top, width, height) of its image; outside there are none."""

    left: int
    top: int
    pixels: NDArray[np.bool_]  # (height, width)


def iou_matrix(ones: Sequence[Rle], others: Sequence[Rle]) -> NDArray[np.float64]:
    """Intersection over union of each of N masks with each of M, 0 to 1 (N, M); two empty masks have 0.

    All are of one image. Computed by pycocotools on the run lengths, without decoding.
    """
    if not ones or not others:
        return np.zeros((len(ones), len(others)))
    from pycocotools import mask as coco_mask

    found: NDArray[np.float64] = coco_mask.iou(_as_bytes(ones), _as_bytes(others), [0] * len(others))
    return np.nan_to_num(found.reshape(len(ones), len(others)))


def boundary_iou(one: Rle, other: Rle, ratio: float = DILATION_RATIO) -> float:
    """IoU of the bands along the boundaries of two masks of one image, 0 to 1; 0 when both are empty.

    A band is those pixels of a mask that are no farther than d from its boundary, by the greater of the distances in x
    and y, with d = ``ratio`` of the image's diagonal in whole pixels, at least 1. The image's edge is a boundary.
    As Boundary IoU of Cheng, Girshick, Dollár, Berg and Kirillov, *Boundary IoU: Improving Object-Centric Image
    Segmentation Evaluation*, CVPR 2021, and its ``mask_to_boundary``, whose d erosions by 3 × 3 pixels give that band.

    Args:
        one: a mask.
        other: a mask of the same size.
        ratio: width of the band, as a share of the image's diagonal.
    """
    height, width = one["size"]
    distance = max(1, round(ratio * float(np.hypot(height, width))))
    first, second = boundary(one, distance), boundary(other, distance)
    both = _common_pixels(first, second)
    either = int(first.pixels.sum()) + int(second.pixels.sum()) - both
    return both / either if either else 0.0


def boundary(mask: Rle, distance: int) -> Patch:
    """The pixels of a mask that are no farther than so many pixels from its boundary, in x and in y."""
    from scipy.ndimage import distance_transform_cdt

    patch = patch_of(mask)
    if not patch.pixels.size:
        return patch
    inside = distance_transform_cdt(np.pad(patch.pixels, 1), metric="chessboard")[1:-1, 1:-1]
    return Patch(patch.left, patch.top, patch.pixels & (inside <= distance))


def patch_of(mask: Rle) -> Patch:
    """The pixels of a mask in its bounding box; nothing else of its image is decoded."""
    height = mask["size"][0]
    runs = rle.counts_of(mask)
    left, top, width, tall = rle.bbox_of(runs, height)
    ends = np.cumsum(runs)
    first, last = left * height, (left + width) * height  # of the columns that it touches, which lie one by one
    lengths = np.clip(ends, first, last) - np.clip(ends - runs, first, last)
    columns = np.repeat(np.arange(len(runs)) % 2 == 1, lengths).reshape(width, height)
    return Patch(left, top, columns.T[top : top + tall])


def _common_pixels(one: Patch, other: Patch) -> int:
    left, top = max(one.left, other.left), max(one.top, other.top)
    right = min(one.left + one.pixels.shape[1], other.left + other.pixels.shape[1])
    bottom = min(one.top + one.pixels.shape[0], other.top + other.pixels.shape[0])
    if right <= left or bottom <= top:
        return 0
    first, second = (
        each.pixels[top - each.top : bottom - each.top, left - each.left : right - each.left] for each in (one, other)
    )
    return int((first & second).sum())


def _as_bytes(masks: Sequence[Rle]) -> list[dict[str, object]]:
    return [{"size": mask["size"], "counts": mask["counts"].encode("ascii")} for mask in masks]
