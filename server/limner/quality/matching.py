"""Which masks of one set stand for which of another, and what follows from that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from limner.quality.masks import boundary_iou, iou_matrix
from limner.vocabulary.rle import Rle

LEAST_IOU = 0.5  # of a pair: with less, two masks are of different things (as COCO's AP50 and panoptic quality have it)


@dataclass(frozen=True)
class Labelled:
    """A mask and the number of its category; None: it has none."""

    mask: Rle
    category: int | None


@dataclass(frozen=True)
class Pair:
    """Two masks of the same thing: their places in the two sets, and their IoU, ≥ ``LEAST_IOU``."""

    reference: int
    given: int
    iou: float


@dataclass(frozen=True)
class Score:
    """How given masks of an image compare with those of a reference.

    Attributes:
        mask_iou: of each pair, 0 to 1.
        boundary_iou: of each pair, 0 to 1, in the same order.
        categories: of each pair, that of the reference and the given one; None: without one.
        missed: masks of the reference for which none was given.
        extra: given masks for which the reference has none.
    """

    mask_iou: Sequence[float]
    boundary_iou: Sequence[float]
    categories: Sequence[tuple[int | None, int | None]]
    missed: int
    extra: int


def match(reference: Sequence[Rle], given: Sequence[Rle], least: float = LEAST_IOU) -> list[Pair]:
    """Pairs of masks, each in one pair at most, so that the sum of their IoU is the greatest possible.

    The assignment is that of the Hungarian method (Kuhn 1955; ``scipy.optimize.linear_sum_assignment``). Pairs below
    ``least`` are none, and take no part in the sum.

    Args:
        reference: masks of an image.
        given: masks of the same image.
        least: the least IoU of a pair, above 0.
    """
    from scipy.optimize import linear_sum_assignment

    matrix = iou_matrix(reference, given)
    matrix = np.where(matrix >= least, matrix, 0.0)
    rows, columns = linear_sum_assignment(matrix, maximize=True)
    pairs = zip(rows.tolist(), columns.tolist(), matrix[rows, columns].tolist(), strict=True)
    return [Pair(row, column, iou) for row, column, iou in pairs if iou >= least]


def score(reference: Sequence[Labelled], given: Sequence[Labelled]) -> Score:
    """Compare the masks that somebody gave with a reference, whatever their categories."""
    pairs = match([each.mask for each in reference], [each.mask for each in given])
    matched = [(reference[pair.reference], given[pair.given]) for pair in pairs]
    return Score(
        mask_iou=[pair.iou for pair in pairs],
        boundary_iou=[boundary_iou(one.mask, other.mask) for one, other in matched],
        categories=[(one.category, other.category) for one, other in matched],
        missed=len(reference) - len(pairs),
        extra=len(given) - len(pairs),
    )
