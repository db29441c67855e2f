"""The camera: uneven light, shadows from outside, tone, blur, noise, JPEG."""

from __future__ import annotations

import math

import cv2
import numpy as np

from limner.train.scenes.patterns import ByteMap, FloatMap, line_kernel
from limner.train.scenes.shapes import fill, random_shape


def finish(rng: np.random.Generator, image: FloatMap) -> ByteMap:
    """A painted scene (S, S, 3), float -> the same as a camera might have stored it, uint8."""
    image = _tone(rng, _lit(rng, image))
    image = _noisy(rng, _unsharp(rng, image))
    stored: ByteMap = np.clip(image, 0, 255).astype(np.uint8)
    if rng.random() < 0.07:
        stored = cv2.cvtColor(cv2.cvtColor(stored, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    if rng.random() < 0.5:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 96))]
        stored = np.asarray(cv2.imdecode(cv2.imencode(".jpg", stored, quality)[1], cv2.IMREAD_COLOR))
    return stored


def _lit(rng: np.random.Generator, image: FloatMap) -> FloatMap:
    """Soft blobs of light, and the edge of a shadow that falls across things and is none itself."""
    height, width = image.shape[:2]
    if rng.random() < 0.3:
        light = rng.uniform(0.45, 1.5, (3, 3)).astype(np.float32)
        image = image * cv2.resize(light, (width, height), interpolation=cv2.INTER_CUBIC)[..., None]
    if rng.random() < 0.2:
        shadow: ByteMap = np.zeros((height, width), np.uint8)
        fill(shadow, random_shape(rng) * width * rng.uniform(0.2, 0.7) + rng.uniform(0, width, 2))
        shadow = cv2.GaussianBlur(shadow, (0, 0), rng.uniform(0.7, 8))
        image = image * (1 - np.float32(rng.uniform(0.2, 0.6) / 255) * shadow[..., None])
    return image


def _tone(rng: np.random.Generator, image: FloatMap) -> FloatMap:
    """Gamma, white balance, contrast."""
    if rng.random() < 0.5:
        image = 255 * np.clip(image / 255, 0, 1) ** np.float32(math.exp(rng.normal(0, 0.3)))
    if rng.random() < 0.5:
        image = image * np.exp(rng.normal(0, 0.12, 3)).astype(np.float32)
    if rng.random() < 0.3:
        image = (image - 128) * np.float32(rng.uniform(0.4, 1.2)) + np.float32(rng.uniform(90, 160))
    return image


def _unsharp(rng: np.random.Generator, image: FloatMap) -> FloatMap:
    kind = rng.random()
    if kind < 0.5:
        return cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.6))
    if kind < 0.56:  # the camera moved
        return cv2.filter2D(image, -1, line_kernel(int(rng.integers(3, 8)), rng.uniform(0, math.pi)))
    return image


def _noisy(rng: np.random.Generator, image: FloatMap) -> FloatMap:
    if rng.random() >= 0.5:
        return image
    height, width = image.shape[:2]
    strength = np.float32(abs(rng.normal(0, 8)))
    noise = rng.standard_normal((height, width, 3 if rng.random() < 0.5 else 1), dtype=np.float32)
    if rng.random() < 0.3:
        noise = 1.7 * np.asarray(cv2.GaussianBlur(noise, (0, 0), 0.8)).reshape(height, width, -1)
    return np.asarray(image + strength * noise, np.float32)
