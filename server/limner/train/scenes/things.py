"""Things: a body with limbs, parts and subparts, in units of the body's radius."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from limner.train.scenes import shapes
from limner.train.scenes.materials import Colour, Material, PatternSource
from limner.train.scenes.patterns import TAU
from limner.train.scenes.shapes import Polygon, random_shape, turned

WHOLE, PART, SUBPART = 0, 1, 2  # label layers


@dataclass(frozen=True)
class Piece:
    """One painted piece of a thing."""

    outline: Polygon
    material: Material
    layer: int  # WHOLE for the body, PART or SUBPART
    holes: list[Polygon] = field(default_factory=list)
    parent: int = 0  # index of the piece that clips this one
    clipped: bool = False  # by its parent; otherwise it may stick out and belongs to the whole's silhouette
    behind: bool = False  # painted before the body


Thing = list[Piece]  # the body first


def make_thing(
    rng: np.random.Generator, patterns: PatternSource, material: Material | None = None, simple: bool = False
) -> Thing:
    """A random thing; a simple one is a body and nothing else."""
    material = material or Material(rng, patterns)
    body = random_shape(rng)
    thing = [Piece(body, material, WHOLE, holes=_holes(rng, body) if rng.random() < 0.18 else [])]
    if simple:
        return thing
    if rng.random() < 0.35:
        thing += _limbs(rng, patterns, body, material)
    if rng.random() < 0.6:
        for _ in range(int(rng.integers(1, 4))):
            thing += _parts(rng, patterns, body, material, first_index=len(thing))
    return thing


def turned_thing(thing: Thing, angle: float) -> Thing:
    """The same thing, rotated."""
    return [
        replace(piece, outline=turned(piece.outline, angle), holes=[turned(hole, angle) for hole in piece.holes])
        for piece in thing
    ]


def make_wire(rng: np.random.Generator, patterns: PatternSource) -> Thing:
    """A cable, a twig, a pole."""
    return [Piece(shapes.wire(rng), Material(rng, patterns), WHOLE)]


def make_plant(rng: np.random.Generator, patterns: PatternSource) -> Thing:
    """A thin stem with thin twigs, most of them with a leaf, fruit or flower: one whole of almost nothing but edges."""
    green, end_material = Material(rng, patterns), Material(rng, patterns)
    stem = shapes.stem(rng)
    plant = [Piece(shapes.thickened(stem, rng.uniform(0.008, 0.05)), green, WHOLE)]
    leaf = random_shape(rng, shapes.LIMBS) * rng.uniform(0.08, 0.3)
    side = rng.choice([-1.0, 1.0])
    for _ in range(int(rng.integers(3, 10))):
        root = stem[rng.integers(len(stem) // 4, len(stem))]
        side = -side
        direction = turned(np.array([[1.0, 0.0]]), side * rng.uniform(0.3, 1.4) - TAU / 4)[0]
        tip = root + direction * rng.uniform(0.15, 0.7)
        twig = shapes.thickened(np.linspace(root, tip, 6), rng.uniform(0.006, 0.03))
        plant.append(Piece(twig, green, PART, behind=rng.random() < 0.5))
        if rng.random() < 0.7:
            end = turned(leaf, rng.uniform(0, TAU)) * rng.uniform(0.6, 1.3) + tip
            plant.append(Piece(end, end_material, PART, behind=rng.random() < 0.3))
    return plant


def _holes(rng: np.random.Generator, body: Polygon) -> list[Polygon]:
    """One hole of any form, the body's own outline again (frames, tyres, rings), or a row or grid of them."""
    kind = rng.random()
    if kind < 0.4:
        return [random_shape(rng, shapes.SOLID) * rng.uniform(0.3, 0.7)]
    if kind < 0.65:
        return [body * rng.uniform(0.45, 0.88)]
    columns, rows = (int(count) for count in rng.integers(1, 5, 2))
    pitch = 1.5 / max(columns, rows, 2)
    hole = random_shape(rng, shapes.SOLID) * pitch * rng.uniform(0.25, 0.45)
    places = [(column - (columns - 1) / 2, row - (rows - 1) / 2) for column in range(columns) for row in range(rows)]
    return [hole + np.array(place) * pitch for place in places]


