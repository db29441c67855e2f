"""Between image pixels, model pixels and the low-resolution grid of logits.

Coordinates are continuous: x to the right, y down, the centre of pixel (0, 0) at (0.5, 0.5). Sizes are (height,
width). ``web/src/core/geometry.ts`` and ``web/src/core/logits.ts`` say the same in TypeScript; ``tests/golden`` holds
both to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limner.errors import InvalidInput

Fit = Literal["pad", "stretch"]  # how an image of any shape becomes a square: see ImageGeometry
LOW_RES_SIZE = 256  # cells per side of the decoder's logits, over the model's whole input
MASK_PROMPT_LOGIT = 8.0  # of a mask prompt where the mask is; about what SAM answers when it is sure
REGION_GRID = 32  # px; a region's edges lie on it or on the image's edge, so that one view has one region
MIN_REGION_SIDE = 128  # px; less would show the encoder nothing but blur


@dataclass(frozen=True)
class ImageGeometry:
    """How one image lies in the model's square input.

    Args:
        height: of the oriented image, in pixels.
        width: of the oriented image, in pixels.
        image_size: S, the side of the model's input in model pixels.
        fit: "pad", the longest side becomes S and the rest is filled up at the bottom and right; or "stretch", both
            sides become S.

    Raises:
        InvalidInput: when a size is not positive.
    """

    height: int
    width: int
    image_size: int = 1024
    fit: Fit = "pad"

    def __post_init__(self) -> None:
        if min(self.height, self.width, self.image_size) < 1:
            raise InvalidInput(
                f"An image of {self.height} × {self.width} pixels in a model input of {self.image_size} is impossible.",
                hint="All sizes must be at least 1 pixel.",
            )

    @property
    def input_size(self) -> tuple[int, int]:
        """(height, width) of the resized image inside the S × S input; at least one pixel each."""
        if self.fit == "stretch":
            return self.image_size, self.image_size
        scale = self.image_size / max(self.height, self.width)
        return max(1, int(self.height * scale + 0.5)), max(1, int(self.width * scale + 0.5))

    def to_model(self, image_xy: ArrayLike) -> NDArray[np.float64]:
        """Image coordinates (..., 2) as (x, y) -> model pixels (..., 2).

        The two axes are scaled by the whole pixels of the resized image, as SAM's ``ResizeLongestSide`` does.
        """
        input_height, input_width = self.input_size
        return np.asarray(image_xy, np.float64) * (input_width / self.width, input_height / self.height)

    def to_image(self, model_xy: ArrayLike) -> NDArray[np.float64]:
        """Model pixels (..., 2) as (x, y) -> image coordinates (..., 2); the inverse of :meth:`to_model`."""
        input_height, input_width = self.input_size
        return np.asarray(model_xy, np.float64) * (self.width / input_width, self.height / input_height)

    def valid_cells(self, low_res_size: int = LOW_RES_SIZE) -> tuple[float, float]:
        """(height, width) of the image in cells of the low-resolution grid; the rest is padding."""
        input_height, input_width = self.input_size
        cells_per_pixel = low_res_size / self.image_size
        return input_height * cells_per_pixel, input_width * cells_per_pixel


@dataclass(frozen=True)
class Region:
    """A rectangle of an image that is encoded on its own, in whole image pixels, so that small objects in it get the
    encoder's full resolution.

    Attributes:
        x: left edge.
        y: top edge.
        width: at least :data:`MIN_REGION_SIDE`, or the image's.
        height: at least :data:`MIN_REGION_SIDE`, or the image's.
    """

    x: int
    y: int
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.width},{self.height}"

    @classmethod
    def parse(cls, text: str) -> Region:
        """``x,y,width,height`` -> region.

        Raises:
            InvalidInput: for anything else.
        """
        if not re.fullmatch(r"\d{1,6}(,\d{1,6}){3}", text, re.ASCII):
            raise InvalidInput(f"{text[:40]!r} is no region.", hint="Give x,y,width,height in whole image pixels.")
        return cls(*map(int, text.split(",")))

    def of(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Array (H, W, ...) of the image -> view (height, width, ...) of the region."""
        return pixels[self.y : self.y + self.height, self.x : self.x + self.width]

    def check(self, height: int, width: int) -> None:
        """Make sure that this is a region of an image of this size.

        Raises:
            InvalidInput: when it is too small, leaves the image, lies off the grid, or is the whole image.
        """
        right, bottom = self.x + self.width, self.y + self.height
        if min(self.x, self.y) < 0 or right > width or bottom > height:
            problem, hint = f"leaves the image of {width} × {height}", "Keep x, y, x + width and y + height inside."
        elif self.width < min(MIN_REGION_SIDE, width) or self.height < min(MIN_REGION_SIDE, height):
            problem, hint = "is too small", f"Both sides must be at least {MIN_REGION_SIDE} px."
        elif any(edge % REGION_GRID and edge != end for edge, end in _edges(self, height, width)):
            problem, hint = "lies off the grid", f"Edges are multiples of {REGION_GRID} px or the image's own."
        elif (self.width, self.height) == (width, height):
            problem, hint = "is the whole image", "Leave the region out."
        else:
            return
        raise InvalidInput(f"The region {self} {problem}.", hint=hint)


