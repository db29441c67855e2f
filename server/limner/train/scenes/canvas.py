"""Painting things onto an image and, at the same time, into its three label layers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.train.scenes.materials import Material, PatternSource
from limner.train.scenes.patterns import TAU, ByteMap, FloatMap
from limner.train.scenes.shapes import Polygon, fill, turned
from limner.train.scenes.things import PART, SUBPART, WHOLE, Thing

LAYERS = 3  # whole, part, subpart
MAX_LABEL = 254
INSIDE = 127  # a pixel belongs to a mask that covers at least half of it


@dataclass(frozen=True)
class Light:
    """One light for all things of a scene."""

    direction: tuple[float, float]
    casts_shadows: bool
    shades_bodies: bool
    shadow_distance: float  # per unit of a thing's radius
    shadow_blur: float  # per unit of a thing's radius
    shadow_depth: float  # 0 to 1

    @classmethod
    def random(cls, rng: np.random.Generator) -> Light:
        theta = rng.uniform(0, TAU)
        return cls(
            direction=(math.cos(theta), math.sin(theta)),
            casts_shadows=rng.random() < 0.6,
            shades_bodies=rng.random() < 0.6,
            shadow_distance=rng.uniform(0.02, 0.12),
            shadow_blur=rng.uniform(0.01, 0.08),
            shadow_depth=rng.uniform(0.2, 0.7),
        )


@dataclass(frozen=True)
class _Window:
    """The part of the canvas that a thing touches."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> tuple[int, int]:
        return self.bottom - self.top, self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def grown(self, pixels: int, size: int) -> _Window:
        return _Window(
            max(0, self.left - pixels),
            max(0, self.top - pixels),
            min(size, self.right + pixels),
            min(size, self.bottom + pixels),
        )


