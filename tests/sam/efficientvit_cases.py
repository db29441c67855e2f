"""What the golden values of EfficientViT-SAM-L0 are of: sizes of images, prompts, and what is kept."""

from __future__ import annotations

from typing import Any

import numpy as np

# The original counts coordinates on a square of 1024 px and resizes to one of 512, and rounds sides on either; both
# roundings agree on these.
SHAPES = {"landscape": (384, 512), "portrait": (400, 300), "square": (256, 256), "panorama": (90, 720), "tiny": (8, 16)}
EVERY = (slice(None), slice(None, None, 17), slice(None, None, 5), slice(None, None, 5))  # of features, what is kept
CELLS = slice(None, None, 11)  # of masks


def prompts(height: int, width: int) -> dict[str, dict[str, Any]]:
    """Arguments of ``predict`` by name."""
    y, x = np.mgrid[:256, :256]
    mask = (8.0 - 0.2 * np.hypot(x - 150, y - 100)).astype(np.float32)[None]
    at = [[0.4 * width, 0.5 * height], [0.8 * width, 0.2 * height], [0.1 * width, 0.9 * height]]
    point = {"point_coords": np.array(at[:1]), "point_labels": np.array([1])}
    points = {"point_coords": np.array(at), "point_labels": np.array([1, 0, 1])}
    box = {"box": np.array([0.1 * width, 0.2 * height, 0.7 * width, 0.8 * height])}
    return {
        "point": point,
        "points": points,
        "box": box,
        "box and points": {**points, **box},
        "point and mask": {**point, "mask_input": mask},
    }