def _edges(region: Region, height: int, width: int) -> tuple[tuple[int, int], ...]:
    """Each edge and the image's edge that it may lie on instead of the grid."""
    return (region.x, 0), (region.y, 0), (region.x + region.width, width), (region.y + region.height, height)


def _taps(
    length: int, cells: float, low_res_size: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """For each of ``length`` pixel centres: the two neighbouring cells and the weight of the second one."""
    position = (np.arange(length) + 0.5) * (cells / length) - 0.5
    position = np.clip(position, 0, low_res_size - 1)
    low = np.floor(position).astype(np.intp)
    high = np.minimum(low + 1, low_res_size - 1)
    return low, high, (position - low).astype(np.float32)


def upsample_logits(low_res: NDArray[np.float32], geometry: ImageGeometry) -> NDArray[np.float32]:
    """Logits (..., G, G) over the model's input -> logits (..., H, W) at the image's pixel centres.

    Bilinear with ``align_corners=False``, in one step from the grid to the image: what the page paints and saves.
    (SAM's ``postprocess_masks`` goes through the model's resolution in two steps; ``Predictor`` keeps to that.)
    """
    size = low_res.shape[-1]
    cells_high, cells_wide = geometry.valid_cells(size)
    top, bottom, weight_y = _taps(geometry.height, cells_high, size)
    left, right, weight_x = _taps(geometry.width, cells_wide, size)
    rows = low_res[..., top, :] * (1 - weight_y)[:, None] + low_res[..., bottom, :] * weight_y[:, None]  # (..., H, G)
    return np.asarray(rows[..., left] * (1 - weight_x) + rows[..., right] * weight_x, np.float32)  # (..., H, W)


def logits_from_mask(
    mask: NDArray[np.bool_], geometry: ImageGeometry, low_res_size: int = LOW_RES_SIZE
) -> NDArray[np.float32]:
    """Mask (H, W) -> mask prompt (G, G) over the model's input.

    From -8 where a cell holds no mask (padding too) to 8 where it is full, in proportion to the covered area.
    """
    cells_high, cells_wide = geometry.valid_cells(low_res_size)
    down = _overlaps(geometry.height, cells_high, low_res_size)  # (G, H)
    across = _overlaps(geometry.width, cells_wide, low_res_size)  # (G, W)
    covered = down @ (mask.astype(np.float32) @ across.T)  # (G, G), in cells
    return np.asarray(MASK_PROMPT_LOGIT * (2 * np.minimum(covered, 1) - 1), np.float32)


def _overlaps(length: int, cells: float, low_res_size: int) -> NDArray[np.float32]:
    """(G, length): which part of each cell each of ``length`` pixels covers, along one axis."""
    edges = np.arange(length + 1) * (cells / length)
    cell = np.arange(low_res_size)[:, None]
    shared = np.minimum(edges[1:], cell + 1) - np.maximum(edges[:-1], cell)
    return np.asarray(np.maximum(shared, 0), np.float32)
