"""Small holes and islands of a mask."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def remove_small_regions(mask: NDArray[np.bool_], min_area: int) -> tuple[NDArray[np.bool_], bool]:
    """Fill holes, then drop islands of fewer than ``min_area`` pixels (8-connected).

    When every island is small, the largest one stays, so that a mask never becomes empty.

    Returns:
        The mask (H, W) and whether it changed.
    """
    filled = mask | _small_parts(~mask, min_area, keep_largest=False)
    cleaned = filled & ~_small_parts(filled, min_area, keep_largest=True)
    return cleaned, bool((cleaned != mask).any())


def _small_parts(mask: NDArray[np.bool_], min_area: int, *, keep_largest: bool) -> NDArray[np.bool_]:
    """Pixels of the connected parts of ``mask`` smaller than ``min_area``."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA]
    small = areas < min_area
    small[0] = False  # label 0 is everything outside the mask
    if keep_largest and count > 1 and small[1:].all():
        small[1 + int(np.argmax(areas[1:]))] = False
    return np.asarray(small[labels])
