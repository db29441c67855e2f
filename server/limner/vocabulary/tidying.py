"""Masks of clicks without specks: parts that nobody clicked are dropped, small holes are closed.

It is done on the decoder's grid of logits, before they are interpolated: the edge of what stays lies where it lay, at
the logits' sub-pixel, and what is painted at any zoom is what is saved. Cells hang together across corners, both those
of the mask and those of the background. So all cells of the mask among the four around a pixel are of one part, and all
others of one piece of background: what is dropped or closed changes no pixel of anything else.

``web/src/core/tidy.ts`` says the same in TypeScript; ``tests/golden/tidy.json`` holds both to it.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.vocabulary.geometry import ImageGeometry, upsample_logits
from limner.vocabulary.prompts import BACKGROUND, FOREGROUND, Prompts

HOLE_SHARE = 0.01  # of the mask with its holes: holes up to it are closed
PART_SHARE = 0.1  # of the largest part: what a box asked for may lie in parts down to it
TIDIED_LOGIT = 1.0  # of cells in a closed hole; its negative where a part was dropped

Logits = NDArray[np.float32]  # (G, G)
Cell = tuple[int, int]  # row, column


def tidy_logits(
    low_res: Logits, geometry: ImageGeometry, prompts: Prompts, mask_prompt: Logits | None = None
) -> Logits:
    """Logits (G, G) over the model's input -> logits whose mask is tidied.

    A hole is closed when it has at most :data:`HOLE_SHARE` of the mask's area and no background point is in it. Of the
    parts those stay that have a foreground point, or some of the mask prompt; with a box also the largest and those of
    at least :data:`PART_SHARE` of it. Where none would stay, the largest does. When the image would show nothing of
    what is left, the logits stay as they are.

    Args:
        low_res: what the decoder answered.
        geometry: of the image, or of the region that was encoded.
        prompts: in pixels of the same.
        mask_prompt: logits (G, G) of the mask that a person gave, if any; not the model's own of an earlier answer.
    """
    size = low_res.shape[-1]
    if mask_prompt is not None:
        mask_prompt = mask_prompt.reshape(size, size)
    valid = geometry.valid_cells(size)
    rows, columns = (
        _taps(length - 1, length, cells, size)[1] + 1
        for length, cells in zip((geometry.height, geometry.width), valid, strict=True)
    )
    tidied = low_res.copy()
    seen = tidied[:rows, :columns]  # the rest is padding, which no pixel reads
    _close_holes(seen, _cells_at(prompts, BACKGROUND, tidied, geometry))
    clicked = _cells_at(prompts, FOREGROUND, tidied, geometry)
    _drop_parts(
        seen, clicked, None if mask_prompt is None else mask_prompt[:rows, :columns], boxed=prompts.box is not None
    )
    return tidied if (upsample_logits(tidied, geometry) > 0).any() else low_res


def _close_holes(logits: Logits, kept_open: list[Cell]) -> None:
    """Those that are small enough and hold none of the cells, in place."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats((logits <= 0).astype(np.uint8), connectivity=8)
    border = np.concatenate([pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]])
    is_hole = np.full(count, True)
    is_hole[0] = False  # the mask
    outside = np.unique(border[border > 0])
    is_hole[outside] = False
    areas = stats[:, cv2.CC_STAT_AREA]
    mask_area = logits.size - int(areas[outside].sum())
    closes = is_hole & (areas <= HOLE_SHARE * mask_area)
    closes[[pieces[cell] for cell in kept_open]] = False
    logits[closes[pieces]] = TIDIED_LOGIT


def _drop_parts(logits: Logits, clicked: list[Cell], mask_prompt: Logits | None, *, boxed: bool) -> None:
    """Those that nothing asked for, in place."""
    count, parts, stats, _ = cv2.connectedComponentsWithStats((logits > 0).astype(np.uint8), connectivity=8)
    if count == 1:
        return
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0  # the background
    keeps = np.full(count, False)
    keeps[[parts[cell] for cell in clicked]] = True
    if mask_prompt is not None:
        keeps[parts[mask_prompt > 0]] = True
    if boxed:
        keeps |= areas >= PART_SHARE * areas.max()
    keeps[0] = False
    if not keeps.any():
        largest = areas == areas.max()
        keeps[parts.ravel()[largest[parts].argmax()]] = True  # of several, the first in reading order
    keeps[0] = True
    logits[~keeps[parts]] = -TIDIED_LOGIT


def _cells_at(prompts: Prompts, label: int, logits: Logits, geometry: ImageGeometry) -> list[Cell]:
    """For each point with the label whose pixel is in what it asks for: a cell around it that is too.

    A foreground point asks for the mask, a background point for the background. Whichever of such cells is taken, all
    are of one part.
    """
    size = logits.shape[-1]
    high, wide = geometry.valid_cells(size)
    found = []
    for (x, y), each in zip(prompts.points, prompts.labels, strict=True):
        if each != label:
            continue
        top, bottom, down = _taps(_pixel(y, geometry.height), geometry.height, high, size)
        left, right, across = _taps(_pixel(x, geometry.width), geometry.width, wide, size)
        near, far = (
            float(logits[top, column]) * (1 - down) + float(logits[bottom, column]) * down for column in (left, right)
        )
        is_in = near * (1 - across) + far * across > 0
        if is_in != (label == FOREGROUND):
            continue
        cells = [(row, column) for row in (top, bottom) for column in (left, right)]
        found.append(next(cell for cell in cells if (logits[cell] > 0) == is_in))
    return found


def _pixel(at: float, length: int) -> int:
    return min(max(math.floor(at), 0), length - 1)


def _taps(pixel: int, length: int, cells: float, size: int) -> tuple[int, int, float]:
    """The two cells that a pixel is interpolated from along one axis, and the weight of the second."""
    position = min(max((pixel + 0.5) * (cells / length) - 0.5, 0), size - 1)
    low = math.floor(position)
    return low, min(low + 1, size - 1), position - low
