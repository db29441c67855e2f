"""Outlines with fewer corners, by Douglas and Peucker: what is left out lies within a tolerance of what stays.

Simplified outlines are no longer those of whole pixels: they may touch or cross each other. Even-odd filling gives a
mask all the same; how near that is to the one that it came from is measured (``tolerance_cost``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Corner = tuple[int, int]  # x, y
Ring = list[Corner]

FEWEST = 3  # corners of a ring that has an area


def simplify(ring: Ring, tolerance: float) -> Ring:
    """A closed line of fewer corners, all of them corners that it had; as it is when it would have no area any more.

    Args:
        ring: corners, in pixels.
        tolerance: px, > 0; corners that are left out are no farther from the new line, or a tenth more at worst.
    """
    import cv2  # not before it is needed, as in polygons

    kept = cv2.approxPolyDP(np.asarray(ring, np.int32)[:, None], tolerance, closed=True)[:, 0]  # (N, 2)
    if len(kept) < FEWEST or cv2.contourArea(kept) == 0:
        return ring
    return [(int(x), int(y)) for x, y in kept]


def join_nearest(outline: Ring, holes: Sequence[Ring]) -> Ring:
    """One line around an outline and its holes: cuts go from their leftmost corners to the nearest one."""
    joined = list(outline)
    for hole in sorted(holes, key=min):
        start = hole.index(min(hole))
        foot = int(((np.asarray(joined) - hole[start]) ** 2).sum(axis=1).argmin())
        joined[foot + 1 : foot + 1] = [*hole[start:], *hole[: start + 1], joined[foot]]
    return joined
