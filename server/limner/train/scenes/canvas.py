"""Painting things onto an image and, at the same time, into its three label layers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.train.scenes.light import Light, blurred, bulge, darken, light_gradient, mixed, scale
from limner.train.scenes.materials import Material, PatternSource
from limner.train.scenes.patterns import TAU, ByteMap, FloatMap
from limner.train.scenes.shapes import Polygon, fill, turned
from limner.train.scenes.things import PART, SUBPART, WHOLE, Piece, Thing

LAYERS = 3  # whole, part, subpart
MAX_LABEL = 254
INSIDE = 127  # a pixel belongs to a mask that covers at least half of it


@dataclass(frozen=True)
class Window:
    """A rectangle of the canvas, in pixels."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def around(cls, outline: Polygon, size: int) -> Window:
        """What of a canvas `size` wide and high an outline touches; may be empty."""
        left, top = np.clip(np.floor(outline.min(axis=0)).astype(int) - 1, 0, size)
        right, bottom = np.clip(np.ceil(outline.max(axis=0)).astype(int) + 2, 0, size)
        return cls(int(left), int(top), int(right), int(bottom))

    @property
    def size(self) -> tuple[int, int]:
        return max(0, self.bottom - self.top), max(0, self.right - self.left)

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def within(self, other: Window) -> tuple[slice, slice]:
        """Where this one lies in an array that covers the other one, which contains it."""
        rows = slice(self.top - other.top, self.bottom - other.top)
        return rows, slice(self.left - other.left, self.right - other.left)

    def cut(self, other: Window) -> Window:
        """What both have in common; may be empty."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        return Window(left, top, max(left, min(self.right, other.right)), max(top, min(self.bottom, other.bottom)))

    def moved(self, dx: int, dy: int, grown: int, size: int) -> Window:
        """Moved, grown on all sides, and cut off at the canvas's borders."""
        moved = Window(self.left + dx - grown, self.top + dy - grown, self.right + dx + grown, self.bottom + dy + grown)
        return moved.cut(Window(0, 0, size, size))