def _limbs(rng: np.random.Generator, patterns: PatternSource, body: Polygon, material: Material) -> Thing:
    limb_material = material if rng.random() < 0.5 else Material(rng, patterns)
    mirrored = rng.random() < 0.5
    limbs: Thing = []
    for index in range(int(rng.integers(1, 5))):
        anchor = body[rng.integers(len(body))] * 0.9
        if rng.random() < 0.25:  # legs, masts, antennae
            outline = shapes.wire(rng) * rng.uniform(0.4, 1.1) + anchor
        else:
            outline = random_shape(rng, shapes.LIMBS) * rng.uniform(0.25, 0.7) + anchor
        surface = limb_material if rng.random() < 0.8 else Material(rng, patterns)
        limb = Piece(outline, surface, PART, behind=rng.random() < 0.5)
        limbs.append(limb)
        if mirrored and index < 3:
            limbs.append(replace(limb, outline=outline * [-1, 1]))
    return limbs


def _parts(
    rng: np.random.Generator, patterns: PatternSource, body: Polygon, material: Material, first_index: int
) -> Thing:
    """One part inside the body with subparts, or several equal ones (windows, eyes, buttons)."""
    surface = _part_material(rng, patterns, material.middle_colour)
    kind = rng.random()
    if 0.5 <= kind < 0.75:
        return _repeated_features(rng, surface)
    if kind < 0.25:
        outline = _wavy_half(rng)
    elif kind < 0.4:
        outline = _band(rng)
    elif kind < 0.5:
        outline = body * rng.uniform(0.5, 0.92)
    else:
        outline = random_shape(rng) * rng.uniform(0.15, 0.7) + rng.normal(0, 0.35, 2)
    parts = [Piece(outline, surface, PART, clipped=True)]
    if rng.random() < 0.4:
        centre = outline[rng.integers(len(outline))] * 0.3 if kind >= 0.5 else rng.normal(0, 0.35, 2)
        feature = random_shape(rng) * rng.uniform(0.08, 0.35)
        detail = Material(rng, patterns)
        for index in range(int(rng.integers(1, 4))):
            place = centre + rng.normal(0, 0.2, 2) * (index > 0)
            parts.append(Piece(feature + place, detail, SUBPART, parent=first_index, clipped=True))
    return parts


def _part_material(rng: np.random.Generator, patterns: PatternSource, colour: Colour) -> Material:
    """Mostly another material, sometimes a lighter or darker shade of the same."""
    if rng.random() < 0.7:
        return Material(rng, patterns)
    shade = np.clip(colour * np.exp(rng.normal(0, 0.4)), 0, 255).astype(np.float32)
    return Material(rng, patterns, base=shade)


def _repeated_features(rng: np.random.Generator, surface: Material) -> Thing:
    feature = random_shape(rng, shapes.FEATURES) * rng.uniform(0.06, 0.25)
    start, step = rng.normal(0, 0.4, 2), rng.normal(0, 0.35, 2)
    count = int(rng.integers(2, 6))
    outlines = [feature + start + step * (index - count / 2) for index in range(count)]
    return [Piece(outline, surface, PART, clipped=True) for outline in outlines]


def _wavy_half(rng: np.random.Generator) -> Polygon:
    """Everything on one side of a wavy line."""
    x = np.linspace(-3, 3, 24)
    wave = np.sin(x * rng.uniform(0.5, 4) + rng.uniform(0, TAU))
    y = rng.normal(0, 0.4) + rng.normal(0, 0.15) * wave
    outline = np.concatenate([np.stack([x, y], axis=1), [[3, 4], [-3, 4]]])
    return turned(outline, rng.uniform(0, TAU))


def _band(rng: np.random.Generator) -> Polygon:
    half_width, offset = rng.uniform(0.08, 0.4), rng.normal(0, 0.4)
    low, high = offset - half_width, offset + half_width
    return turned(np.array([[-3, low], [3, low], [3, high], [-3, high]]), rng.uniform(0, TAU))
