"""Masks that overlap -> one map in which every pixel belongs to at most one of them.

The order is the same in every format: crowds first, then from the largest to the smallest mask, equal ones in the order
of the annotations. What is painted later lies on top, so a small thing is not lost under the large one it is part of.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from limner.store.annotations import AnnotationState
from limner.vocabulary import rle


def painting_order(annotations: Sequence[AnnotationState]) -> list[AnnotationState]:
    """Annotations of one image, the lowest first."""
    return sorted(annotations, key=lambda state: (-state.iscrowd, -state.area))


def paint(annotations: Sequence[AnnotationState], height: int, width: int) -> NDArray[np.int32]:
    """A map (H, W) of places in ``annotations``, counted from 1; 0 where there is none. The last one lies on top."""
    canvas = np.zeros((height, width), np.int32)
    for number, state in enumerate(annotations, start=1):
        x, y, w, h = state.bbox
        inside = rle.decode(state.segmentation)[y : y + h, x : x + w]
        canvas[y : y + h, x : x + w][inside] = number
    return canvas
