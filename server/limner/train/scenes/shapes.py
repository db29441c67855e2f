"""Outlines: polygons (n, 2) around the origin, about one unit in radius."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.train.scenes.patterns import TAU, ByteMap

Polygon = NDArray[np.float64]
ShapeFamily = Callable[[np.random.Generator], Polygon]

FIXED_POINT = 16  # OpenCV takes polygon corners as integers with four fractional bits


def random_shape(rng: np.random.Generator, families: Sequence[ShapeFamily] | None = None) -> Polygon:
    """A shape of any (or the given) families, stretched and often turned."""
    families = families or FAMILIES
    outline = families[int(rng.integers(len(families)))](rng)
    stretch = math.exp(rng.normal(0, 0.3))
    angle = float(rng.choice([0.0, rng.normal(0, 0.3), rng.uniform(0, TAU)]))
    return turned(outline * [stretch, 1 / stretch], angle)


def turned(polygon: Polygon, angle: float) -> Polygon:
    """Rotated around the origin, radians."""
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.asarray(polygon @ np.array([[cosine, sine], [-sine, cosine]]))


def fill(mask: ByteMap, polygon: Polygon, value: int = 255) -> None:
    """Paint a polygon, in pixels of the mask, with smooth edges."""
    corners = np.round(polygon * FIXED_POINT).astype(np.int32)
    cv2.fillPoly(mask, [corners], value, cv2.LINE_AA, 4)


def blob(rng: np.random.Generator) -> Polygon:
    theta = np.arange(72) * TAU / 72
    roughness = rng.uniform(1, 2.2)
    amount = rng.uniform(0.1, 0.7)
    radius = np.ones(72)
    for k in range(1, int(rng.integers(3, 14))):
        radius += amount * k**-roughness * rng.normal() * np.cos(k * theta + rng.uniform(0, TAU))
    return _polar(theta, np.maximum(radius, 0.12))


def polygon(rng: np.random.Generator) -> Polygon:
    corners = int(rng.integers(3, 9))
    theta = np.arange(corners) * TAU / corners
    if rng.random() < 0.5:
        theta = np.sort(rng.uniform(0, TAU, corners))
    radius = rng.uniform(0.5, 1.1, corners) if rng.random() < 0.5 else np.ones(corners)
    return _smoothed(_polar(theta, radius), int(rng.choice([0, 0, 1, 3])))


def superellipse(rng: np.random.Generator) -> Polygon:
    theta = np.arange(64) * TAU / 64
    exponent = float(rng.choice([2, 2, rng.uniform(0.7, 1.5), rng.uniform(3, 12)]))
    x, y = np.cos(theta), np.sin(theta)
    power = 2 / exponent
    return np.stack([np.sign(x) * abs(x) ** power, np.sign(y) * abs(y) ** power], axis=1)


def rectangle(rng: np.random.Generator) -> Polygon:
    corners = np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]])
    wobble = rng.normal(0, float(rng.choice([0, 0.05, 0.25])), (4, 2))
    return _smoothed(corners + wobble, int(rng.choice([0, 0, 0, 2])))


def vase(rng: np.random.Generator) -> Polygon:
    """Symmetric about its axis, with a profile of random widths: bottles, lamps, figures."""
    y = np.linspace(-1, 1, 40)
    knots = int(rng.integers(3, 9))
    widths = rng.uniform(0.08, 0.8, knots)
    if rng.random() < 0.6:
        widths[0] *= 0.3
    profile = np.interp(np.linspace(0, knots - 1, len(y)), np.arange(knots), widths)
    if rng.random() < 0.7:
        profile = np.convolve(np.pad(profile, 3, "edge"), np.ones(7) / 7, "valid")
    right, left = np.stack([profile, y], axis=1), np.stack([-profile[::-1], y[::-1]], axis=1)
    return np.concatenate([right, left])


def stroke(rng: np.random.Generator) -> Polygon:
    """A Bézier curve with a width: limbs, handles, branches."""
    control = rng.normal(0, 0.8, (4, 2))
    t = np.linspace(0, 1, 32)[:, None]
    s = 1 - t
    spine = s**3 * control[0] + 3 * s**2 * t * control[1] + 3 * s * t**2 * control[2] + t**3 * control[3]
    width = rng.uniform(0.04, 0.3) * np.interp(t[:, 0], [0, 0.5, 1], rng.uniform(0.3, 1.2, 3))
    outline = thickened(spine, width[:, None])
    return np.asarray(outline - outline.mean(axis=0))


def star(rng: np.random.Generator) -> Polygon:
    spikes = int(rng.integers(4, 12))
    theta = np.arange(2 * spikes) * math.pi / spikes
    radius = np.where(np.arange(2 * spikes) % 2, rng.uniform(0.3, 0.8), 1.0)
    return _smoothed(_polar(theta, radius), int(rng.integers(0, 4)))


def ring(rng: np.random.Generator) -> Polygon:
    """An arc with a width, open or nearly closed: handles, cables, tyres, crescents."""
    span = rng.uniform(0.5, 0.98) * TAU
    theta = np.linspace(0, span, 48) + rng.uniform(0, TAU)
    width = rng.uniform(0.05, 0.35) * np.interp(np.linspace(0, 1, 48), [0, 0.5, 1], rng.uniform(0.4, 1, 3))
    return thickened(_polar(theta, np.full(48, 0.85)), width[:, None])


def wire(rng: np.random.Generator) -> Polygon:
    """Long and thin."""
    x = np.linspace(-1, 1, 24)
    y = np.cumsum(rng.normal(0, 0.05, 24))
    width = np.full((24, 1), rng.uniform(0.006, 0.03))
    return turned(thickened(np.stack([x, y], axis=1), width), rng.uniform(0, TAU))


def stem(rng: np.random.Generator) -> Polygon:
    """The spine (24, 2) of a stem, from its foot at (0, 1) up to about (0, -1); not an outline."""
    y = np.linspace(1, -1, 24)
    sway = np.cumsum(rng.normal(0, 0.03, 24)) + rng.normal(0, 0.2) * (1 - y) ** 2 / 4
    return np.stack([sway - sway[0], y], axis=1)


def thickened(spine: Polygon, half_width: NDArray[np.float64] | float) -> Polygon:
    """A band around a curve; half_width is one or (n, 1)."""
    direction = np.gradient(spine, axis=0)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True) + 1e-6
    normal = np.stack([-direction[:, 1], direction[:, 0]], axis=1)
    return np.concatenate([spine + normal * half_width, (spine - normal * half_width)[::-1]])


SOLID: list[ShapeFamily] = [superellipse, blob, rectangle]
LIMBS: list[ShapeFamily] = [stroke, superellipse, vase, blob, rectangle]
FEATURES: list[ShapeFamily] = [superellipse, rectangle, superellipse, blob, star]
FAMILIES: list[ShapeFamily] = [
    *[blob] * 5,
    *[polygon] * 2,
    *[superellipse] * 3,
    *[rectangle] * 3,
    *[vase] * 3,
    *[stroke] * 2,
    star,
    ring,
]


def _polar(theta: NDArray[np.float64], radius: NDArray[np.float64]) -> Polygon:
    return np.stack([radius * np.cos(theta), radius * np.sin(theta)], axis=1)


def _smoothed(outline: Polygon, rounds: int) -> Polygon:
    """Corners cut `rounds` times (Chaikin 1974)."""
    for _ in range(rounds):
        following = np.roll(outline, -1, axis=0)
        cut = np.stack([0.75 * outline + 0.25 * following, 0.25 * outline + 0.75 * following], axis=1)
        outline = cut.reshape(-1, 2)
    return outline