class Canvas:
    """A square image (S, S, 3) in the making, RGB float, with labels (3, S, S) uint8; 0 is no label."""

    def __init__(self, rng: np.random.Generator, patterns: PatternSource, size: int):
        self.rng, self.patterns, self.size = rng, patterns, size
        self.image: FloatMap = np.zeros((size, size, 3), np.float32)
        self.labels = np.zeros((LAYERS, size, size), np.uint8)
        self.light = Light.random(rng)
        self._last_label = [0] * LAYERS

    def paint_ground(self) -> None:
        """A material all over, usually cut into regions by wavy lines, usually with a gradient of light."""
        rng, size = self.rng, self.size
        self.image[:] = Material(rng, self.patterns).draw(rng, size, size, rng.random() < 0.4)
        if rng.random() < 0.6:
            self.labels[WHOLE] = self._next_label(WHOLE)
            angle = float(rng.choice([0, 0, 0, math.pi / 2, rng.uniform(0, TAU)]))
            for height in np.sort(rng.uniform(0.05, 0.95, int(rng.integers(1, 5)))) * size:
                self._paint_region(_horizon(rng, size, height, angle))
        if rng.random() < 0.5:
            self.image *= light_gradient(rng, size, size)

    def place(self, thing: Thing, centre: NDArray[np.float64], radius: float) -> None:
        """Paint a thing, `radius` pixels per unit, with shadow and shading; what lies below is covered."""
        window = self._window(thing, centre, radius)
        if min(window.size) < 3:
            return
        offset = centre - (window.left, window.top)
        masks, silhouette = _piece_masks(thing, window.size, offset, radius)
        if not silhouette.any():
            return
        if self.light.casts_shadows:
            self._cast_shadow(silhouette, window, radius)
        colour, labels = self._paint_pieces(thing, masks, silhouette, radius)
        alpha = _alpha(silhouette)
        if self.rng.random() < 0.04:  # glass
            alpha = alpha * np.float32(self.rng.uniform(0.5, 0.9))
        rows, columns = window.slices
        below = self.image[rows, columns]
        self.image[rows, columns] = below + (np.clip(colour, 0, 255) - below) * alpha
        covered = silhouette > INSIDE
        self.labels[:, rows, columns][:, covered] = labels[:, covered]

    def _paint_region(self, outline: Polygon) -> None:
        rng, size = self.rng, self.size
        mask = np.zeros((size, size), np.uint8)
        fill(mask, outline)
        texture = Material(rng, self.patterns).draw(rng, size, size, rng.random() < 0.6)
        if rng.random() < 0.5:
            texture *= light_gradient(rng, size, size)
        self.image += (texture - self.image) * _alpha(mask)
        self.labels[WHOLE][mask > INSIDE] = self._next_label(WHOLE)

    def _window(self, thing: Thing, centre: NDArray[np.float64], radius: float) -> _Window:
        outlines = np.concatenate([piece.outline for piece in thing if not piece.clipped]) * radius + centre
        left, top = np.maximum(np.floor(outlines.min(axis=0)).astype(int) - 2, 0)
        right, bottom = np.minimum(np.ceil(outlines.max(axis=0)).astype(int) + 3, self.size)
        return _Window(int(left), int(top), int(right), int(bottom))

    def _cast_shadow(self, silhouette: ByteMap, window: _Window, radius: float) -> None:
        distance = self.light.shadow_distance * radius
        blur = max(0.6, self.light.shadow_blur * radius)
        reach = window.grown(int(3 * blur + distance + 2), self.size)
        shadow: FloatMap = np.zeros(reach.size, np.float32)
        top, left = window.top - reach.top, window.left - reach.left
        shadow[top : top + window.size[0], left : left + window.size[1]] = silhouette
        dx, dy = (-2 * distance * axis for axis in self.light.direction)
        shift = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
        shadow = cv2.warpAffine(shadow, shift, shadow.shape[::-1])
        shadow = blurred(shadow, blur)
        self.image[reach.slices] *= 1 - (self.light.shadow_depth / 255) * shadow[..., None]

    def _paint_pieces(
        self, thing: Thing, masks: list[ByteMap], silhouette: ByteMap, radius: float
    ) -> tuple[FloatMap, ByteMap]:
        """Colour (h, w, 3) and labels (3, h, w) of a thing inside its window."""
        rng = self.rng
        height, width = silhouette.shape
        colour: FloatMap | None = None
        labels = np.zeros((LAYERS, height, width), np.uint8)
        labels[WHOLE][silhouette > INSIDE] = self._next_label(WHOLE)
        has_limbs = any(not piece.clipped for piece in thing[1:])
        order = sorted(range(len(thing)), key=lambda index: not thing[index].behind)
        for index in order:
            piece, mask = thing[index], masks[index]
            if not mask.any():
                continue
            texture = piece.material.draw(rng, width, height)
            if index == 0 and self.light.shades_bodies:
                texture *= self._bulge(mask, radius)
            elif rng.random() < 0.3:
                texture *= light_gradient(rng, width, height)
            if colour is None:
                colour = texture
            else:
                if piece.layer != WHOLE and rng.random() < (0.15 if piece.clipped else 0.35):
                    colour *= 1 - 0.5 * _alpha(blurred(mask, max(0.6, 0.02 * radius)))  # contact shadow
                colour += (texture - colour) * _alpha(mask)
            self._label_piece(labels, piece.layer, mask > INSIDE, body_is_part=has_limbs)
        assert colour is not None, "a silhouette without pixels is not painted"
        return self._rim(colour, silhouette), labels

    def _label_piece(self, labels: ByteMap, layer: int, inside: NDArray[np.bool_], body_is_part: bool) -> None:
        """Write a new label into its layer and clear the finer layers; a body with limbs is a part too."""
        if layer == WHOLE:
            labels[PART][inside] = self._next_label(PART) if body_is_part else 0
            labels[SUBPART][inside] = 0
        elif layer == PART:
            labels[PART][inside] = self._next_label(PART)
            labels[SUBPART][inside] = 0
        else:
            labels[SUBPART][inside] = self._next_label(SUBPART)

    def _rim(self, colour: FloatMap, silhouette: ByteMap) -> FloatMap:
        """Sometimes a dark or bright outline, sometimes a gradient of light."""
        rng = self.rng
        kind = rng.random()
        if kind < 0.15:
            edge = _alpha(cv2.morphologyEx(silhouette, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)))
            colour = colour * (1 - edge * np.float32(rng.uniform(0.2, 0.8)))
            if rng.random() < 0.3:
                colour = colour + 76 * edge
        elif kind < 0.3:
            colour *= light_gradient(rng, silhouette.shape[1], silhouette.shape[0])
        return colour

    def _bulge(self, mask: ByteMap, radius: float) -> FloatMap:
        """Shading (h, w, 1) as if the body were thicker in its middle."""
        rng = self.rng
        depth = rng.uniform(0.1, 1.0) * max(3.0, radius)
        padded = cv2.copyMakeBorder((mask > INSIDE).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
        distance = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
        relief = blurred(np.sqrt(np.minimum(distance / depth, 1)), max(0.8, 0.06 * depth))
        steepness = rng.uniform(0.2, 1.2) * depth
        slope_x = cv2.Sobel(relief, -1, 1, 0, scale=1 / 8) * steepness
        slope_y = cv2.Sobel(relief, -1, 0, 1, scale=1 / 8) * steepness
        towards_light = slope_x * self.light.direction[0] + slope_y * self.light.direction[1]
        shade = towards_light / np.sqrt(1 + slope_x**2 + slope_y**2)
        return np.clip(1 - rng.uniform(0.3, 0.9) * shade, 0.15, 1.9)[..., None].astype(np.float32)

    def _next_label(self, layer: int) -> int:
        self._last_label[layer] = self._last_label[layer] % MAX_LABEL + 1
        return self._last_label[layer]


def light_gradient(rng: np.random.Generator, width: int, height: int) -> FloatMap:
    """Factors (height, width, 1) that rise along some direction."""
    theta, strength = rng.uniform(0, TAU), rng.uniform(0, 0.6)
    x = np.linspace(-1, 1, width, dtype=np.float32)[None] * np.float32(strength * math.cos(theta))
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * np.float32(strength * math.sin(theta))
    return np.clip(1 + x + y, 0.1, 2)[..., None]


def blurred(values: FloatMap | ByteMap, sigma: float) -> FloatMap:
    """Gaussian blur; large ones are done on a smaller copy."""
    height, width = values.shape[:2]
    shrink = int(sigma / 3)
    if shrink < 2 or min(height, width) <= 2 * shrink:
        return cv2.GaussianBlur(values, (0, 0), sigma)
    small = cv2.resize(values, (width // shrink, height // shrink), interpolation=cv2.INTER_AREA)
    return cv2.resize(cv2.GaussianBlur(small, (0, 0), sigma / shrink), (width, height))


def _piece_masks(
    thing: Thing, size: tuple[int, int], offset: NDArray[np.float64], radius: float
) -> tuple[list[ByteMap], ByteMap]:
    """A smooth-edged mask per piece, clipped ones inside their parents, and the silhouette of all."""
    masks: list[ByteMap] = []
    silhouette = np.zeros(size, np.uint8)
    for piece in thing:
        mask = np.zeros(size, np.uint8)
        fill(mask, piece.outline * radius + offset)
        for hole in piece.holes:
            fill(mask, hole * radius + offset, 0)
        if piece.clipped:
            mask = np.minimum(mask, masks[piece.parent])
        else:
            silhouette = np.maximum(silhouette, mask)
        masks.append(mask)
    return masks, silhouette


def _horizon(rng: np.random.Generator, size: int, height: float, angle: float) -> Polygon:
    """Everything below a line at `height`, straight or wavy, turned around the middle of the canvas."""
    x = np.linspace(-size, 2 * size, 160)
    y = np.full_like(x, height)
    amplitude = float(rng.choice([0, 0, 1, 1])) * rng.uniform(0, 0.12) * size
    for k in range(1, 8):
        y += amplitude * k**-1.3 * rng.normal() * np.sin(x / size * k * rng.uniform(1, 9) + rng.uniform(0, TAU))
    outline = np.concatenate([np.stack([x, y], axis=1), [[2 * size, 3 * size], [-size, 3 * size]]])
    return turned(outline - size / 2, angle) + size / 2


def _alpha(mask: FloatMap | ByteMap) -> FloatMap:
    return (mask.astype(np.float32) / 255)[..., None]
