"""Grey textures, 512 × 512, made from nothing but random numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

FloatMap = NDArray[Any]  # float32; OpenCV's annotations cannot say so
ByteMap = NDArray[Any]  # uint8

TAU = 2 * math.pi
PATTERN_SIZE = 512  # px


def pattern(rng: np.random.Generator, size: int = PATTERN_SIZE) -> ByteMap:
    """One texture (size, size); a quarter of them are mixtures of two."""
    texture = _any_pattern(rng, size)
    if rng.random() < 0.25:
        texture = 0.5 * texture + 0.5 * _any_pattern(rng, size)
    return (np.clip(texture, 0, 1) * 255).astype(np.uint8)


def spectral(rng: np.random.Generator, size: int) -> FloatMap:
    """Random phases under a power-law or band-pass spectrum: clouds, bark, water, corals."""
    fy = np.fft.fftfreq(size)[:, None]
    fx = np.fft.rfftfreq(size)[None]
    theta = rng.uniform(0, TAU)
    stretch = math.exp(rng.normal(0, 0.7)) if rng.random() < 0.5 else 1.0
    u = (fx * math.cos(theta) + fy * math.sin(theta)) * stretch
    v = (-fx * math.sin(theta) + fy * math.cos(theta)) / stretch
    frequency = np.sqrt(u * u + v * v)
    frequency[0, 0] = 1
    if rng.random() < 0.3:
        centre = math.exp(rng.uniform(math.log(0.01), math.log(0.15)))
        amplitude = np.exp(-(((frequency - centre) / (centre * rng.uniform(0.1, 0.6))) ** 2))
    else:
        amplitude = frequency ** -rng.uniform(0.4, 2.2)
    amplitude[0, 0] = 0
    waves = np.fft.irfft2(amplitude * np.exp(1j * rng.uniform(0, TAU, amplitude.shape)), s=(size, size))
    waves = (waves / (waves.std() + 1e-9)).astype(np.float32)
    if rng.random() < 0.7:
        return np.asarray(np.clip(waves * 0.25 + 0.5, 0, 1))
    return np.asarray(1 / (1 + np.exp(-waves * np.float32(rng.uniform(1, 6)))))


def octaves(rng: np.random.Generator, size: int) -> FloatMap:
    """Value noise summed over octaves."""
    total = np.zeros((size, size), np.float32)
    amplitude = 1.0
    cells = int(rng.integers(2, 9))
    persistence = rng.uniform(0.35, 0.8)
    while cells < size // 2:
        noise = rng.random((cells, cells), dtype=np.float32)
        total += amplitude * cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC)
        amplitude *= persistence
        cells *= 2
    return _normalised(total)


def periodic(rng: np.random.Generator, size: int) -> FloatMap:
    """Waves, stripes, checks, dots or bricks, often bent."""
    x, y = _bent_grid(rng, size, float(rng.choice([0, 0, 3, 10, 30])))
    theta = rng.uniform(0, TAU)
    period = math.exp(rng.uniform(math.log(5), math.log(70)))  # px
    u = (x * math.cos(theta) + y * math.sin(theta)) / period
    v = (-x * math.sin(theta) + y * math.cos(theta)) / period * rng.choice([1, 1, 0.5])
    duty = rng.uniform(0.15, 0.85)
    row_shift = 0.5 * (np.floor(v) % 2)
    kind = rng.integers(5)
    texture: FloatMap
    if kind == 0:
        texture = np.sin(TAU * u) * 0.5 + 0.5
    elif kind == 1:
        texture = (u % 1) < duty
    elif kind == 2:
        texture = ((u % 1) < 0.5) ^ ((v % 1) < 0.5)
    elif kind == 3:
        texture = ((u + row_shift) % 1 - 0.5) ** 2 + (v % 1 - 0.5) ** 2 < (duty * 0.5) ** 2
    else:
        mortar = rng.uniform(0.04, 0.15)
        bricks = (((u + row_shift) % 1) > mortar) & ((v % 1) > mortar)
        shade = 0.6 + 0.4 * rng.random((64, 64))
        texture = bricks * shade[np.floor(v).astype(int) % 64, np.floor(u + row_shift).astype(int) % 64]
    return cv2.GaussianBlur(texture.astype(np.float32), (0, 0), rng.uniform(0.5, 1.5))


def leaves(rng: np.random.Generator, size: int) -> FloatMap:
    """Dead leaves: many small discs, ellipses or strokes on top of each other."""
    canvas = np.full((size, size), 128, np.uint8)
    scale = rng.uniform(4, 30)  # px
    kind = rng.integers(3)
    for _ in range(int(rng.integers(200, 900))):
        x, y = (int(c) for c in rng.integers(0, size, 2))
        radius = max(1, int(scale * min(3, rng.pareto(2) + 0.3)))
        grey = int(rng.integers(0, 256))
        if kind == 0:
            cv2.circle(canvas, (x, y), radius, grey, -1, cv2.LINE_AA)
        elif kind == 1:
            axes = (radius, max(1, radius // 3))
            cv2.ellipse(canvas, (x, y), axes, float(rng.uniform(0, 360)), 0, 360, grey, -1, cv2.LINE_AA)
        else:
            theta = rng.uniform(0, TAU)
            tip = (int(x + 3 * radius * math.cos(theta)), int(y + 3 * radius * math.sin(theta)))
            cv2.line(canvas, (x, y), tip, grey, int(rng.integers(1, 4)), cv2.LINE_AA)
    return canvas.astype(np.float32) / 255


def cells(rng: np.random.Generator, size: int) -> FloatMap:
    """Voronoi cells: their distance fields or a grey per cell."""
    seeds = np.full((size, size), 255, np.uint8)
    places = rng.integers(0, size, (int(rng.integers(30, 900)), 2))
    seeds[places[:, 0], places[:, 1]] = 0
    distance, owner = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    if rng.random() < 0.5:
        return _normalised(np.minimum(distance, np.percentile(distance, 98)).astype(np.float32))
    grey = rng.random(int(owner.max()) + 1).astype(np.float32)[owner]
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), 0.8))


def fur(rng: np.random.Generator, size: int) -> FloatMap:
    """Noise smeared along a direction, then bent."""
    length = int(rng.integers(7, 31))  # px
    theta = rng.uniform(0, math.pi)
    noise = cv2.filter2D(
        rng.random((size, size)).astype(np.float32),
        -1,
        line_kernel(length, theta),
        borderType=cv2.BORDER_REFLECT,
    )
    x, y = _bent_grid(rng, size, rng.uniform(5, 60))
    bent = cv2.remap(noise, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(np.clip((bent - bent.mean()) / (bent.std() + 1e-6) * 0.22 + 0.5, 0, 1))


def marble(rng: np.random.Generator, size: int) -> FloatMap:
    """Waves whose phase is noise."""
    y, x = np.mgrid[:size, :size].astype(np.float32) / size
    theta = rng.uniform(0, TAU)
    turbulence = octaves(rng, size)
    along = x * math.cos(theta) + y * math.sin(theta)
    phase = rng.uniform(1, 12) * along + rng.uniform(0.5, 4) * turbulence
    return np.asarray(np.sin(TAU * phase) * 0.5 + 0.5, np.float32)


def line_kernel(length: int, theta: float) -> FloatMap:
    """A (length, length) filter that smears along `theta`, summing to one."""
    kernel = np.zeros((length, length), np.float32)
    centre = (length - 1) / 2
    dx, dy = centre * math.cos(theta), centre * math.sin(theta)
    start = (round(centre - dx), round(centre - dy))
    end = (round(centre + dx), round(centre + dy))
    cv2.line(kernel, start, end, 1, 1)
    return np.asarray(kernel / kernel.sum())


FAMILIES: list[Callable[[np.random.Generator, int], FloatMap]] = [
    *[spectral] * 2,
    *[octaves] * 2,
    periodic,
    leaves,
    cells,
    fur,
    marble,
]


def _any_pattern(rng: np.random.Generator, size: int) -> FloatMap:
    return FAMILIES[rng.integers(len(FAMILIES))](rng, size)


def _normalised(values: FloatMap) -> FloatMap:
    low = values.min()
    return np.asarray((values - low) / (values.max() - low + 1e-6))


def _bent_grid(rng: np.random.Generator, size: int, strength: float) -> tuple[FloatMap, FloatMap]:
    """Pixel coordinates x, y displaced smoothly by about `strength` pixels."""
    y, x = np.mgrid[:size, :size].astype(np.float32)
    for axis in (x, y):
        knots = int(rng.integers(2, 12))
        bend = rng.normal(0, 1, (knots, knots)).astype(np.float32)
        axis += np.float32(strength) * cv2.resize(bend, (size, size), interpolation=cv2.INTER_CUBIC)
    return x, y
