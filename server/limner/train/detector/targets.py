"""Which cells are to say what of an image's objects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from limner.heads.detector import LEVELS, DetectorConfig, cell_middles
from limner.vocabulary.geometry import ImageGeometry

LARGEST = (6.0, 12.0, 24.0, np.inf)  # of the root of a box's area, in cells of the finest grid: which grid says it
REACH = 1.0  # cells of its grid around a box's middle in which cells are to say the box
OVERLAP = 1.2  # factor by which the ranges of sizes overlap, where two grids say a box


@dataclass(frozen=True)
class Targets:
    """Of one image, for the N cells of all grids.

    Attributes:
        objects: (N,) int64, which object the cell is to say; -1 for none.
        seen: (N,) bool, whether the cell lies on the image.
        boxes: (M, 4) float32, in model pixels.
        categories: (M,) int64.
    """

    objects: Tensor
    seen: Tensor
    boxes: Tensor
    categories: Tensor


def targets_of(
    config: DetectorConfig, geometry: ImageGeometry, boxes: NDArray[np.float64], categories: NDArray[np.int64]
) -> Targets:
    """Cells within ``REACH`` of a box's middle say that box; of several boxes, the smallest.

    A box that lies between all cells' middles is said by the cell whose middle is nearest.

    Args:
        config: of the network.
        geometry: how the image lies in the model's input.
        boxes: (M, 4) in model pixels.
        categories: (M,).
    """
    height, width = geometry.input_size
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-3)
    areas = sides.prod(axis=1)
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    stride = np.asarray(config.stride)
    in_cells = np.sqrt(areas / stride.prod())
    objects, seen = [], []
    for level in range(LEVELS):
        cells = cell_middles(config, level).numpy()  # (n, 2)
        on_image = (cells[:, 0] < width) & (cells[:, 1] < height)
        least = LARGEST[level - 1] / OVERLAP if level else 0.0
        here = np.flatnonzero((in_cells > least) & (in_cells <= LARGEST[level] * OVERLAP))
        said = np.full(len(cells), -1, np.int64)
        steps = stride * 2**level
        for index in here[np.argsort(-areas[here], kind="stable")]:  # the smallest comes last, and stays
            away = np.abs(cells - middles[index]) / steps  # in cells
            near = (away <= np.minimum(REACH, np.maximum(sides[index] / steps / 2, 0.5))).all(axis=1)
            near[np.argmin(away.sum(axis=1))] = True
            said[near & on_image] = index
        objects.append(said)
        seen.append(on_image)
    return Targets(
        torch.from_numpy(np.concatenate(objects)),
        torch.from_numpy(np.concatenate(seen)),
        torch.from_numpy(boxes.astype(np.float32)),
        torch.from_numpy(categories),
    )
