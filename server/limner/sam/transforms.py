"""Oriented RGB pixels -> the encoder's input, exactly as the weights were trained.

Any change here that changes a value must count up ``limner.models.manifest.PREPROCESSING_VERSION``: stored
embeddings depend on it.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from limner.errors import InvalidImage
from limner.sam.model import ModelConfig


def to_model_input(rgb: NDArray[np.uint8], config: ModelConfig) -> Tensor:
    """RGB (H, W, 3) uint8 -> (3, S, S) float32, resized and normalised; what is padded is zero.

    The resize is bilinear with antialiasing, as in the reference implementations: SAM's by Pillow on bytes, SAM 2's by
    torch on fractions.

    Raises:
        InvalidImage: when ``rgb`` is of another shape or type.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise InvalidImage(
            f"The model was given an array of shape {rgb.shape} and type {rgb.dtype}.",
            hint="Give RGB pixels as a uint8 array of shape (height, width, 3).",
        )
    height, width, _ = rgb.shape
    input_height, input_width = config.geometry(height, width).input_size
    if config.resize_in == "uint8":
        resized = Image.fromarray(rgb).resize((input_width, input_height), Image.Resampling.BILINEAR)
        pixels = np.asarray(resized, np.float32)  # (h, w, 3)
    else:
        planes = torch.from_numpy(rgb).permute(2, 0, 1)[None].float()  # (1, 3, H, W)
        size = (input_height, input_width)
        planes = F.interpolate(planes, size, mode="bilinear", align_corners=False, antialias=True)
        pixels = planes[0].permute(1, 2, 0).numpy()
    mean, std = np.asarray(config.pixel_mean, np.float32), np.asarray(config.pixel_std, np.float32)
    normalised = (pixels - mean) / std
    padded = np.zeros((3, config.image_size, config.image_size), np.float32)
    padded[:, :input_height, :input_width] = normalised.transpose(2, 0, 1)
    return torch.from_numpy(padded)
