"""Masks as polygons along the edges of their pixels.

The corners are whole numbers: pixel (x, y) covers [x, x+1) × [y, y+1). Rasterised as pycocotools does, the polygons
give back exactly the pixels that they came from. Each 4-connected part of the mask becomes one polygon. COCO polygons
know no holes, so a hole is joined to the outline left of it by a cut of no width, there and back: a single closed line
that even-odd filling (pycocotools, OpenCV, browsers) turns into the outline without the hole.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from limner.formats.coco.simplifying import Corner, Ring, join_nearest, simplify


@dataclass(frozen=True)
class _Traced:
    """One closed line of a mask's border, and the 4-connected part of the mask that it borders."""

    ring: Ring
    part: int


def polygons_of(mask: NDArray[np.bool_], tolerance: float = 0.0) -> list[list[int]]:
    """Mask (H, W) -> COCO polygons [x0, y0, x1, y1, …], from top to bottom; none for an empty mask.

    Args:
        mask: pixels.
        tolerance: px that they may be away from the pixels' edges for the sake of fewer corners; 0: exact.
    """
    import cv2  # 16 MB that a web process need not hold before somebody wants polygons

    left, top, patch = _crop(mask)
    if not patch.size:
        return []
    _, labels = cv2.connectedComponents(patch.astype(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    parts = np.asarray(labels, np.int32)
    by_part: dict[int, list[Ring]] = defaultdict(list)
    for traced in _trace(patch, parts):
        by_part[traced.part].append(traced.ring)
    lines = [_join(rings, tolerance) for _, rings in sorted(by_part.items())]
    return [[value for x, y in line for value in (x + left, y + top)] for line in lines]


def _crop(mask: NDArray[np.bool_]) -> tuple[int, int, NDArray[np.bool_]]:
    """The smallest rectangle that holds the mask: its left and top, and its pixels."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return 0, 0, np.zeros((0, 0), np.bool_)
    return int(columns[0]), int(rows[0]), mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _trace(mask: NDArray[np.bool_], parts: NDArray[np.int32]) -> list[_Traced]:
    """All lines between mask and background, with the mask on the right-hand side (y points down).

    Outlines therefore run clockwise as seen on the screen, holes the other way. Straight stretches are found by numpy;
    the loop below goes from corner to corner only.
    """
    across = _stretches(mask)  # horizontal
    down = _stretches(mask.T)  # vertical, with x and y exchanged
    # Rightwards with the mask below, leftwards with the mask above; downwards with the mask to the left, and so on.
    horizontal: dict[Corner, list[Corner]] = defaultdict(list)
    part_at: dict[tuple[Corner, Corner], int] = {}
    for y, x0, x1, mask_after in across:
        start, end = ((x0, y), (x1, y)) if mask_after else ((x1, y), (x0, y))
        horizontal[start].append(end)
        part_at[start, end] = int(parts[y if mask_after else y - 1, x0])
    vertical: dict[Corner, list[Corner]] = defaultdict(list)
    for x, y0, y1, mask_after in down:
        start, end = ((x, y1), (x, y0)) if mask_after else ((x, y0), (x, y1))
        vertical[start].append(end)
    traced = []
    for (first, second), part in part_at.items():
        if second not in horizontal[first]:
            continue  # in a ring already
        ring: Ring = [first, second]
        while True:
            corner = _take_right(ring[-2], ring[-1], vertical)
            onwards = _take_right(ring[-1], corner, horizontal)
            if (corner, onwards) == (first, second):
                break
            ring += [corner, onwards]
        traced.append(_Traced(ring, part))
    return traced


def _stretches(mask: NDArray[np.bool_]) -> list[tuple[int, int, int, bool]]:
    """Longest straight borders between rows: (row below the border, first column, end column, mask is below)."""
    height, width = mask.shape
    padded = np.zeros((height + 2, width + 2), np.int8)
    padded[1:-1, 1:-1] = mask
    step = padded[1:] - padded[:-1]  # (H+1, W+2): 1 where the mask begins below, -1 where it ends
    change = step[:, 1:] != step[:, :-1]  # (H+1, W+1)
    rows, columns = np.nonzero(change)
    values = step[rows, columns + 1]  # what begins at this column
    begins = np.flatnonzero(values)
    return list(
        zip(
            rows[begins].tolist(),
            columns[begins].tolist(),
            columns[begins + 1].tolist(),
            (values[begins] > 0).tolist(),
            strict=True,
        )
    )


def _take_right(before: Corner, corner: Corner, stretches: dict[Corner, list[Corner]]) -> Corner:
    """Use up the stretch that goes on at a corner; where pixels touch with a corner only, keep them apart."""
    ends = stretches[corner]
    if len(ends) == 1:
        return ends.pop()
    x, y = corner
    for index, (end_x, end_y) in enumerate(ends):
        if (x - before[0]) * (end_y - y) - (y - before[1]) * (end_x - x) > 0:  # clockwise, as y points down
            return ends.pop(index)
    raise AssertionError("a line always goes on")


def _join(rings: list[Ring], tolerance: float) -> Ring:
    """The outline of a part with its holes cut into it, one line in all."""
    outline = max(range(len(rings)), key=lambda index: _doubled_area(rings[index])) if len(rings) > 1 else 0
    if tolerance > 0:
        simpler = [simplify(ring, tolerance) for ring in rings]
        return join_nearest(simpler.pop(outline), simpler)
    if len(rings) == 1:
        return rings[0]
    cuts = _cuts(rings, outline)
    joined: Ring = []
    steps: list[Corner | int] = [outline]  # to do, last first: a corner to add, or a ring to go around
    while steps:
        step = steps.pop()
        if isinstance(step, tuple):
            joined.append(step)
            continue
        ring = rings[step]
        start = 0 if step == outline else ring.index(min(ring))
        around: list[Corner | int] = []
        for index in (*range(start, len(ring)), *range(start)):
            around.append(ring[index])
            for foot, hole in cuts.get((step, index), ()):
                around += [foot, hole, foot]
        if step != outline:
            around.append(ring[start])
        steps += reversed(around)
    return joined


def _cuts(rings: list[Ring], outline: int) -> dict[tuple[int, int], list[tuple[Corner, int]]]:
    """Where the holes are joined: each, from its leftmost corner, to the nearest vertical edge left of it.

    Returns:
        For (ring, index of the corner where the edge starts), in the order along the edge: the point, and the hole.
    """
    starts = np.asarray([corner for ring in rings for corner in ring])
    ends = np.asarray([corner for ring in rings for corner in (*ring[1:], ring[0])])
    owners = np.repeat(np.arange(len(rings)), [len(ring) for ring in rings])
    indices = np.concatenate([np.arange(len(ring)) for ring in rings])
    upright = np.flatnonzero(starts[:, 0] == ends[:, 0])
    xs = starts[upright, 0]
    low, high = np.minimum(starts, ends)[upright, 1], np.maximum(starts, ends)[upright, 1]
    cuts: dict[tuple[int, int], list[tuple[Corner, int]]] = defaultdict(list)
    for hole, ring in enumerate(rings):
        if hole == outline:
            continue
        x, y = min(ring)
        candidates = np.flatnonzero((xs < x) & (low <= y) & (y <= high))
        edge = int(upright[candidates[np.argmax(xs[candidates])]])
        cuts[int(owners[edge]), int(indices[edge])].append(((int(starts[edge, 0]), y), hole))
    for (owner, index), joints in cuts.items():
        ring = rings[owner]
        downwards = ring[(index + 1) % len(ring)][1] > ring[index][1]
        joints.sort(key=lambda joint: joint[0][1], reverse=not downwards)
    return cuts


def _doubled_area(ring: Ring) -> int:
    """Twice the signed area; positive for lines that run clockwise on the screen."""
    corners = np.asarray(ring, np.int64)
    following = np.roll(corners, -1, axis=0)
    return int((corners[:, 0] * following[:, 1] - following[:, 0] * corners[:, 1]).sum())
