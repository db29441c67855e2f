"""Masks drawn on their image, for people to look at."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.vocabulary import rle
from limner.vocabulary.rle import Rle

OPACITY = 0.45  # of a mask's colour
GOLDEN_RATIO = 0.618034  # steps of the hue: neighbours in the list never look alike


def draw_masks(image: NDArray[np.uint8], masks: Sequence[Rle]) -> NDArray[np.uint8]:
    """The image (H, W, 3) with every mask in a colour of its own and outlined, small masks over large ones."""
    canvas = image.copy()
    for number, mask in enumerate(sorted(masks, key=rle.area, reverse=True)):
        x, y, width, height = rle.bbox(mask)
        if not width:
            continue
        color = np.asarray(_color(number), np.float32)
        patch = canvas[y : y + height, x : x + width]
        inside = rle.decode(mask)[y : y + height, x : x + width]
        patch[inside] = (patch[inside] * (1 - OPACITY) + color * OPACITY).astype(np.uint8)
        outlines, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE, offset=(x, y))
        cv2.drawContours(canvas, outlines, -1, tuple(int(value) for value in color), 1)
    return canvas


def _color(number: int) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(number * GOLDEN_RATIO % 1, 0.85, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)
