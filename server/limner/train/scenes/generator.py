"""Scene number i of a seed, the same on every machine and in any order."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from limner.train.scenes.patterns import ByteMap, pattern
from limner.train.scenes.scene import paint_scene

PATTERNS_IN_USE = 48  # textures to draw from at any one time
SCENES_PER_PATTERN = 16
_SCENES, _PATTERNS = 0, 1  # so that the two never share random numbers


@dataclass(frozen=True)
class Scene:
    """A generated image with complete labels."""

    image: NDArray[np.uint8]  # (S, S, 3) RGB
    labels: NDArray[np.uint8]  # (3, S, S): whole, part, subpart; 0 is none

    def masks(self, smallest: float) -> list[NDArray[np.bool_]]:
        """All masks (S, S) that cover at least this share of the image, wholes first."""
        pixels = smallest * self.labels[0].size
        return [
            layer == number
            for layer in self.labels
            for number in np.flatnonzero(np.bincount(layer.ravel(), minlength=1) >= pixels)
            if number
        ]


class SceneGenerator:
    """Makes scenes by number. Textures are made when first needed and kept while neighbouring scenes use them.

    Args:
        seed: two generators with the same seed make the same scenes.
        scenes_per_pattern: one texture is replaced after so many scenes.
    """

    def __init__(self, seed: int, scenes_per_pattern: int = SCENES_PER_PATTERN):
        self.seed, self.scenes_per_pattern = seed, scenes_per_pattern
        self._patterns: OrderedDict[int, ByteMap] = OrderedDict()

    def scene(self, index: int, size: int) -> Scene:
        """Scene number `index`, `size` pixels wide and high."""
        rng = np.random.default_rng([self.seed, _SCENES, index])
        first = index // self.scenes_per_pattern

        def any_pattern(rng: np.random.Generator) -> ByteMap:
            return self._pattern(first + int(rng.integers(PATTERNS_IN_USE)))

        image, labels = paint_scene(rng, any_pattern, size)
        return Scene(image, labels)

    def _pattern(self, number: int) -> ByteMap:
        if number not in self._patterns:
            self._patterns[number] = pattern(np.random.default_rng([self.seed, _PATTERNS, number]))
            if len(self._patterns) > 2 * PATTERNS_IN_USE:
                self._patterns.popitem(last=False)
        self._patterns.move_to_end(number)
        return self._patterns[number]
