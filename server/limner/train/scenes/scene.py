"""What stands where: scatter, still life, piles of equal things, crowds, camouflage."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from limner.train.scenes.canvas import Canvas
from limner.train.scenes.finish import finish
from limner.train.scenes.light import blurred
from limner.train.scenes.materials import Material, PatternSource
from limner.train.scenes.patterns import TAU
from limner.train.scenes.things import Thing, make_plant, make_thing, make_wire, turned_thing


@dataclass(frozen=True)
class Placement:
    """Where one thing goes. Without a thing, one is made when its turn comes."""

    centre: NDArray[np.float64]  # x, y in pixels
    radius: float  # px
    thing: Thing | None = None
    camouflaged: bool = False  # coloured like the ground under its centre


def paint_scene(rng: np.random.Generator, patterns: PatternSource, size: int) -> tuple[NDArray[np.uint8], ...]:
    """One scene: image (S, S, 3) RGB uint8 and labels (3, S, S) uint8 for whole, part and subpart; 0 is none."""
    canvas = Canvas(rng, patterns, size)
    canvas.paint_ground()
    placements = list(_arrange(rng, patterns, size))
    focus = int(rng.integers(len(placements))) if rng.random() < 0.3 else None
    for index, placement in enumerate(placements):
        if index == focus:  # what was painted so far is out of focus
            canvas.image = blurred(canvas.image, rng.uniform(0.8, 5) * size / 256)
        thing = placement.thing or _make(canvas, placement)
        canvas.place(thing, placement.centre, placement.radius)
    return finish(rng, canvas.image), canvas.labels


def _arrange(rng: np.random.Generator, patterns: PatternSource, size: int) -> Iterator[Placement]:
    kind = rng.random()
    if kind < 0.4:
        placements = _scatter(rng, size)
    elif kind < 0.7:
        placements = _still_life(rng, size)
    elif kind < 0.84:
        placements = _pile(rng, patterns, size)
    elif kind < 0.92:
        placements = _crowd(rng, patterns, size)
    else:
        placements = _camouflage(rng, size)
    if kind < 0.7 and rng.random() < 0.6:  # small things in front
        placements.sort(key=lambda placement: -placement.radius)
    yield from placements
    if rng.random() < 0.1:
        for _ in range(int(rng.integers(1, 4))):
            yield Placement(_anywhere(rng, size), size * rng.uniform(0.1, 0.4), make_plant(rng, patterns))
    if rng.random() < 0.12:
        for _ in range(int(rng.integers(1, 5))):
            yield Placement(_anywhere(rng, size), size * rng.uniform(0.3, 0.8), make_wire(rng, patterns))


def _scatter(rng: np.random.Generator, size: int) -> list[Placement]:
    """Many things whose sizes follow a power law."""
    return [
        Placement(rng.uniform(-0.05, 1.05, 2) * size, size * min(0.45, 0.035 * (1 + rng.pareto(1.3))))
        for _ in range(int(rng.integers(3, 26)))
    ]


def _still_life(rng: np.random.Generator, size: int) -> list[Placement]:
    """A few large things near the middle and some small ones."""
    large = [
        Placement(rng.normal(0.5, 0.22, 2) * size, size * rng.uniform(0.1, 0.42))
        for _ in range(int(rng.integers(1, 6)))
    ]
    small = [Placement(_anywhere(rng, size), size * rng.uniform(0.02, 0.1)) for _ in range(int(rng.integers(0, 8)))]
    return large + small


def _pile(rng: np.random.Generator, patterns: PatternSource, size: int) -> list[Placement]:
    """Equal things, heaped or in rows: coins, crowds, windows."""
    model = make_thing(rng, patterns, simple=rng.random() < 0.5)
    radius = size * rng.uniform(0.05, 0.2)
    in_rows, turning = rng.random() < 0.3, rng.random() < 0.6
    placements = []
    for index in range(int(rng.integers(4, 22))):
        centre = _anywhere(rng, size)
        if in_rows:
            cell = np.array([index % 5 + 0.5, index // 5 + 0.5]) / 5
            centre = cell * size + rng.normal(0, 0.01 * size, 2)
        thing = turned_thing(model, rng.uniform(0, TAU)) if turning else model
        placements.append(Placement(centre, radius * math.exp(rng.normal(0, 0.12)), thing))
    others = [Placement(_anywhere(rng, size), size * rng.uniform(0.04, 0.3)) for _ in range(int(rng.integers(0, 4)))]
    return placements + others


def _crowd(rng: np.random.Generator, patterns: PatternSource, size: int) -> list[Placement]:
    """Similar upright things behind each other, smaller towards the horizon: people, bottles, trees, parked cars."""
    models = [make_thing(rng, patterns, simple=rng.random() < 0.3) for _ in range(int(rng.integers(1, 5)))]
    horizon, nearest = rng.uniform(0, 0.6) * size, rng.uniform(0.08, 0.2) * size
    width = rng.uniform(0.4, 1.0)  # of the image
    placements = []
    for depth in np.sort(rng.uniform(0.15, 1, int(rng.integers(10, 34)))):
        centre = np.array([0.5 + rng.uniform(-0.5, 0.5) * width, 0.0]) * size
        centre[1] = horizon + depth * (size - horizon)
        model = models[int(rng.integers(len(models)))]
        placements.append(Placement(centre, nearest * depth * math.exp(rng.normal(0, 0.1)), model))
    return placements


def _camouflage(rng: np.random.Generator, size: int) -> list[Placement]:
    return [
        Placement(rng.uniform(0.05, 0.95, 2) * size, size * rng.uniform(0.06, 0.35), camouflaged=True)
        for _ in range(int(rng.integers(2, 10)))
    ]


def _make(canvas: Canvas, placement: Placement) -> Thing:
    rng, size = canvas.rng, canvas.size
    if not placement.camouflaged:
        return make_thing(rng, canvas.patterns, simple=placement.radius < 0.05 * size)
    column, row = np.clip(placement.centre, 0, size - 1).astype(int)
    colour = np.clip(canvas.image[row, column] + rng.normal(0, 14, 3), 0, 255).astype(np.float32)
    material = Material(rng, canvas.patterns, base=colour)
    return make_thing(rng, canvas.patterns, material, simple=rng.random() < 0.6)


def _anywhere(rng: np.random.Generator, size: int) -> NDArray[np.float64]:
    return rng.uniform(0, 1, 2) * size
