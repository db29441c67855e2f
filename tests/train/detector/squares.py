"""Squares of two kinds on small grids: what a detector learns in no time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from limner.heads.detector import DetectorConfig
from limner.train.detector.examples import Example
from limner.vocabulary import rle
from limner.vocabulary.geometry import ImageGeometry
from limner.vocabulary.specs import FeatureSpec

SIDE, CELLS, CHANNELS = 128, 16, 4
CONFIG = DetectorConfig(
    SIDE, (FeatureSpec("image_embeddings", CHANNELS, CELLS, CELLS),), categories=2, widths=(16, 16, 16, 16), head=16
)


class Squares:
    """Examples whose embedding says in channel 0 or 1, by the kind, which cells a square covers."""

    def __init__(self, count: int, *, held_out: bool = False) -> None:
        self._features: dict[str, NDArray[np.float32]] = {}
        self.examples: list[Example] = []
        number = 0
        while len(self.examples) < count:
            example = self._make(number)
            if example.held_out == held_out:
                self.examples.append(example)
            number += 1

    def read(self, sha256: str) -> Mapping[str, NDArray[np.float32]]:
        return {"image_embeddings": self._features[sha256]}

    def _make(self, number: int) -> Example:
        rng = np.random.default_rng(number)
        sha256 = hashlib.sha256(str(number).encode()).hexdigest()
        features = rng.normal(0, 0.05, (1, CHANNELS, CELLS, CELLS)).astype(np.float32)
        geometry = ImageGeometry(SIDE // 2, SIDE, SIDE)  # the lower half is padding
        masks, kinds = [], []
        for column in (0, 8):
            x, y, side = column + rng.integers(0, 3), rng.integers(0, 3), rng.integers(3, 6)
            kind = int(rng.integers(2))
            features[0, kind, y : y + side, x : x + side] += 1
            mask = np.zeros((SIDE // 2, SIDE), np.bool_)
            mask[8 * y : 8 * (y + side), 8 * x : 8 * (x + side)] = True
            masks.append(rle.encode(mask))
            kinds.append(kind)
        self._features[sha256] = features
        return Example(sha256, geometry, tuple(masks), tuple(kinds))
