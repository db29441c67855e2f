"""Masks on their way through the filters of the automatic generator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from limner.segment.automatic.boxes import suppress
from limner.segment.automatic.grid import Crop
from limner.segment.automatic.regions import remove_small_regions
from limner.segment.automatic.resample import Logits, Patch, Upsampler
from limner.vocabulary import rle

MASK_THRESHOLD = 0.0  # logits


@dataclass(frozen=True)
class Candidate:
    """What is known of a mask; coordinates are pixels of the whole image.

    Attributes:
        box: x0, y0, x1, y1 of its first and last pixels, as the reference suppresses by.
        crop: where it was found.
    """

    box: tuple[int, int, int, int]
    predicted_iou: float
    stability_score: float
    point: tuple[float, float]
    crop: Crop


@dataclass(frozen=True)
class Outlined(Candidate):
    """One that has not met its neighbours yet: only its logits are kept, which is less than its pixels."""

    patch: Patch


@dataclass(frozen=True)
class Masked(Candidate):
    """One that was better than its neighbours."""

    mask: rle.Rle


Kind = TypeVar("Kind", bound=Candidate)


def _outline(
    patch: Patch, logits: Logits, crop: Crop, predicted_iou: float, stability: float, point: tuple[float, float]
) -> Outlined | None:
    """The candidate with these logits (rows, columns) on its patch; None when no pixel is above the threshold."""
    inside = logits > MASK_THRESHOLD
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not len(rows):
        return None
    left, top = crop.box[0] + patch.columns.start, crop.box[1] + patch.rows.start
    box = (left + int(columns[0]), top + int(rows[0]), left + int(columns[-1]), top + int(rows[-1]))
    return Outlined(box, predicted_iou, stability, point, crop, patch)


def stable_outline(
    low_res: Logits,
    upsampler: Upsampler,
    crop: Crop,
    predicted_iou: float,
    point: tuple[float, float],
    offset: float,
    least_stability: float,
) -> Outlined | None:
    """The candidate with these logits (G, G), if there is anything of it and it is stable enough.

    Its stability is the IoU of the masks at the thresholds ±``offset``; the stricter one lies inside the looser one.
    """
    patch = upsampler.patch(low_res, MASK_THRESHOLD - offset)
    if patch is None:
        return None
    logits = upsampler.logits(patch)
    inner = np.count_nonzero(logits > MASK_THRESHOLD + offset)
    outer = np.count_nonzero(logits > MASK_THRESHOLD - offset)
    stability = float(inner / outer) if outer else 0.0
    return None if stability < least_stability else _outline(patch, logits, crop, predicted_iou, stability, point)


def masked(candidate: Outlined, upsampler: Upsampler, height: int, width: int) -> Masked:
    """With its mask in the whole image (height, width)."""
    crop, patch = candidate.crop, candidate.patch
    x0, y0, x1, y1 = crop.box
    mask = np.zeros((height, width), np.bool_)
    mask[y0:y1, x0:x1][patch.rows, patch.columns] = upsampler.logits(patch) > MASK_THRESHOLD
    known = candidate.box, candidate.predicted_iou, candidate.stability_score, candidate.point
    return Masked(*known, crop, rle.encode(mask))


def suppressed(candidates: Sequence[Kind], scores: Sequence[float], threshold: float) -> list[Kind]:
    """Without those whose box overlaps a better one's by more than ``threshold``; the best come first."""
    boxes = np.asarray([candidate.box for candidate in candidates], np.float64).reshape(-1, 4)
    return [candidates[index] for index in suppress(boxes, np.asarray(scores, np.float64), threshold)]


def without_small_regions(candidates: Sequence[Masked], min_area: int, threshold: float) -> list[Masked]:
    """Fill small holes, drop small islands; of masks that became alike, those that were clean before stay."""
    cleaned, untouched = [], []
    for candidate in candidates:
        mask, changed = remove_small_regions(rle.decode(candidate.mask), min_area)
        if changed:
            encoded = rle.encode(mask)
            candidate = replace(candidate, mask=encoded, box=_corners(encoded))
        cleaned.append(candidate)
        untouched.append(float(not changed))
    return suppressed(cleaned, untouched, threshold)


def _corners(mask: rle.Rle) -> tuple[int, int, int, int]:
    """First and last column and row: the reference's boxes, one pixel short of COCO's at the far side."""
    x, y, width, height = rle.bbox(mask)
    return x, y, x + max(width - 1, 0), y + max(height - 1, 0)
