"""Materials: a pattern looked at through a palette, at some scale and angle."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.train.scenes.patterns import TAU, ByteMap, FloatMap

Colour = NDArray[Any]  # (3,) float RGB, 0 to 255
PatternSource = Callable[[np.random.Generator], ByteMap]

HUES = ((18, 8), (50, 20), (108, 8), (90, 90))  # skin and earth, foliage, sky, anything; OpenCV's half degrees
MAX_STOPS = 4  # colours in a palette
_GREY = np.linspace(0, 1, 256)
RAMPS = {
    stops: np.stack([np.interp(_GREY * (stops - 1), np.arange(stops), unit) for unit in np.eye(stops)], axis=1)
    for stops in range(2, MAX_STOPS + 1)
}
"""By number of colours: the weight of each colour at each grey, (256, stops)."""
STEPS = {stops: np.eye(stops)[np.minimum(_GREY * stops, stops - 1).astype(int)] for stops in RAMPS}
"""The same without anything in between."""


def random_colour(rng: np.random.Generator) -> Colour:
    """Often earth, skin, foliage, sky or grey, sometimes anything."""
    kind = rng.random()
    if kind < 0.45:
        middle, spread = HUES[int(rng.integers(len(HUES)))]
        hue = rng.normal(middle, spread) % 180
        saturation = min(max(rng.normal(70, 50), 0), 255)
        value = min(max(rng.normal(130, 60), 5), 255)
    elif kind < 0.6:
        hue, saturation, value = 0, rng.uniform(0, 20), rng.uniform(0, 255)
    else:
        hue, saturation, value = rng.uniform(0, 180), rng.uniform(0, 255), rng.uniform(10, 255)
    pixel = np.array([[[hue, saturation, value]]]).astype(np.uint8)
    return np.asarray(cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0], np.float32)


def random_palette(rng: np.random.Generator, base: Colour | None, contrast: float | None = None) -> FloatMap:
    """A colour ramp (1, 256, 3) around a base colour; small contrasts are frequent.

    Without a given contrast, some ramps are hard steps: a surface with strong edges inside, like a zebra's.
    """
    base = random_colour(rng) if base is None else base
    hard = contrast is None and rng.random() < 0.08
    if contrast is None:
        contrast = abs(rng.normal(0, 0.45)) + (0.6 if hard else 0.0)
    stops = []
    for _ in range(int(rng.integers(2, MAX_STOPS + 1))):
        if rng.random() < 0.7:
            stop = base * math.exp(rng.normal(0, 0.5)) + rng.normal(0, 12, 3)
        else:
            stop = random_colour(rng)
        stops.append(base + (stop - base) * contrast)
    colours = np.clip(np.array(stops), 0, 255)  # (stops, RGB)
    ramp = STEPS[len(stops)] if hard else RAMPS[len(stops)]
    return np.asarray((ramp @ colours)[None], np.float32)


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

    def draw(self, rng: np.random.Generator, width: int, height: int, perspective: bool = False) -> FloatMap:
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
        return cv2.LUT(cv2.merge([grey, grey, grey]), self.palette)