@dataclass(frozen=True)
class Stencil:
    """Where one piece is painted: a mask (h, w) with smooth edges that covers a window."""

    window: Window
    mask: ByteMap

    @classmethod
    def of(cls, outline: Polygon, holes: list[Polygon], window: Window) -> Stencil:
        mask = np.zeros(window.size, np.uint8)
        if mask.size:
            corner = (window.left, window.top)
            fill(mask, outline - corner)
            for hole in holes:
                fill(mask, hole - corner, 0)
        return cls(window, mask)


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
            scale(self.image, light_gradient(rng, size, size))

    def place(self, thing: Thing, centre: NDArray[np.float64], radius: float) -> None:
        """Paint a thing, `radius` pixels per unit, with shadow, reflection and shading; what lies below is covered."""
        stencils = self._stencils(thing, centre, radius)
        silhouette = _silhouette(thing, stencils)
        if min(silhouette.window.size) < 3 or not silhouette.mask.any():
            return
        if self.light.casts_shadows:
            self._cast_shadow(silhouette, radius)
        view = self.image[silhouette.window.slices]
        behind_glass = view.copy() if self.rng.random() < 0.04 else None
        labels = self.labels[:, *silhouette.window.slices]
        labels[:, silhouette.mask > INSIDE] = 0
        labels[WHOLE][silhouette.mask > INSIDE] = self._next_label(WHOLE)
        has_limbs = any(not piece.clipped for piece in thing[1:])
        for index in sorted(range(len(thing)), key=lambda index: not thing[index].behind):
            if stencils[index].mask.any():
                self._paint_piece(thing[index], stencils[index], silhouette, radius, is_body=index == 0)
                self._label_piece(thing[index].layer, stencils[index], body_is_part=has_limbs)
        self._rim(view, silhouette.mask)
        if behind_glass is not None:
            view[:] = mixed(behind_glass, view, silhouette.mask, opacity=self.rng.uniform(0.5, 0.9))
        if self.light.mirror:
            self._reflect(view, silhouette)

    def _stencils(self, thing: Thing, centre: NDArray[np.float64], radius: float) -> list[Stencil]:
        """One per piece, clipped ones inside their parents."""
        stencils: list[Stencil] = []
        for piece in thing:
            outline = piece.outline * radius + centre
            window = Window.around(outline, self.size)
            if piece.clipped:
                window = window.cut(stencils[piece.parent].window)
            stencil = Stencil.of(outline, [hole * radius + centre for hole in piece.holes], window)
            if piece.clipped:
                parent = stencils[piece.parent]
                np.minimum(stencil.mask, parent.mask[window.within(parent.window)], out=stencil.mask)
            stencils.append(stencil)
        return stencils

    def _paint_region(self, outline: Polygon) -> None:
        rng = self.rng
        stencil = Stencil.of(outline, [], Window.around(outline, self.size))
        height, width = stencil.mask.shape
        if not stencil.mask.any():
            return
        texture = Material(rng, self.patterns).draw(rng, width, height, rng.random() < 0.6)
        if rng.random() < 0.5:
            scale(texture, light_gradient(rng, width, height))
        view = self.image[stencil.window.slices]
        view[:] = mixed(view, texture, stencil.mask)
        self.labels[WHOLE][stencil.window.slices][stencil.mask > INSIDE] = self._next_label(WHOLE)

    def _cast_shadow(self, silhouette: Stencil, radius: float) -> None:
        distance = 2 * self.light.shadow_distance * radius
        blur = max(0.6, self.light.shadow_blur * radius)
        dx, dy = (round(-distance * axis) for axis in self.light.direction)
        reach = silhouette.window.moved(dx, dy, int(3 * blur) + 1, self.size)
        moved = silhouette.window.moved(dx, dy, 0, self.size)  # what of the shadow falls onto the canvas
        if not min(moved.size) or not min(reach.size):
            return
        shadow = np.zeros(reach.size, np.uint8)
        source = moved.moved(-dx, -dy, 0, self.size)
        shadow[moved.within(reach)] = silhouette.mask[source.within(silhouette.window)]
        darken(self.image[reach.slices], blurred(shadow, blur), self.light.shadow_depth)

    def _reflect(self, painted: FloatMap, silhouette: Stencil) -> None:
        """The thing upside down on the ground below it, fading; a reflection is no mask."""
        height = min(silhouette.window.size[0], self.size - silhouette.window.bottom)
        if height < 3:
            return
        rows = slice(silhouette.window.bottom, silhouette.window.bottom + height)
        view = self.image[rows, silhouette.window.slices[1]]
        fading = np.linspace(self.light.mirror, 0, height, dtype=np.float32)[:, None]
        mask = (silhouette.mask[::-1][:height] * fading).astype(np.uint8)
        blur = self.rng.uniform(0.6, 3)
        upside_down = np.ascontiguousarray(painted[::-1][:height])
        view[:] = mixed(view, blurred(upside_down, blur), blurred(mask, blur))

    def _paint_piece(self, piece: Piece, stencil: Stencil, silhouette: Stencil, radius: float, is_body: bool) -> None:
        rng, mask = self.rng, stencil.mask
        height, width = mask.shape
        texture = piece.material.draw(rng, width, height)
        if is_body and self.light.shades_bodies:
            scale(texture, bulge(rng, self.light, (mask > INSIDE).astype(np.uint8), radius))
            np.clip(texture, 0, 255, out=texture)
        elif rng.random() < 0.3:
            scale(texture, light_gradient(rng, width, height))
        view = self.image[stencil.window.slices]
        if piece.layer != WHOLE and rng.random() < (0.15 if piece.clipped else 0.35):  # contact shadow
            around = silhouette.mask[stencil.window.within(silhouette.window)]
            darken(view, np.minimum(blurred(mask, max(0.6, 0.02 * radius)), around), 0.5)
        view[:] = mixed(view, texture, mask)

    def _label_piece(self, layer: int, stencil: Stencil, body_is_part: bool) -> None:
        """Write a new label into its layer and clear the finer layers; a body with limbs is a part too."""
        inside = stencil.mask > INSIDE
        labels = self.labels[:, *stencil.window.slices]
        if layer == SUBPART:
            labels[SUBPART][inside] = self._next_label(SUBPART)
            return
        labels[PART][inside] = self._next_label(PART) if layer == PART or body_is_part else 0
        labels[SUBPART][inside] = 0

    def _rim(self, view: FloatMap, mask: ByteMap) -> None:
        """Sometimes a dark or bright outline, sometimes a gradient of light."""
        rng = self.rng
        kind = rng.random()
        if kind < 0.15:
            edge = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
            darken(view, edge, rng.uniform(0.2, 0.8))
            if rng.random() < 0.3:
                view += (0.3 * edge.astype(np.float32))[..., None]
        elif kind < 0.3:
            gradient = light_gradient(rng, mask.shape[1], mask.shape[0])
            scale(view, 1 + (gradient - 1) * np.multiply(mask, 1 / 255, dtype=np.float32))

    def _next_label(self, layer: int) -> int:
        self._last_label[layer] = self._last_label[layer] % MAX_LABEL + 1
        return self._last_label[layer]


def _silhouette(thing: Thing, stencils: list[Stencil]) -> Stencil:
    """The union of all pieces that are not clipped."""
    pieces = [stencil for piece, stencil in zip(thing, stencils, strict=True) if not piece.clipped]
    if len(pieces) == 1:
        return pieces[0]
    windows = [stencil.window for stencil in pieces if min(stencil.window.size)]
    if not windows:
        return pieces[0]
    left, top = min(window.left for window in windows), min(window.top for window in windows)
    union = Window(left, top, max(window.right for window in windows), max(window.bottom for window in windows))
    mask = np.zeros(union.size, np.uint8)
    for stencil in pieces:
        if min(stencil.window.size):
            place = stencil.window.within(union)
            np.maximum(mask[place], stencil.mask, out=mask[place])
    return Stencil(union, mask)


def _horizon(rng: np.random.Generator, size: int, height: float, angle: float) -> Polygon:
    """Everything below a line at `height`, straight or wavy, turned around the middle of the canvas."""
    x = np.linspace(-size, 2 * size, 160)
    y = np.full_like(x, height)
    amplitude = float(rng.choice([0, 0, 1, 1])) * rng.uniform(0, 0.12) * size
    for k in range(1, 8):
        y += amplitude * k**-1.3 * rng.normal() * np.sin(x / size * k * rng.uniform(1, 9) + rng.uniform(0, TAU))
    outline = np.concatenate([np.stack([x, y], axis=1), [[2 * size, 3 * size], [-size, 3 * size]]])
    return turned(outline - size / 2, angle) + size / 2
