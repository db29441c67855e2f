"""Masks that are made up: blobs with an edge as rough as is wanted."""

from __future__ import annotations

import numpy as np

from limner.vocabulary import rle

SIDE = 512  # px of the images
MASKS = 50  # different ones


def mask(seed: int, roughness: float = 1.0) -> dict[str, object]:
    """A blob with an edge that is rough by so many pixels: with one, an RLE of about two kilobytes."""
    noise = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    center, radius = noise.uniform(0.35, 0.65, 2) * SIDE, noise.uniform(0.2, 0.33) * SIDE
    distance = np.hypot(rows - center[0], columns - center[1]) + noise.normal(0, roughness, (SIDE, SIDE))
    return dict(rle.encode(distance < radius))
