"""Upsampling a mask's logits only where the mask is.

SAM brings logits to the image in two bilinear steps: 256 -> S, crop the padding, S -> image. Bilinear interpolation is
separable, so the two steps together are ``Y @ logits @ Xᵀ`` with one matrix per axis, of which only the rows of the
mask's box are needed. Every row is a convex combination of neighbouring cells: where all cells around are below a
level, the pixels are too, so nothing outside the box of the cells above it can be missed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from limner.geometry import ImageGeometry

Logits = NDArray[np.float32]


@dataclass(frozen=True)
class Region:
    """Logits of one mask inside its box.

    Attributes:
        top: first row, in pixels of the crop.
        left: first column, in pixels of the crop.
        logits: (h, w); all pixels outside are at or below the level that was asked for.
    """

    top: int
    left: int
    logits: Logits


class Upsampler:
    """From low-resolution logits to the pixels of one crop.

    Args:
        geometry: how the crop lies in the model's input.
        low_res_size: side of the grid of logits.
    """

    def __init__(self, geometry: ImageGeometry, low_res_size: int) -> None:
        input_height, input_width = geometry.input_size
        self._rows = _axis(low_res_size, geometry.image_size, input_height, geometry.height)  # (H, G)
        self._columns = _axis(low_res_size, geometry.image_size, input_width, geometry.width)  # (W, G)

    def region(self, low_res: Logits, level: float) -> Region | None:
        """The part of the crop in which logits can exceed ``level``; None when there is none."""
        above = np.asarray(low_res > level)
        rows = _touched(self._rows, np.asarray(above.any(axis=1)))
        columns = _touched(self._columns, np.asarray(above.any(axis=0)))
        if rows is None or columns is None:
            return None
        down, across = self._rows[rows], self._columns[columns]
        from_rows, from_columns = _used(down), _used(across)  # cells that these pixels are made of
        cells = low_res[from_rows, from_columns]
        logits = np.asarray(down[:, from_rows] @ cells @ across[:, from_columns].T, np.float32)
        return Region(rows.start, columns.start, logits)


def _axis(low_res_size: int, image_size: int, input_length: int, length: int) -> Logits:
    """The matrix (length, low_res_size) of both bilinear steps along one axis: torch's answers to unit vectors."""
    units = torch.eye(low_res_size)[None]  # (1, G, G): one channel per cell
    padded = F.interpolate(units, image_size, mode="linear", align_corners=False)
    image = F.interpolate(padded[..., :input_length], length, mode="linear", align_corners=False)
    return np.ascontiguousarray(image[0].numpy().T)


def _touched(axis: Logits, cells: NDArray[np.bool_]) -> slice | None:
    """The range of pixels along one axis that any of these cells contributes to."""
    pixels = np.flatnonzero((axis[:, cells] > 0).any(axis=1))
    return slice(int(pixels[0]), int(pixels[-1]) + 1) if len(pixels) else None


def _used(axis: Logits) -> slice:
    """The range of cells that contribute to these pixels."""
    cells = np.flatnonzero(axis.any(axis=0))
    return slice(int(cells[0]), int(cells[-1]) + 1)
