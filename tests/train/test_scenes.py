from __future__ import annotations

import numpy as np

from limner.train.scenes import SceneGenerator


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
