"""Where the automatic generator points, and which parts of the image it looks at."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Crop:
    """A part of the image that is encoded on its own.

    Attributes:
        box: x0, y0, x1, y1 in image pixels, x1 and y1 exclusive.
        layer: 0 is the whole image, layer i has 4^i crops.
    """

    box: tuple[int, int, int, int]
    layer: int

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        x0, y0, x1, y1 = self.box
        return y1 - y0, x1 - x0

    @property
    def area(self) -> int:
        """In pixels."""
        height, width = self.size
        return height * width


def crops_of(height: int, width: int, layers: int, overlap_ratio: float) -> list[Crop]:
    """The whole image, then ``layers`` layers of 2^i × 2^i overlapping crops.

    Args:
        height: of the image, in pixels.
        width: of the image, in pixels.
        layers: how many layers of crops beyond the whole image.
        overlap_ratio: how much neighbours overlap in layer 1, as a share of the image's shorter side; halved per layer.
    """
    crops = [Crop((0, 0, width, height), 0)]
    for layer in range(1, layers + 1):
        per_side = 2**layer
        overlap = int(overlap_ratio * min(height, width) * (2 / per_side))
        crop_width = math.ceil((overlap * (per_side - 1) + width) / per_side)
        crop_height = math.ceil((overlap * (per_side - 1) + height) / per_side)
        for column in range(per_side):
            for row in range(per_side):
                x0, y0 = column * (crop_width - overlap), row * (crop_height - overlap)
                x1, y1 = min(x0 + crop_width, width), min(y0 + crop_height, height)
                crops.append(Crop((x0, y0, x1, y1), layer))
    return crops


def point_grid(points_per_side: int) -> NDArray[np.float64]:
    """Points (n², 2) as (x, y) in the unit square, evenly spaced, half a step from the border."""
    steps = (np.arange(points_per_side) + 0.5) / points_per_side
    x, y = np.meshgrid(steps, steps)
    return np.stack([x, y], axis=-1).reshape(-1, 2)


def points_per_side_of_stride(height: int, width: int, stride: float) -> int:
    """How many points per side put neighbours about ``stride`` pixels apart along the longest side; at least one."""
    return max(1, round(max(height, width) / stride))
