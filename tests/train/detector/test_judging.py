"""Figures as COCO measures them."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest

from limner.train.detector.judging import Answer, Figures, judge
from limner.vocabulary import rle


def square(x: int, y: int, side: int = 10) -> rle.Rle:
    mask = np.zeros((64, 64), np.bool_)
    mask[y : y + side, x : x + side] = True
    return rle.encode(mask)


def box(score: float, x: float, y: float, side: float = 10) -> Answer:
    return Answer(score, box=(x, y, x + side, y + side))


def test_all_that_is_right_is_one() -> None:
    found = judge([[box(0.9, 0, 0)], [box(0.8, 20, 20)]], [[square(0, 0)], [square(20, 20)]])
    assert astuple(found) == pytest.approx((1, 1, 1, 1, 2, 2))


def test_what_is_missing_or_wrong_counts_against_it() -> None:
    objects = [[square(0, 0), square(20, 0), square(40, 0), square(0, 40)]]
    found = judge([[box(0.9, 0, 0), box(0.8, 50, 50), box(0.7, 20, 0)]], objects)
    assert found.recall == pytest.approx(0.5)
    # precision 1 up to recall .25, then 2/3 up to .5: 26 and 25 of the 101 recalls that COCO looks at
    assert found.ap50 == pytest.approx((26 + 25 * 2 / 3) / 101, abs=1e-3)


def test_a_box_that_is_half_right_is_right_at_low_thresholds_alone() -> None:
    found = judge([[Answer(0.9, box=(0, 0, 10, 7.2))]], [[square(0, 0)]])  # IoU .72: right at .50, .55, .60, .65, .70
    assert (found.ap50, found.recall) == pytest.approx((1, 1))
    assert (found.ap, found.ar100) == pytest.approx((0.5, 0.5))


def test_masks_are_compared_by_masks() -> None:
    corner = np.zeros((64, 64), np.bool_)
    corner[0:10, 0:10] = np.tri(10, dtype=np.bool_)  # the same box, 55 of 100 pixels
    found = judge([[Answer(0.9, mask=rle.encode(corner))]], [[square(0, 0)]])
    assert (found.ap50, found.ap) == pytest.approx((1, 0.2))  # right at .50 and .55


def test_nothing_found_and_nothing_to_find_are_zero() -> None:
    assert judge([[]], [[square(0, 0)]]) == Figures(0.0, 0.0, 0.0, 0.0, 1, 1)
    assert judge([[box(0.5, 0, 0)]], [[]]) == Figures(0.0, 0.0, 0.0, 0.0, 0, 1)
