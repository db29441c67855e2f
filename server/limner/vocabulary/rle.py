"""COCO run-length encoding: the form in which Limner stores every mask.

A mask (H, W) is read column by column; ``counts`` are the lengths of alternating runs of background and mask, starting
with background. The compressed form writes each count (from the fourth on as the difference to the count two before) in
groups of five bits, least significant first, a sixth bit saying "more follows", shifted into printable ASCII by 48: the
format of ``pycocotools``. Tests hold this module to pycocotools bit by bit; it is our own because pycocotools accepts
runs that do not add up to H·W, and because a training machine may lack it. ``web/src/core/rle.ts`` says the same in
TypeScript.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limner.errors import InvalidRle
from limner.vocabulary.counted import counted
from limner.vocabulary.names import shown
from limner.vocabulary.polygons import MAX_COORDINATE, is_short, union_runs

FIRST_CHARACTER = 48
CONTINUES, SIGN, PAYLOAD = 0x20, 0x10, 0x1F
MAX_CHARACTERS = 2_000_000  # of the counts of one mask; checking takes 65 bytes of memory a run
MAX_GROUPS = 7  # 35 bits: more than any count of an image that fits into memory

Counts = NDArray[np.int64]


class Rle(TypedDict):
    """A compressed RLE as it stands in COCO files: ``size`` is [height, width]."""

    size: list[int]
    counts: str


def encode(mask: NDArray[np.bool_]) -> Rle:
    """Mask (H, W) bool -> RLE."""
    height, width = mask.shape
    flat = np.asarray(mask, np.bool_).ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    counts = np.diff(np.concatenate([[0], changes, [flat.size]]))
    if flat.size and flat[0]:
        counts = np.concatenate([[0], counts])
    return Rle(size=[height, width], counts=_compress(counts.astype(np.int64)))


def decode(rle: Rle) -> NDArray[np.bool_]:
    """RLE -> mask (H, W) bool. Expects an RLE that :func:`validate` has passed."""
    height, width = rle["size"]
    counts = counts_of(rle)
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(width, height).T


def decode_part(rle: Rle, left: int, top: int, width: int, height: int) -> NDArray[np.bool_]:
    """As :func:`decode`, a rectangle of the mask: (height, width) bool. Takes memory for its columns only."""
    full = rle["size"][0]
    counts = counts_of(rle)
    ends = np.clip(np.cumsum(counts) - left * full, 0, width * full)
    values = np.arange(len(counts)) % 2 == 1
    columns = np.repeat(values, np.diff(ends, prepend=0)).reshape(width, full)
    return columns[:, top : top + height].T


def sample(rle: Rle, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.bool_]:
    """The mask at these rows of pixels and columns: (len(rows), len(columns)) bool. Never unpacked as a whole."""
    ends = np.cumsum(counts_of(rle))
    places = columns[None, :] * rle["size"][0] + rows[:, None]  # (rows, columns), of the pixels in their order
    run = np.searchsorted(ends, places.ravel(), side="right")
    inside: NDArray[np.bool_] = run % 2 == 1
    return inside.reshape(places.shape)


def counts_of(rle: Rle) -> Counts:
    """The run lengths of an RLE, starting with background."""
    return _decompress(rle["counts"])[0]


def area(rle: Rle) -> int:
    """Number of mask pixels."""
    return area_of(counts_of(rle))


def bbox(rle: Rle) -> list[int]:
    """[x, y, width, height] of the mask in pixels; [0, 0, 0, 0] when it is empty."""
    return bbox_of(counts_of(rle), rle["size"][0])


def area_of(counts: Counts) -> int:
    """As :func:`area`, of run lengths."""
    return int(counts[1::2].sum())


def bbox_of(counts: Counts, height: int) -> list[int]:
    """As :func:`bbox`, of run lengths in an image of this height."""
    ends = np.cumsum(counts)[1::2]
    starts = ends - counts[1::2]
    keep = ends > starts
    starts, ends = starts[keep], ends[keep] - 1  # first and last pixel of every run, column-major
    if not len(starts):
        return [0, 0, 0, 0]
    left, right = int(starts[0] // height), int(ends[-1] // height)
    if np.any(starts // height != ends // height):  # a run that wraps into the next column touches top and bottom
        top, bottom = 0, height - 1
    else:
        top, bottom = int((starts % height).min()), int((ends % height).max())
    return [left, top, right - left + 1, bottom - top + 1]


def from_counts(counts: ArrayLike, size: Sequence[int]) -> Rle:
    """Uncompressed run lengths -> RLE; runs of length zero inside are merged away.

    Raises:
        InvalidRle: when the runs are not whole numbers ≥ 0 that add up to H·W.
    """
    return _of_runs(_canonical(counts, size), size)


def _of_runs(runs: Counts, size: Sequence[int]) -> Rle:
    return Rle(size=[size[0], size[1]], counts=_compress(runs))


def _canonical(counts: ArrayLike, size: Sequence[int]) -> Counts:
    """Run lengths as :func:`encode` would give them; raises as :func:`from_counts`."""
    height, width = _checked_size(size)
    runs = np.asarray(counts)
    if runs.ndim != 1 or runs.dtype.kind not in "iu" or (runs.size and int(runs.min()) < 0):
        raise InvalidRle("RLE counts must be a list of whole numbers ≥ 0.", hint="Give run lengths, background first.")
    runs = runs.astype(np.int64)
    total = int(runs.sum())
    if total != height * width:
        raise InvalidRle(
            f"The runs of the RLE add up to {counted(total, 'pixel')}.",
            hint=f"An image of height {height} and width {width} needs {height * width}.",
        )
    if runs.size > 1 and not runs[1:].all():
        values = np.arange(runs.size) % 2
        solid = runs > 0
        values, runs = values[solid], runs[solid]
        first = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]]))
        runs = np.add.reduceat(runs, first)
        if values[0] == 1:
            runs = np.concatenate([[0], runs])
    return runs


def validate(obj: object, size: Sequence[int] | None = None) -> Rle:
    """Check something that claims to be a compressed RLE, before anything is decoded or stored.

    Args:
        obj: usually a dict with ``size`` and ``counts``.
        size: (height, width) that the RLE must have, when known.

    Returns:
        The RLE in canonical form: the text that :func:`encode` would give for the same mask.

    Raises:
        InvalidRle: naming what does not hold.
    """
    return validated(obj, size)[0]


def validated(obj: object, size: Sequence[int] | None = None) -> tuple[Rle, Counts]:
    """As :func:`validate`, with the run lengths of the result."""
    if not isinstance(obj, dict) or "size" not in obj or "counts" not in obj:
        raise InvalidRle("A segmentation must be an RLE object.", hint='Give {"size": [height, width], "counts": "…"}.')
    height, width = _checked_size(obj["size"])
    if size is not None and (height, width) != tuple(size):
        raise InvalidRle(
            f"The RLE is for an image of height {height} and width {width}.",
            hint=f"This image has height {size[0]} and width {size[1]}; size is [height, width].",
        )
    text = obj["counts"]
    if not isinstance(text, str):
        raise InvalidRle("RLE counts must be a string.", hint="Compress uncompressed counts first.")
    if len(text) > MAX_CHARACTERS:
        raise InvalidRle(
            f"RLE counts of {len(text)} characters are more than the {MAX_CHARACTERS} that are kept.",
            hint="A mask with that many runs is noise: smooth it, or split it.",
        )
    if len(text) > 2 * (height * width + 1) + MAX_GROUPS:
        raise InvalidRle(
            f"RLE counts of {len(text)} characters are longer than any mask of this size needs.",
            hint=f"The runs must add up to {counted(height * width, 'pixel')}.",
        )
    given, shortest = _decompress(text)
    runs = _canonical(given, (height, width))
    if shortest and runs.size == given.size:  # no run was merged away: it is what encode would give
        return Rle(size=[height, width], counts=text), runs
    return _of_runs(runs, (height, width)), runs


def from_polygons(polygons: Sequence[Sequence[float]], size: Sequence[int]) -> Rle:
    """The union of COCO polygons [x0, y0, x1, y1, …] rasterised as pycocotools does -> RLE.

    Memory is bounded by the image and the numbers given, wherever the polygons lie.

    Raises:
        InvalidRle: for a polygon with fewer than three points, coordinates that are not finite or beyond
            :data:`limner.vocabulary.polygons.MAX_COORDINATE`, and when they cross the image too often.
    """
    height, width = _checked_size(size)
    shapes = [_corners(polygon, index) for index, polygon in enumerate(polygons)]
    if not shapes:
        return encode(np.zeros((height, width), np.bool_))
    if not is_short(shapes):
        return from_counts(union_runs(shapes, height, width), size)
    from pycocotools import mask as coco_mask

    merged = coco_mask.merge(coco_mask.frPyObjects([shape.ravel().tolist() for shape in shapes], height, width))
    return Rle(size=[height, width], counts=merged["counts"].decode("ascii"))


def _corners(polygon: Sequence[float], index: int) -> NDArray[np.float64]:
    """[x0, y0, …] -> (N, 2)."""
    if len(polygon) < 6 or len(polygon) % 2:
        raise InvalidRle(
            f"Polygon {index} has {counted(len(polygon), 'number')}.",
            hint="Give at least three points as x0, y0, x1, y1, x2, y2.",
        )
    corners = np.asarray(polygon, np.float64).reshape(-1, 2)
    if not (np.abs(corners) < MAX_COORDINATE).all():  # NaN neither
        raise InvalidRle(
            f"Polygon {index} has coordinates that are not finite or far from any image.",
            hint="Give numbers in image pixels.",
        )
    return corners


def _checked_size(size: object) -> tuple[int, int]:
    if (
        not isinstance(size, list | tuple)
        or len(size) != 2
        or not all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in size)
    ):
        raise InvalidRle(
            f"The RLE size {shown(size)} is not usable.", hint="Give [height, width], two whole numbers above 0."
        )
    return size[0], size[1]


def _compress(counts: Counts) -> str:
    """Run lengths -> the printable form."""
    deltas = counts.copy()
    deltas[3:] -= counts[1:-2]
    groups = np.ones(deltas.shape, np.int64)  # how many five-bit groups each number needs, sign included
    for count in range(1, MAX_GROUPS):
        limit = 16 << (5 * (count - 1))
        groups += (deltas < -limit) | (deltas >= limit)
    owner = np.repeat(np.arange(len(deltas)), groups)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(groups) - groups, groups)
    bits = (deltas[owner] >> (5 * place)) & PAYLOAD
    bits |= np.where(place < groups[owner] - 1, CONTINUES, 0)
    return (bits + FIRST_CHARACTER).astype(np.uint8).tobytes().decode("ascii")


def _decompress(text: str) -> tuple[Counts, bool]:
    """The printable form -> run lengths, which may still be nonsense as a whole.

    Returns:
        The run lengths, and whether no number of the text takes more characters than it needs.

    Raises:
        InvalidRle: for characters outside the alphabet, a number that does not end or does not fit.
    """
    try:
        raw = np.frombuffer(text.encode("ascii"), np.uint8).astype(np.int64) - FIRST_CHARACTER
    except UnicodeEncodeError:
        raise InvalidRle(
            "RLE counts contain characters that are not ASCII.",
            hint="Compressed counts use the characters from '0' to 'o'.",
        ) from None
    if not raw.size:
        return np.zeros(0, np.int64), True
    if raw.min() < 0 or raw.max() > (CONTINUES | PAYLOAD):
        bad = text[int(np.flatnonzero((raw < 0) | (raw > (CONTINUES | PAYLOAD)))[0])]
        raise InvalidRle(f"RLE counts contain {bad!r}.", hint="Compressed counts use the characters from '0' to 'o'.")
    last = np.flatnonzero((raw & CONTINUES) == 0)
    if not last.size or last[-1] != raw.size - 1:
        raise InvalidRle("RLE counts break off in the middle of a number.", hint="The text was cut; send it whole.")
    first = np.concatenate([[0], last[:-1] + 1])
    groups = last - first + 1
    if groups.max() > MAX_GROUPS:
        raise InvalidRle(
            "RLE counts contain a number that is too large for any image.", hint="The text was damaged; send it again."
        )
    place = np.arange(raw.size) - np.repeat(first, groups)
    deltas = np.add.reduceat((raw & PAYLOAD) << (5 * place), first)
    negative = (raw[last] & SIGN) != 0
    deltas = np.where(negative, deltas - (np.int64(1) << (5 * groups)), deltas)
    counts = deltas.copy()
    counts[1::2] = np.cumsum(deltas[1::2])
    counts[2::2] = np.cumsum(deltas[2::2])
    # A last group that only repeats the sign of the one before it says nothing.
    ends = last[groups > 1]
    idle = np.where((raw[ends - 1] & SIGN) != 0, PAYLOAD, 0)
    return counts, not bool(((raw[ends] & PAYLOAD) == idle).any())
