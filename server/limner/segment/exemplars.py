"""What an embedding says about a mask: its mean inside, by which other objects are compared with it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from limner.errors import InvalidInput
from limner.segment.automatic.resample import Logits
from limner.segment.embedding import ImageEmbedding
from limner.vocabulary import rle

TINY = 1e-8  # keeps what has no length from being divided by it


@dataclass(frozen=True)
class Field:
    """The first feature of an embedding, as far as the image reaches, with its mean taken away.

    Attributes:
        values: (C, h, w).
        directions: the same, each cell of length 1.
        grid: (h, w) of the whole feature, padding included.
        stride: (y, x), model pixels per cell.
    """

    values: NDArray[np.float32]
    directions: NDArray[np.float32]
    grid: tuple[int, int]
    stride: tuple[float, float]

    def centre(self, row: int, column: int) -> NDArray[np.float64]:
        """Of a cell: x and y in model pixels."""
        return np.asarray([(column + 0.5) * self.stride[1], (row + 0.5) * self.stride[0]])

    def pooled(self, weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """The direction (C,) of the mean under weights (h, w)."""
        mean = np.tensordot(self.values, weights, axes=2)
        return np.asarray(mean / (np.linalg.norm(mean) + TINY), np.float32)


@dataclass(frozen=True)
class Exemplar:
    """An object to compare others with.

    Attributes:
        direction: (C,), of length 1: that of the embedding's mean inside the mask.
        cells: its area in cells of the embedding.
        size: width and height of its box in model pixels.
    """

    direction: NDArray[np.float32]
    cells: float
    size: tuple[float, float]


def field_of(image: ImageEmbedding) -> Field:
    """What is compared of an embedding: its first feature."""
    feature = next(iter(image.features.values()))[0].float().cpu().numpy()
    _, rows, columns = feature.shape
    side = image.geometry.image_size
    stride = side / rows, side / columns
    height, width = image.geometry.input_size
    values = feature[:, : math.ceil(height / stride[0]), : math.ceil(width / stride[1])]
    values = values - values.mean(axis=(1, 2), keepdims=True)
    directions = values / (np.linalg.norm(values, axis=0, keepdims=True) + TINY)
    return Field(values, directions, (rows, columns), stride)


def exemplar(image: ImageEmbedding, mask: rle.Rle) -> Exemplar:
    """A mask of the image as an example.

    Raises:
        InvalidInput: the mask is empty, or has another size than the image.
    """
    height, width = image.geometry.input_size
    pixels = rle.decode(mask)
    if pixels.shape != image.image_size or not pixels.any():
        raise InvalidInput(
            f"A mask of {pixels.shape[1]} × {pixels.shape[0]} pixels, {int(pixels.sum())} of them set, is no example "
            f"on an image of {image.image_size[1]} × {image.image_size[0]}.",
            hint="Choose an object that has pixels.",
        )
    field = field_of(image)
    side = image.geometry.image_size
    square = np.zeros((side, side), np.float32)
    square[:height, :width] = cv2.resize(pixels.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    weights = _averaged(square, field)
    x, y, w, h = rle.bbox(mask)
    (left, top), (right, bottom) = image.geometry.to_model([[x, y], [x + w, y + h]]).tolist()
    return Exemplar(field.pooled(weights), float(weights.sum()), (right - left, bottom - top))


def cells_of_logits(low_res: Logits, field: Field) -> NDArray[np.float32]:
    """Logits (G, G) over the model's input -> the share (h, w) of each cell that is in the mask."""
    return _averaged((low_res > 0).astype(np.float32), field)


def _averaged(square: NDArray[np.float32], field: Field) -> NDArray[np.float32]:
    """Values over the model's input -> their mean in each cell, as far as the image reaches."""
    cells = F.adaptive_avg_pool2d(torch.from_numpy(square)[None], field.grid)[0].numpy()
    _, rows, columns = field.values.shape
    return np.ascontiguousarray(cells[:rows, :columns])
