"""The camera: uneven light, shadows from outside, tone, blur, noise, JPEG."""

from __future__ import annotations

import math
from statistics import NormalDist

import cv2
import numpy as np

from limner.train.scenes.light import blurred, darken, scale
from limner.train.scenes.patterns import ByteMap, FloatMap, line_kernel
from limner.train.scenes.shapes import fill, random_shape

NORMAL = np.array([NormalDist().inv_cdf((level + 0.5) / 256) for level in range(256)], np.float32)
"""Random bytes become normal numbers by this table, eight times faster than by numpy's generator."""


def finish(rng: np.random.Generator, image: FloatMap) -> ByteMap:
    """A painted scene (S, S, 3), float -> the same as a camera might have stored it, uint8."""
    _light(rng, image)
    stored: ByteMap = np.clip(image, 0, 255).astype(np.uint8)
    stored = _noisy(rng, _unsharp(rng, _tone(rng, stored)))
    if rng.random() < 0.07:
        stored = cv2.cvtColor(cv2.cvtColor(stored, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if rng.random() < 0.5:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 96))]
        stored = np.asarray(cv2.imdecode(cv2.imencode(".jpg", stored, quality)[1], cv2.IMREAD_COLOR))
    return stored


def normal_noise(rng: np.random.Generator, shape: tuple[int, int, int], strength: float) -> FloatMap:
    """Normal numbers (h, w, channels) with the standard deviation `strength`."""
    height, width, channels = shape
    raw = np.frombuffer(rng.bytes(height * width * channels), np.uint8).reshape(height, width * channels)
    return cv2.LUT(raw, NORMAL * np.float32(strength)).reshape(shape)


def _light(rng: np.random.Generator, image: FloatMap) -> None:
    """Soft blobs of light, and the edge of a shadow that falls across things and is none itself; in place."""
    height, width = image.shape[:2]
    if rng.random() < 0.3:
        light = rng.uniform(0.45, 1.5, (3, 3)).astype(np.float32)
        scale(image, cv2.resize(light, (width, height), interpolation=cv2.INTER_CUBIC))
    if rng.random() < 0.2:
        shadow: ByteMap = np.zeros((height, width), np.uint8)
        fill(shadow, random_shape(rng) * width * rng.uniform(0.2, 0.7) + rng.uniform(0, width, 2))
        darken(image, blurred(shadow, rng.uniform(0.7, 8)), rng.uniform(0.2, 0.6))


def _tone(rng: np.random.Generator, image: ByteMap) -> ByteMap:
    """Gamma, white balance, contrast."""
    curve: FloatMap = np.repeat(np.arange(256, dtype=np.float32)[:, None], 3, axis=1)  # (256, RGB)
    if rng.random() < 0.5:
        curve = 255 * (curve / 255) ** math.exp(rng.normal(0, 0.3))
    if rng.random() < 0.5:
        curve = curve * np.exp(rng.normal(0, 0.12, 3))
    if rng.random() < 0.3:
        curve = (curve - 128) * rng.uniform(0.4, 1.2) + rng.uniform(90, 160)
    return cv2.LUT(image, np.clip(curve, 0, 255).astype(np.uint8)[None])


def _unsharp(rng: np.random.Generator, image: ByteMap) -> ByteMap:
    kind = rng.random()
    if kind < 0.5:
        return cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.6))
    if kind < 0.56:  # the camera moved
        return cv2.filter2D(image, -1, line_kernel(int(rng.integers(3, 8)), rng.uniform(0, math.pi)))
    return image


def _noisy(rng: np.random.Generator, image: ByteMap) -> ByteMap:
    if rng.random() >= 0.5:
        return image
    height, width = image.shape[:2]
    channels = 3 if rng.random() < 0.5 else 1
    noise = normal_noise(rng, (height, width, channels), abs(rng.normal(0, 8)))
    if rng.random() < 0.3:
        noise = 1.7 * cv2.GaussianBlur(noise, (0, 0), 0.8).reshape(height, width, channels)
    if channels == 1:
        noise = cv2.merge([noise, noise, noise])
    return cv2.add(image, noise, dtype=cv2.CV_8U)
