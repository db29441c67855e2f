from __future__ import annotations

import dataclasses

import numpy as np

from limner.train.scenes import SceneGenerator, shapes
from limner.train.scenes.canvas import Canvas
from limner.train.scenes.materials import Material
from limner.train.scenes.patterns import ByteMap
from limner.train.scenes.things import WHOLE, Piece, make_plant


def test_a_scene_depends_on_its_number_alone() -> None:
    forwards, backwards = SceneGenerator(5), SceneGenerator(5)
    expected = [forwards.scene(index, 64) for index in range(4)]
    for index in reversed(range(4)):
        scene = backwards.scene(index, 64)
        assert np.array_equal(scene.image, expected[index].image)
        assert np.array_equal(scene.labels, expected[index].labels)


def test_seeds_and_numbers_give_different_scenes() -> None:
    images = [SceneGenerator(seed).scene(index, 64).image for seed in (1, 2) for index in (0, 1)]
    for a in range(4):
        for b in range(a):
            assert not np.array_equal(images[a], images[b])


def test_parts_lie_inside_wholes() -> None:
    generator = SceneGenerator(9)
    parts = 0
    for index in range(12):
        scene = generator.scene(index, 96)
        assert scene.image.shape == (96, 96, 3)
        assert scene.image.dtype == np.uint8
        assert scene.labels.shape == (3, 96, 96)
        whole, part, subpart = scene.labels
        assert (whole[part > 0] > 0).all()
        assert (part[subpart > 0] > 0).all()
        parts += int(part.max() > 0)
    assert parts >= 3


def flat_pattern(rng: np.random.Generator) -> ByteMap:
    return np.full((64, 64), 128, np.uint8)


def canvas_with(seed: int, **light: float) -> Canvas:
    rng = np.random.default_rng(seed)
    canvas = Canvas(rng, flat_pattern, 96)
    canvas.light = dataclasses.replace(canvas.light, casts_shadows=False, **light)
    return canvas


def test_the_ground_shows_through_a_hole() -> None:
    canvas = canvas_with(1, mirror=0.0)
    square = shapes.rectangle(np.random.default_rng(3))
    frame = Piece(square, Material(canvas.rng, flat_pattern), WHOLE, holes=[square * 0.5])
    canvas.place([frame], np.array([48.0, 48.0]), 30.0)
    assert canvas.labels[WHOLE, 48, 48] == 0
    assert canvas.labels[WHOLE, 48, 48 - 22] > 0
    assert not canvas.image[48, 48].any()


def test_a_thing_may_stick_out_of_the_picture() -> None:
    for seed in range(20):
        canvas = canvas_with(seed, mirror=0.5)
        canvas.light = dataclasses.replace(canvas.light, casts_shadows=True)
        for centre in ((-10.0, 50.0), (100.0, 100.0), (48.0, 95.0), (300.0, 48.0)):
            canvas.place(make_plant(canvas.rng, flat_pattern), np.array(centre), 40.0)
        assert np.isfinite(canvas.image).all()


def test_a_reflection_is_seen_but_not_labelled() -> None:
    canvas = canvas_with(2, mirror=0.6)
    canvas.image += 10
    disc = shapes.superellipse(np.random.default_rng(0))
    material = Material(canvas.rng, flat_pattern, base=np.array([250.0, 200.0, 150.0]))
    canvas.place([Piece(disc, material, WHOLE)], np.array([48.0, 30.0]), 20.0)
    below = canvas.labels[WHOLE, 54:] == 0
    assert below.all()
    assert canvas.image[54:70, 40:56].mean() > 20
    assert canvas.image[:8].mean() == 10


def test_plants_are_thin() -> None:
    areas = []
    for seed in range(10):
        canvas = canvas_with(seed, mirror=0.0)
        canvas.place(make_plant(canvas.rng, flat_pattern), np.array([48.0, 48.0]), 40.0)
        plant = canvas.labels[WHOLE] > 0
        rows, columns = np.flatnonzero(plant.any(axis=1)), np.flatnonzero(plant.any(axis=0))
        areas.append(plant.sum() / ((np.ptp(rows) + 1) * (np.ptp(columns) + 1)))
    assert np.median(areas) < 0.4
