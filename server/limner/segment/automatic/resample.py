"""Upsampling a mask's logits only where the mask is.

SAM brings logits to the image in two bilinear steps: 256 -> S, crop the padding, S -> image; models that stretch images
do it in one. Bilinear interpolation is
separable, so the two steps together are ``Y @ logits @ Xᵀ`` with one matrix per axis, of which only the rows of the
mask's box are needed. Every row is a convex combination of neighbouring cells: where all cells around are below a
level, the pixels are too, so nothing outside the box of the cells above it can be missed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from limner.vocabulary.geometry import ImageGeometry

Logits = NDArray[np.float32]

SMALL_SHARE = 1 / 6  # of the crop; products of matrices are cheaper up to here: they grow with the cube of the side


@dataclass(frozen=True)
class Patch:
    """One mask's logits on the grid, as much of them as its box needs.

    Attributes:
        rows: of pixels of the crop; all pixels outside are at or below the level that was asked for.
        columns: likewise.
        from_rows: of cells, those that contribute to these pixels.
        from_columns: likewise.
        cells: (from_rows, from_columns), their logits.
    """

    rows: slice
    columns: slice
    from_rows: slice
    from_columns: slice
    cells: Logits


class Upsampler:
    """From low-resolution logits to the pixels of one crop.

    Args:
        geometry: how the crop lies in the model's input.
        low_res_size: side of the grid of logits, G.
    """

    def __init__(self, geometry: ImageGeometry, low_res_size: int) -> None:
        input_height, input_width = geometry.input_size
        self._geometry, self._low_res_size = geometry, low_res_size
        between = None if geometry.fit == "stretch" else geometry.image_size
        self._down = _Axis(low_res_size, between, input_height, geometry.height)
        self._across = _Axis(low_res_size, between, input_width, geometry.width)

    @property
    def needed_cells(self) -> tuple[int, int]:
        """How many rows and columns of the grid contribute to any pixel; the others are padding."""
        return self._down.needed, self._across.needed

    def patch(self, low_res: Logits, level: float) -> Patch | None:
        """Logits (G, G) -> the part of them that decides where they exceed ``level``; None when they do nowhere."""
        above = np.asarray(low_res > level)
        rows = self._down.pixels_of(np.asarray(above.any(axis=1)))
        columns = self._across.pixels_of(np.asarray(above.any(axis=0)))
        if rows is None or columns is None:
            return None
        from_rows, from_columns = self._down.cells_of(rows), self._across.cells_of(columns)
        return Patch(rows, columns, from_rows, from_columns, low_res[from_rows, from_columns].copy())

    def logits(self, patch: Patch) -> Logits:
        """Of the pixels of a patch: (rows, columns)."""
        down = self._down.matrix[patch.rows, patch.from_rows]
        across = self._across.matrix[patch.columns, patch.from_columns]
        if len(down) * len(across) > SMALL_SHARE * self._geometry.height * self._geometry.width:
            return self._whole(patch)[patch.rows, patch.columns]
        return np.asarray(down @ patch.cells @ across.T, np.float32)

    def _whole(self, patch: Patch) -> Logits:
        """All steps on the whole crop (H, W); right where the patch is."""
        side, (input_height, input_width) = self._geometry.image_size, self._geometry.input_size
        inside: Logits = np.zeros((self._low_res_size, self._low_res_size), np.float32)
        inside[patch.from_rows, patch.from_columns] = patch.cells
        if self._geometry.fit == "pad":
            padded = np.asarray(cv2.resize(inside, (side, side), interpolation=cv2.INTER_LINEAR), np.float32)
            inside = padded[:input_height, :input_width]
        size = self._geometry.width, self._geometry.height
        return np.asarray(cv2.resize(inside, size, interpolation=cv2.INTER_LINEAR), np.float32)


class _Axis:
    """All bilinear steps along one axis, through ``image_size`` where there is one.

    Attributes:
        matrix: (pixels, cells), torch's answers to unit vectors.
        needed: the first so many cells contribute to a pixel.
    """

    def __init__(self, low_res_size: int, image_size: int | None, input_length: int, length: int) -> None:
        units = torch.eye(low_res_size)[None]  # (1, G, G): one channel per cell
        if image_size is not None:
            units = F.interpolate(units, image_size, mode="linear", align_corners=False)[..., :input_length]
        image = F.interpolate(units, length, mode="linear", align_corners=False)
        self.matrix: Logits = np.ascontiguousarray(image[0].numpy().T)
        counts = self.matrix > 0
        self.needed = int(np.flatnonzero(counts.any(axis=0))[-1]) + 1
        self._cells = _first_and_end(counts)  # of each pixel
        self._pixels = _first_and_end(counts[:, : self.needed].T)  # of each cell; a cell between pixels has none

    def pixels_of(self, cells: NDArray[np.bool_]) -> slice | None:
        """The range of pixels that any of these cells (G,) contributes to; None when there is none."""
        first, end = self._pixels
        some = cells[: self.needed] & (end > first)
        return slice(int(first[some].min()), int(end[some].max())) if some.any() else None

    def cells_of(self, pixels: slice) -> slice:
        """The range of cells that contribute to these pixels."""
        first, end = self._cells
        return slice(int(first[pixels].min()), int(end[pixels].max()))


def _first_and_end(marks: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """For each row of marks (N, M): the first that is set, and one after the last; both 0 when none is."""
    any_set = marks.any(axis=1)
    end = marks.shape[1] - marks[:, ::-1].argmax(axis=1)
    return np.where(any_set, marks.argmax(axis=1), 0), np.where(any_set, end, 0)
