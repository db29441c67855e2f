"""The masks of an image as one small transparent picture, to lie on its thumbnail.

Masks are read at the pixels in the middle of those of the thumbnail and never unpacked as a whole, so that what this
costs depends on the thumbnail's size and the length of the masks' outlines, not on the image's pixels.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from limner.vocabulary import rle
from limner.vocabulary.rle import Rle

FILL, EDGE = 90, 255  # opacity, of 255
_COLORS = 127  # told apart in one picture: each takes two places of a palette of 256, and nothing one


@dataclass(frozen=True)
class TileMask:
    """A mask, its [x, y, width, height] in pixels and its colour, ``#rrggbb``."""

    mask: Rle
    bbox: tuple[int, int, int, int]
    color: str


def draw_tile(masks: Sequence[TileMask], height: int, width: int, size: tuple[int, int]) -> bytes:
    """A PNG: masks filled and outlined in their colours, small ones over large ones; nothing is lost for being small.

    Args:
        masks: of an image of this height and width in pixels.
        height: of the image.
        width: of the image.
        size: (height, width) of the picture.
    """
    colors = list(dict.fromkeys(mask.color for mask in masks))
    places = {color: index % _COLORS for index, color in enumerate(colors)}
    canvas = np.zeros(size, np.uint8)  # 0: nothing; 2i + 1: fill of the colour i; 2i + 2: its outline
    for each in sorted(masks, key=lambda mask: -mask.bbox[2] * mask.bbox[3]):
        _put(canvas, each, places[each.color], (height / size[0], width / size[1]))
    picture = Image.fromarray(canvas, "P")
    picture.putpalette(b"\0\0\0" + b"".join(bytes.fromhex(color[1:]) * 2 for color in colors[:_COLORS]))
    buffer = io.BytesIO()
    opacity = bytes([0]) + bytes([FILL, EDGE]) * min(len(colors), _COLORS)
    picture.save(buffer, "PNG", transparency=opacity, compress_level=6)
    return buffer.getvalue()


def _put(canvas: NDArray[np.uint8], each: TileMask, place: int, scale: tuple[float, float]) -> None:
    """Paint a mask; ``scale``: image pixels for one of the canvas, down and to the right."""
    x, y, width, height = each.bbox
    if width == 0:
        return
    (top, bottom), (left, right) = (
        _range(y, height, scale[0], canvas.shape[0]),
        _range(x, width, scale[1], canvas.shape[1]),
    )
    rows, columns = np.arange(top, bottom), np.arange(left, right)
    middle_rows = np.clip(((rows + 0.5) * scale[0]).astype(np.int64), y, y + height - 1)
    middle_columns = np.clip(((columns + 0.5) * scale[1]).astype(np.int64), x, x + width - 1)
    inside = rle.sample(each.mask, middle_rows, middle_columns)
    if not inside.any():  # it lies between the pixels that were looked at
        inside[inside.shape[0] // 2, inside.shape[1] // 2] = True
    around = np.pad(inside, 1)
    within = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    part = canvas[top:bottom, left:right]
    part[inside] = 2 * place + 1
    part[inside & ~within] = 2 * place + 2


def _range(start: int, length: int, scale: float, size: int) -> tuple[int, int]:
    """The pixels of the canvas, at least one, that a stretch of the image touches."""
    first = min(int(start / scale), size - 1)
    return first, max(first + 1, min(size, int(np.ceil((start + length) / scale))))
