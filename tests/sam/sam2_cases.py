"""What the golden values of SAM 2.1 are of: sizes of images, prompts, and a smaller network for speed."""

from __future__ import annotations

from typing import Any

import numpy as np

from limner.sam.sam2 import HIERA_TINY

IMAGE_SIZE = 256  # px, of the model's square; the published 1024 costs sixteen times as much and shows nothing more
SMALL = HIERA_TINY
SHAPES = {"landscape": (170, 256), "portrait": (333, 217), "square": (256, 256), "panorama": (90, 700), "tiny": (9, 7)}
EVERY = (slice(None), slice(None, None, 17), slice(None, None, 5), slice(None, None, 5))  # of features, what is kept
CELLS = slice(None, None, 7)  # of masks


def prompts(height: int, width: int) -> dict[str, dict[str, Any]]:
    """Arguments of ``predict`` by name."""
    side = IMAGE_SIZE // 4
    y, x = np.mgrid[:side, :side]
    mask = (8.0 - 0.9 * np.hypot(x - 0.6 * side, y - 0.4 * side)).astype(np.float32)[None]
    point = {"point_coords": np.array([[0.4 * width, 0.5 * height]]), "point_labels": np.array([1])}
    points = {
        "point_coords": np.array(
            [[0.4 * width, 0.5 * height], [0.8 * width, 0.2 * height], [0.1 * width, 0.9 * height]]
        ),
        "point_labels": np.array([1, 0, 1]),
    }
    box = {"box": np.array([0.1 * width, 0.2 * height, 0.7 * width, 0.8 * height])}
    return {
        "point": point,
        "points": points,
        "box": box,
        "box and points": {**points, **box},
        "point and mask": {**point, "mask_input": mask},
    }
