"""COCO polygons -> runs of mask pixels, in memory bounded by the image whatever the polygons say.

pycocotools walks along every edge in steps of a fifth of a pixel and keeps every step: a polygon far outside the image,
or one that goes to and fro, takes gigabytes or ends the process. What is short is left to it; for the rest the places
where its walk enters another column of pixels are computed instead of walked to, with the same rounding, so that the
result is the same to the pixel (tests hold it to that).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from limner.errors import InvalidRle

MAX_COORDINATE = 1e7  # px; positions are exact up to here
SHORT = 1 << 19  # px that pycocotools may walk for one annotation: about 40 MB
CROSSINGS_AT_ONCE = 1 << 20
SPARE_CROSSINGS = 1 << 20  # beyond twice the pixels of the image

Positions = NDArray[np.int64]  # in the image read column by column


def is_short(polygons: Sequence[NDArray[np.float64]]) -> bool:
    """Whether pycocotools' walk along these polygons, each (N, 2), is a short one."""
    total = 0.0
    for polygon in polygons:
        steps = np.abs(np.diff(polygon, axis=0, append=polygon[:1])).max(axis=1)
        total += float(steps.sum()) + len(polygon)
    return total <= SHORT


def changes_of(polygon: NDArray[np.float64], height: int, width: int) -> Positions:
    """Where one polygon (N, 2) begins and ends in the image, by the even-odd rule: sorted positions, all distinct.

    Raises:
        InvalidRle: when it crosses the image so often that it is no outline of anything in it.
    """
    corners = np.trunc(5 * polygon + 0.5).astype(np.int64)  # in fifths of a pixel, rounded as C does
    starts, ends = corners, np.roll(corners, -1, axis=0)
    first = np.maximum(-(-(np.minimum(starts[:, 0], ends[:, 0]) - 2) // 5), 0)  # columns between 5c+2 and 5c+3
    last = np.minimum((np.maximum(starts[:, 0], ends[:, 0]) - 3) // 5, width - 1)
    counts = np.maximum(last - first + 1, 0)
    total = int(counts.sum())
    if total > 2 * height * width + SPARE_CROSSINGS:
        raise InvalidRle(
            f"A polygon crosses the image {total} times.",
            hint="No outline of something in an image of this size does; give a mask as RLE instead.",
        )
    changes = np.zeros(0, np.int64)
    sums = np.cumsum(counts)
    begin = 0
    while begin < len(counts):
        before = int(sums[begin - 1]) if begin else 0
        end = max(begin + 1, int(np.searchsorted(sums, before + CROSSINGS_AT_ONCE, "right")))
        some = slice(begin, end)
        found = _crossings(starts[some], ends[some], first[some], counts[some], height)
        values, occurrences = np.unique(np.concatenate([changes, found]), return_counts=True)
        changes = values[occurrences % 2 == 1]
        begin = end
    return changes


def union_runs(all_changes: Sequence[Positions], height: int, width: int) -> Positions:
    """The union of shapes, each as sorted positions where it begins and ends -> run lengths, background first."""
    size = height * width
    steps = []
    for changes in all_changes:
        inside = changes[changes < size]
        signs = np.where(np.arange(len(inside)) % 2 == 0, 1, -1)
        steps.append(np.stack([inside, signs], axis=1))
        if len(inside) % 2:
            steps.append(np.asarray([[size, -1]]))
    if not steps:
        return np.asarray([size], np.int64)
    positions, signs = np.concatenate(steps).T
    places, index = np.unique(positions, return_inverse=True)
    depth = np.cumsum(np.bincount(index, weights=signs, minlength=len(places)).astype(np.int64))
    covered = depth > 0
    turns = places[np.flatnonzero(covered != np.concatenate([[False], covered[:-1]]))]
    turns = turns[turns < size]
    return np.diff(np.concatenate([[0], turns, [size]]))


def _crossings(
    starts: NDArray[np.int64], ends: NDArray[np.int64], first: Positions, counts: Positions, height: int
) -> Positions:
    """Positions where edges go from one column of pixels into the next, as rleFrPoly of pycocotools has them."""
    owner = np.repeat(np.arange(len(counts)), counts)
    column = first[owner] + np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    dx, dy = np.abs(ends[:, 0] - starts[:, 0]), np.abs(ends[:, 1] - starts[:, 1])
    flat = dx >= dy
    flip = np.where(flat, starts[:, 0] > ends[:, 0], starts[:, 1] > ends[:, 1])
    low = np.where(flip[:, None], ends, starts)  # where the walk starts: left on flat edges, above on steep ones
    high = np.where(flip[:, None], starts, ends)
    along, across = np.where(flat, dx, dy), np.where(flat, high[:, 1] - low[:, 1], high[:, 0] - low[:, 0])
    slope = across / np.maximum(along, 1)
    border = 5 * column + 2  # the column begins behind this fifth
    xs, ys, s = low[owner, 0], low[owner, 1], slope[owner]
    t = border - xs  # flat: the step before the border
    y_flat = np.minimum(np.trunc(ys + s * t + 0.5), np.trunc(ys + s * (t + 1) + 0.5))
    with np.errstate(divide="ignore", invalid="ignore"):
        steep = np.where(flat[owner] | (s == 0), 1.0, np.ceil((border + 0.5 - xs) / s))
    y_steep = ys + _first_step_behind(steep, xs, s, border) - 1
    v = np.where(flat[owner], y_flat, y_steep)
    y = np.ceil(np.clip((v + 0.5) / 5 - 0.5, 0, height)).astype(np.int64)
    return np.asarray(column * height + y, np.int64)


def _first_step_behind(
    guess: NDArray[np.float64], xs: NDArray[np.int64], s: NDArray[np.float64], border: Positions
) -> NDArray[np.float64]:
    """The first step t ≥ 1 at which the rounded x is beyond the border, near a guess that may be off by one."""

    def behind(t: NDArray[np.float64]) -> NDArray[np.bool_]:
        x = np.trunc(xs + s * t + 0.5)
        return np.where(s > 0, x > border, x <= border)

    t = np.maximum(guess - 2, 1)
    for _ in range(4):
        t = np.where(behind(t), t, t + 1)
    return t
