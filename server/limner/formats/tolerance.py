"""What a tolerance of polygons costs, measured on masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from limner.formats.coco.polygons import polygons_of
from limner.vocabulary import rle
from limner.vocabulary.rle import Rle
from limner.vocabulary.suggested import mask_iou


@dataclass(frozen=True)
class ToleranceCost:
    """Masks beside what their polygons give back, filled as pycocotools does.

    Attributes:
        masks: how many were measured.
        mean_iou: of a mask and what comes back of it, 0 to 1; 1 when there are none.
        worst_iou: the lowest one.
        corners: of all their polygons.
        exact_corners: of polygons along the edges of pixels, which give back every mask as it was.
    """

    masks: int
    mean_iou: float
    worst_iou: float
    corners: int
    exact_corners: int


def tolerance_cost(masks: Sequence[Rle], tolerance: float) -> ToleranceCost:
    """Measure a tolerance, in pixels, on masks that are not empty."""
    ious, corners, exact_corners = [], 0, 0
    for mask in masks:
        pixels = rle.decode(mask)
        height, width = mask["size"]
        polygons = polygons_of(pixels, tolerance)
        ious.append(mask_iou(mask, rle.from_polygons(polygons, (height, width))))
        corners += sum(map(len, polygons)) // 2
        exact_corners += sum(map(len, polygons_of(pixels))) // 2
    mean = sum(ious) / len(ious) if ious else 1.0
    return ToleranceCost(len(masks), mean, min(ious, default=1.0), corners, exact_corners)
