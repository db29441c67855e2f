"""COCO polygons -> runs of mask pixels, in memory bounded by the image whatever the polygons say.

pycocotools walks along every edge in steps of a fifth of a pixel and keeps every step: a polygon far outside the image,
or one that goes to and fro, takes gigabytes or ends the process; many polygons it unites one after the other, each time
with all that came before. What is short and few is left to it; for the rest the places
where its walk enters another column of pixels are computed instead of walked to, with the same rounding, so that the
result is the same to the pixel (tests hold it to that).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from limner.errors import InvalidRle

MAX_COORDINATE = 1e7  # px; positions are exact up to here
SHORT = 1 << 19  # px that pycocotools may walk for one annotation: about 40 MB
FEW = 64  # polygons of one annotation that pycocotools may unite
CORNERS_AT_ONCE = 1 << 16
CROSSINGS_AT_ONCE = 1 << 20
SPARE_CROSSINGS = 1 << 20  # beyond twice the pixels of the image

Positions = NDArray[np.int64]  # in the image read column by column


def is_short(polygons: Sequence[NDArray[np.float64]]) -> bool:
    """Whether pycocotools' walk along these polygons, each (N, 2), is a short one, and they are few to be united."""
    if len(polygons) > FEW:
        return False
    total = 0.0
    for polygon in polygons:
        steps = np.abs(np.diff(polygon, axis=0, append=polygon[:1])).max(axis=1)
        total += float(steps.sum()) + len(polygon)
    return total <= SHORT


def union_runs(polygons: Sequence[NDArray[np.float64]], height: int, width: int) -> Positions:
    """The union of polygons, each (N, 2) and filled by the even-odd rule -> run lengths, background first.

    Raises:
        InvalidRle: when they cross the image so often that they are no outlines of anything in it.
    """
    size = height * width
    places, steps = np.zeros(0, np.int64), np.zeros(0, np.int64)
    crossings = 0
    for group in _groups(polygons):
        edges = _edges(group, width)
        crossings += int(edges.counts.sum())
        if crossings > 2 * size + SPARE_CROSSINGS:
            raise InvalidRle(
                f"The polygons cross the image {crossings} times or more.",
                hint="No outlines of something in an image of this size do; give a mask as RLE instead.",
            )
        owners, positions = np.divmod(_changes(edges, height, size + 1), size + 1)
        begins = np.flatnonzero(np.diff(owners, prepend=-1))
        ranks = np.arange(len(owners)) - np.repeat(begins, np.diff(np.append(begins, len(owners))))
        inside = positions < size
        signs = np.where(ranks % 2 == 0, 1, -1)
        places, index = np.unique(np.concatenate([places, positions[inside]]), return_inverse=True)
        weights = np.concatenate([steps, signs[inside]])
        steps = np.bincount(index, weights=weights, minlength=len(places)).astype(np.int64)
    covered = np.cumsum(steps) > 0
    turns = places[np.flatnonzero(covered != np.concatenate([[False], covered[:-1]]))]
    return np.diff(np.concatenate([[0], turns, [size]]))


@dataclass(frozen=True)
class _Edges:
    """Edges of several polygons, in fifths of a pixel; the first column of pixels that each enters, and how many."""

    starts: NDArray[np.int64]  # (N, 2)
    ends: NDArray[np.int64]  # (N, 2)
    owners: NDArray[np.int64]  # (N,): which polygon
    first: NDArray[np.int64]  # (N,)
    counts: NDArray[np.int64]  # (N,)


def _groups(polygons: Sequence[NDArray[np.float64]]) -> Iterator[Sequence[NDArray[np.float64]]]:
    begin = corners = 0
    for index, polygon in enumerate(polygons):
        if index > begin and corners + len(polygon) > CORNERS_AT_ONCE:
            yield polygons[begin:index]
            begin, corners = index, 0
        corners += len(polygon)
    yield polygons[begin:]


def _edges(polygons: Sequence[NDArray[np.float64]], width: int) -> _Edges:
    corners = np.trunc(5 * np.concatenate(polygons) + 0.5).astype(np.int64)  # rounded as C does
    sizes = np.asarray([len(polygon) for polygon in polygons])
    ends_at = np.cumsum(sizes)
    following = np.arange(1, len(corners) + 1)
    following[ends_at - 1] = ends_at - sizes
    starts, ends = corners, corners[following]
    first = np.maximum(-(-(np.minimum(starts[:, 0], ends[:, 0]) - 2) // 5), 0)  # columns between 5c+2 and 5c+3
    last = np.minimum((np.maximum(starts[:, 0], ends[:, 0]) - 3) // 5, width - 1)
    return _Edges(starts, ends, np.repeat(np.arange(len(sizes)), sizes), first, np.maximum(last - first + 1, 0))


def _changes(edges: _Edges, height: int, stride: int) -> Positions:
    """Where each polygon begins and ends in the image, sorted and distinct: ``stride`` times its index further."""
    changes = np.zeros(0, np.int64)
    sums = np.cumsum(edges.counts)
    begin = 0
    while begin < len(edges.counts):
        before = int(sums[begin - 1]) if begin else 0
        end = max(begin + 1, int(np.searchsorted(sums, before + CROSSINGS_AT_ONCE, "right")))
        some = slice(begin, end)
        counts = edges.counts[some]
        found = _crossings(edges.starts[some], edges.ends[some], edges.first[some], counts, height)
        found += stride * np.repeat(edges.owners[some], counts)
        values, occurrences = np.unique(np.concatenate([changes, found]), return_counts=True)
        changes = values[occurrences % 2 == 1]
        begin = end
    return changes


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
