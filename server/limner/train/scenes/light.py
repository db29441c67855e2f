"""Light, and the few operations on pixels that painting is made of: mix, scale, blur."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from limner.train.scenes.patterns import TAU, ByteMap, FloatMap


@dataclass(frozen=True)
class Light:
    """One light for all things of a scene."""

    direction: tuple[float, float]
    casts_shadows: bool
    shades_bodies: bool
    shadow_distance: float  # per unit of a thing's radius
    shadow_blur: float  # per unit of a thing's radius
    shadow_depth: float  # 0 to 1
    mirror: float  # how much the ground reflects, 0 to 1; mostly 0

    @classmethod
    def random(cls, rng: np.random.Generator) -> Light:
        theta = rng.uniform(0, TAU)
        return cls(
            direction=(math.cos(theta), math.sin(theta)),
            casts_shadows=rng.random() < 0.6,
            shades_bodies=rng.random() < 0.6,
            shadow_distance=rng.uniform(0.02, 0.12),
            shadow_blur=math.exp(rng.uniform(math.log(0.01), math.log(0.25))),
            shadow_depth=rng.uniform(0.2, 0.7),
            mirror=rng.uniform(0.15, 0.6) if rng.random() < 0.12 else 0.0,
        )


def mixed(below: FloatMap, above: FloatMap, mask: ByteMap, opacity: float = 1.0) -> FloatMap:
    """`above` over `below`, (h, w, 3) each, where the mask (h, w) says so: 255 covers, 0 does not."""
    alpha = np.multiply(mask, opacity / 255, dtype=np.float32)
    return cv2.blendLinear(above, below, alpha, 1 - alpha)


def scale(image: FloatMap, factor: FloatMap) -> None:
    """Multiply an image (h, w, 3) by factors (h, w), in place."""
    cv2.multiply(image, cv2.merge([factor, factor, factor]), dst=image)


def darken(image: FloatMap, mask: FloatMap | ByteMap, depth: float) -> None:
    """Take away the share `depth` of the light where the mask (h, w) is 255, in place."""
    scale(image, 1 - np.multiply(mask, depth / 255, dtype=np.float32))


def light_gradient(rng: np.random.Generator, width: int, height: int) -> FloatMap:
    """Factors (height, width) that rise along some direction."""
    theta, strength = rng.uniform(0, TAU), rng.uniform(0, 0.6)
    x = np.linspace(-1, 1, width, dtype=np.float32)[None] * np.float32(strength * math.cos(theta))
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * np.float32(strength * math.sin(theta))
    return np.clip(1 + x + y, 0.1, 2)


def bulge(rng: np.random.Generator, light: Light, inside: ByteMap, radius: float) -> FloatMap:
    """Shading (h, w) as if the body, 1 inside and 0 outside, were thicker in its middle; sometimes with a gloss."""
    depth = rng.uniform(0.1, 1.0) * max(3.0, radius)
    padded = cv2.copyMakeBorder(inside, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    relief = blurred(np.sqrt(np.minimum(distance / depth, 1)), max(0.8, 0.06 * depth))
    steepness = rng.uniform(0.2, 1.2) * depth / 8
    slope_x = cv2.Sobel(relief, -1, 1, 0, scale=steepness)
    slope_y = cv2.Sobel(relief, -1, 0, 1, scale=steepness)
    towards_light = slope_x * light.direction[0] + slope_y * light.direction[1]
    shade = towards_light / np.sqrt(1 + slope_x * slope_x + slope_y * slope_y)
    shading = np.clip(1 - np.float32(rng.uniform(0.3, 0.9)) * shade, 0.15, 1.9)
    if rng.random() < 0.2:  # the reflected light on porcelain, fruit, lacquer
        shading += np.float32(rng.uniform(1, 3)) * np.maximum(-shade, 0) ** int(rng.integers(4, 20))
    return np.asarray(shading, np.float32)


def blurred(values: FloatMap | ByteMap, sigma: float) -> FloatMap:
    """Gaussian blur; large ones are done on a smaller copy."""
    height, width = values.shape[:2]
    shrink = int(sigma / 2)
    if shrink < 2 or min(height, width) <= 2 * shrink:
        return cv2.GaussianBlur(values, (0, 0), sigma)
    small = cv2.resize(values, (width // shrink, height // shrink), interpolation=cv2.INTER_AREA)
    return cv2.resize(cv2.GaussianBlur(small, (0, 0), sigma / shrink), (width, height))
