"""Oriented RGB pixels -> the encoder's input, exactly as the weights were trained.

Any change here that changes a value must count up ``limner.models.manifest.PREPROCESSING_VERSION``: stored
embeddings depend on it.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from limner.errors import InvalidImage
from limner.sam.model import ModelConfig
from limner.vocabulary.geometry import ImageGeometry


def to_model_input(rgb: NDArray[np.uint8], config: ModelConfig) -> Tensor:
    """RGB (H, W, 3) uint8 -> (3, S, S) float32, resized, normalised, padded with zeros at the bottom and
    right.

    The resize is Pillow's bilinear filter with antialiasing, on uint8, as in the reference implementation.

    Raises:
        InvalidImage: when ``rgb`` is of another shape or type.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise InvalidImage(
            f"The model was given an array of shape {rgb.shape} and type {rgb.dtype}.",
            hint="Give RGB pixels as a uint8 array of shape (height, width, 3).",
        )
    height, width, _ = rgb.shape
    input_height, input_width = ImageGeometry(height, width, config.image_size).input_size
    resized = Image.fromarray(rgb).resize((input_width, input_height), Image.Resampling.BILINEAR)
    pixels = np.asarray(resized, np.float32)  # (h, w, 3)
    mean, std = np.asarray(config.pixel_mean, np.float32), np.asarray(config.pixel_std, np.float32)
    normalised = (pixels - mean) / std
    padded = np.zeros((3, config.image_size, config.image_size), np.float32)
    padded[:, :input_height, :input_width] = normalised.transpose(2, 0, 1)
    return torch.from_numpy(padded)
