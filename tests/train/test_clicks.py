from __future__ import annotations

import numpy as np
import pytest

from limner.train.clicks import (
    Click,
    correcting_click,
    deepest_point,
    first_click,
    likely_point,
    noisy_box,
    simulated_correction,
)
from limner.train.config import PromptMix
from limner.train.targets import FirstPrompt, choose_targets


def square(top: int, left: int, size: int) -> np.ndarray:
    mask = np.zeros((40, 50), bool)
    mask[top : top + size, left : left + size] = True
    return mask


def test_deepest_point_is_the_middle() -> None:
    assert deepest_point(square(10, 20, 9))[:2] == (24, 14)


def test_the_image_border_bounds_a_mask() -> None:
    column, row, depth = deepest_point(np.ones((21, 41), bool))
    assert (row, depth) == (10, pytest.approx(11, abs=0.5))
    assert 10 <= column <= 30


def test_correction_goes_to_the_largest_error() -> None:
    target = square(5, 5, 15)
    assert correcting_click(square(0, 0, 0), target) == Click(12, 12, foreground=True)
    assert correcting_click(target | square(25, 30, 11), target) == Click(35, 30, foreground=False)
    assert correcting_click(target, target) is None


def test_jittered_clicks_lie_around_the_middle_of_one_part() -> None:
    target = square(5, 5, 21) | square(30, 40, 9)
    rng = np.random.default_rng(1)
    points = np.array([likely_point(target, rng) for _ in range(2000)])
    columns, rows = points.T
    assert (square(5, 5, 21)[rows, columns]).all()  # of two parts, in the deeper one
    assert len({tuple(point) for point in points}) > 200
    assert np.abs(points.mean(0) - 15).max() < 0.5
    # For a square, the density of a coordinate t of -1 to 1 is (1 - t²) · 3 / 4, whose deviation is 1 / √5.
    assert np.abs(points.std(0) - 11 / 5**0.5).max() < 0.5


def test_a_jittered_correction_lies_in_the_largest_error() -> None:
    target, surplus = square(5, 5, 15), square(25, 30, 11)
    rng = np.random.default_rng(2)
    clicks = [correcting_click(target | surplus, target, rng) for _ in range(30)]
    assert all(click is not None and surplus[click.y, click.x] and not click.foreground for click in clicks)
    assert len(set(clicks)) > 10
    assert correcting_click(target, target, rng) is None


def test_simulated_clicks_say_the_truth() -> None:
    rng = np.random.default_rng(0)
    target, predicted = square(5, 5, 20), square(10, 12, 20)
    for _ in range(50):
        click = first_click(target, rng)
        assert target[click.y, click.x]
        click = simulated_correction(predicted, target, rng)
        assert predicted[click.y, click.x] != target[click.y, click.x]
        assert click.foreground == target[click.y, click.x]


def test_boxes_stay_near_and_inside() -> None:
    rng = np.random.default_rng(0)
    boxes = np.array([noisy_box(square(2, 10, 30), rng) for _ in range(100)])
    assert (boxes >= 0).all()
    assert (boxes <= 50).all()
    assert np.abs(boxes - [10, 2, 40, 32]).max() <= 0.03 * 50 + 1e-3
    assert boxes.std(axis=0).min() > 0.1


def test_targets_nest_under_the_click() -> None:
    labels = np.zeros((3, 64, 64), np.uint8)
    labels[0, 8:56, 8:56] = 1
    labels[1, 16:48, 16:48] = 7
    mix = PromptMix(per_image=6, boxes=0.3, boxes_with_click=0.2)
    targets = choose_targets(np.random.default_rng(1), labels, mix)
    assert len(targets) == 6
    for target in targets:
        x, y = target.click.astype(int)
        assert target.masks[0, y // 2, x // 2] or _near_edge(target.masks[0], x // 2, y // 2)
        assert target.present[0] == 1
        assert bool(target.present[1]) == (labels[1, y, x] > 0 or target.masks[0].sum() < 24 * 24)
    assert {target.prompt for target in targets} <= set(FirstPrompt)


def _near_edge(mask: np.ndarray, x: int, y: int) -> bool:
    return bool(mask[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].any())


def test_an_empty_scene_has_no_targets() -> None:
    assert choose_targets(np.random.default_rng(0), np.zeros((3, 64, 64), np.uint8), PromptMix()) == []
