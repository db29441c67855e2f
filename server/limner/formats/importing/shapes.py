"""Shapes of other tools as polygons or masks on an image; all coordinates are pixels, (0, 0) the top-left corner."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limner.errors import InvalidFile
from limner.formats.importing.stream import BOX_WITHOUT_MASK, ReadAnnotation, Reading, Size
from limner.vocabulary import rle
from limner.vocabulary.counted import counted
from limner.vocabulary.names import shown
from limner.vocabulary.polygons import MAX_COORDINATE
from limner.vocabulary.rle import Rle

OFF_CIRCLE = 0.05  # px that a polygon may lie off the ellipse it stands for
MAX_NUMBER = 1e12  # no coordinate, size or angle is larger; what is computed of such numbers stays finite
Polygon = list[float]  # x0, y0, x1, y1, …


def number(value: object, what: str) -> float:
    """A number, also one that is written as text.

    Raises:
        InvalidFile: when it is none, or beyond :data:`MAX_NUMBER`.
    """
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError
        parsed = float(value)
    except (ValueError, OverflowError):
        raise InvalidFile(f"Its {what} is {shown(value)}.", hint="Give a number.") from None
    if not math.isfinite(parsed):
        raise InvalidFile(f"Its {what} is {shown(value)}.", hint="Give a finite number.")
    if abs(parsed) > MAX_NUMBER:
        raise InvalidFile(f"Its {what} is {shown(value)}.", hint=f"Give a number of at most {MAX_NUMBER:g}.")
    return parsed


def pixels(value: object, what: str) -> int:
    """A whole number ≥ 1; raises as :func:`number`."""
    parsed = number(value, what)
    if parsed < 1 or parsed % 1:
        raise InvalidFile(f"Its {what} is {shown(value)}.", hint="Give a whole number of pixels.")
    return int(parsed)


def rectangle(x0: float, y0: float, x1: float, y1: float) -> Polygon:
    """The four corners."""
    return [x0, y0, x1, y0, x1, y1, x0, y1]


def ellipse(x: float, y: float, rx: float, ry: float) -> Polygon:
    """An ellipse around (x, y) as a polygon that is at most :data:`OFF_CIRCLE` away from it."""
    radius = min(max(abs(rx), abs(ry), 1.0), MAX_COORDINATE)
    count = min(720, max(12, math.ceil(math.pi / math.acos(1 - OFF_CIRCLE / radius))))
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    corners = np.stack([x + rx * np.cos(angles), y + ry * np.sin(angles)], axis=1)
    return [float(value) for value in corners.ravel()]


def turned(polygon: Sequence[float], degrees: float, x: float, y: float) -> Polygon:
    """A polygon turned clockwise, as one sees it, around (x, y)."""
    angle = math.radians(degrees)
    corners = np.asarray(polygon, np.float64).reshape(-1, 2) - (x, y)
    rotation = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return [float(value) for value in (corners @ rotation + (x, y)).ravel()]


def of_box(
    reading: Reading,
    name: str,
    category: str | None,
    box: tuple[float, float, float, float],
    size: Size,
    *,
    degrees: float = 0.0,
    attributes: dict[str, Any] | None = None,
) -> ReadAnnotation | None:
    """A box that has no mask: left out, or a rectangular mask with the box as its prompt.

    Args:
        reading: says which.
        name: of the annotation, for messages.
        category: its category.
        box: x0, y0, x1, y1.
        size: of the image.
        degrees: by which it is turned clockwise around its centre.
        attributes: of the annotation.
    """
    x0, x1 = (min(max(value, 0.0), float(size[1])) for value in sorted(box[::2]))
    y0, y1 = (min(max(value, 0.0), float(size[0])) for value in sorted(box[1::2]))
    if reading.boxes == "skip":
        reading.leave_out("box", name, BOX_WITHOUT_MASK)
        return None
    if x1 <= x0 or y1 <= y0:
        reading.leave_out("box", name, "it has no area inside its image")
        return None
    corners = rectangle(x0, y0, x1, y1)
    provenance = None
    if degrees:
        whole = rectangle(*box)
        corners = turned(whole, degrees, (box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    else:
        provenance = {"prompts": {"points": [], "box": [x0, y0, x1, y1], "mask": False}}
    return ReadAnnotation(name, category, [corners], attributes or {}, provenance)


def placed(patch: NDArray[np.bool_], left: int, top: int, size: Size) -> Rle:
    """A mask of part of an image, whose top-left pixel is (left, top), as a mask of the whole of it.

    Raises:
        InvalidFile: when it does not lie inside.
    """
    height, width = patch.shape
    if left < 0 or top < 0 or left + width > size[1] or top + height > size[0]:
        raise InvalidFile(
            f"Its mask of {width} × {height} pixels at ({left}, {top}) does not lie inside its image.",
            hint=f"The image is {counted(size[1], 'pixel')} wide and {size[0]} high.",
        )
    whole = np.zeros(size, np.bool_)
    whole[top : top + height, left : left + width] = patch
    return rle.encode(whole)


def united(parts: Sequence[Any], size: Size) -> Any:
    """Several segmentations of one object as one: polygons stay polygons, with a mask among them all become a mask.

    Raises:
        InvalidRle: when a polygon is not usable.
    """
    if len(parts) == 1:
        return parts[0]
    if all(isinstance(part, list) for part in parts):
        return [polygon for part in parts for polygon in part]
    whole = np.zeros(size, np.bool_)
    for part in parts:
        whole |= rle.decode(rle.from_polygons(part, size) if isinstance(part, list) else part)
    return rle.encode(whole)


def masks_by_value(values: NDArray[Any]) -> Iterator[tuple[int, Rle]]:
    """Every value of a label map (H, W) but 0, in ascending order, and the mask of its pixels.

    The map is cut into runs once, whatever the number of values.
    """
    height, width = values.shape
    flat = np.asarray(values).ravel(order="F")
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1]).astype(np.int64)
    ends = np.concatenate([starts[1:], [flat.size]])
    of_run = flat[starts]
    order = np.argsort(of_run, kind="stable")
    of_run, starts, ends = of_run[order], starts[order], ends[order]
    firsts = np.flatnonzero(np.concatenate([[True], of_run[1:] != of_run[:-1]]))
    for first, last in zip(firsts, np.concatenate([firsts[1:], [len(of_run)]]), strict=True):
        if of_run[first]:
            begin, end = starts[first:last], ends[first:last]
            bounds = np.concatenate([[0], np.stack([begin, end], axis=1).ravel(), [flat.size]])
            yield int(of_run[first]), rle.from_counts(np.diff(bounds), (height, width))
