"""Held-out photos that are near-copies of photos that were trained on: they measure memory.

Photos of one series (the same table, shelf or object, taken a moment apart) fall on both sides of a split by hash.
Two photos are near-copies when their thumbnails correlate: a photo's thumbnail is its colours on a small grid, less
their mean.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.train.photos import Photo

SIDE = 16  # cells of a thumbnail
CORRELATION = 0.7
"""From here on, two photos are near-copies. Unrelated photos reach .58 with the most similar of two thousand others
(median) and .8 at most, those of one series .75 to .99: rather too many are left aside than too few."""


def held_out_without_copies(photos: Sequence[Photo]) -> list[Photo]:
    """The held-out ones of these photos that are no near-copies of any of the others, in their order.

    Raises:
        InvalidFile: when a photo cannot be read.
    """
    held_out = [photo for photo in photos if photo.held_out]
    trained = [photo for photo in photos if not photo.held_out]
    if not held_out or not trained:
        return held_out
    nearest = nearest_correlations(held_out, trained)
    return [photo for photo, correlation in zip(held_out, nearest, strict=True) if correlation < CORRELATION]


def nearest_correlations(photos: Sequence[Photo], others: Sequence[Photo]) -> NDArray[np.float32]:
    """Of each photo, the correlation of its thumbnail with the most similar one of the others: (N,), -1 to 1."""
    ours, theirs = (np.stack([_thumbnail(photo) for photo in sequence]) for sequence in (photos, others))
    nearest: NDArray[np.float32] = (ours @ theirs.T).max(axis=1)
    return nearest


def _thumbnail(photo: Photo) -> NDArray[np.float32]:
    """A vector of unit length (SIDE · SIDE · 3,); zeros for a photo of one colour."""
    small = cv2.resize(photo.image(), (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    centred = (small - small.mean(axis=(0, 1))).ravel()
    length = float(np.linalg.norm(centred))
    thumbnail: NDArray[np.float32] = centred / length if length > 0 else centred
    return thumbnail
