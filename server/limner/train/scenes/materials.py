"""Materials: a pattern looked at through a palette, at some scale and angle."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.train.scenes.patterns import TAU, ByteMap

Colour = NDArray[Any]  # (3,) float RGB, 0 to 255
PatternSource = Callable[[np.random.Generator], ByteMap]


def random_colour(rng: np.random.Generator) -> Colour:
    """Often earth, skin, foliage, sky or grey, sometimes anything."""
    kind = rng.random()
    if kind < 0.45:
        hues = [rng.normal(18, 8), rng.normal(50, 20), rng.normal(108, 8), rng.uniform(0, 180)]
        hue = rng.choice(hues) % 180
        saturation = np.clip(rng.normal(70, 50), 0, 255)
        value = np.clip(rng.normal(130, 60), 5, 255)
    elif kind < 0.6:
        hue, saturation, value = 0, rng.uniform(0, 20), rng.uniform(0, 255)
    else:
        hue, saturation, value = rng.uniform(0, 180), rng.uniform(0, 255), rng.uniform(10, 255)
    pixel = np.array([[[hue, saturation, value]]]).astype(np.uint8)
    return np.asarray(cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0], np.float32)


def random_palette(rng: np.random.Generator, base: Colour | None, contrast: float | None = None) -> ByteMap:
    """A colour ramp (1, 256, 3) around a base colour; small contrasts are frequent."""
    base = random_colour(rng) if base is None else base
    contrast = abs(rng.normal(0, 0.45)) if contrast is None else contrast
    stops = []
    for _ in range(int(rng.integers(2, 5))):
        if rng.random() < 0.7:
            stop = base * math.exp(rng.normal(0, 0.5)) + rng.normal(0, 12, 3)
        else:
            stop = random_colour(rng)
        stops.append(base + (stop - base) * contrast)
    colours = np.clip(np.array(stops), 0, 255)
    places = np.linspace(0, len(stops) - 1, 256)
    ramp = [np.interp(places, np.arange(len(stops)), colours[:, channel]) for channel in range(3)]
    return np.stack(ramp, axis=1).astype(np.uint8)[None]


class Material:
    """One surface; things that share it look alike."""

    def __init__(self, rng: np.random.Generator, patterns: PatternSource, base: Colour | None = None):
        self.pattern = patterns(rng)
        self.scale = math.exp(rng.uniform(math.log(0.35), math.log(3)))
        self.angle = rng.uniform(0, TAU)
        plain = rng.random() < 0.2
        self.palette = random_palette(rng, base, contrast=0.03 if plain else None)

    @property
    def middle_colour(self) -> Colour:
        return np.asarray(self.palette[0, 128], np.float32)

    def draw(self, rng: np.random.Generator, width: int, height: int, perspective: bool = False) -> NDArray[np.float32]:
        """A random piece of it (height, width, 3), RGB 0 to 255."""
        size = self.pattern.shape[0]
        cosine, sine = math.cos(self.angle) / self.scale, math.sin(self.angle) / self.scale
        shift_x, shift_y = rng.uniform(0, size, 2)
        matrix = np.array([[cosine, -sine, shift_x], [sine, cosine, shift_y], [0, 0, 1]], np.float32)
        flags = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
        if perspective:
            tilt_y, tilt_x = rng.uniform(-0.8, 0.8) / height, rng.uniform(-0.3, 0.3) / width
            matrix[2] = tilt_x, tilt_y, 1 + 0.5 * (abs(tilt_y) * height + abs(tilt_x) * width)
            grey = cv2.warpPerspective(self.pattern, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_WRAP)
        else:
            grey = cv2.warpAffine(self.pattern, matrix[:2], (width, height), flags=flags, borderMode=cv2.BORDER_WRAP)
        return cv2.LUT(cv2.merge([grey, grey, grey]), self.palette).astype(np.float32)
