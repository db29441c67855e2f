"""Ranks of images by what they would teach, on vectors in a plane, where it can be seen."""

from __future__ import annotations

import numpy as np
import pytest

from limner.quality.informative import rank, uncertainty_of

NOBODY = np.zeros((0, 2), np.float32)
COMPASS = np.asarray([[1, 0], [1, 0.01], [0, 1], [-1, 0], [0, -1], [0.01, -1]], np.float32)


def test_what_the_model_is_unsure_of_comes_first() -> None:
    ranking = rank(np.asarray([0.1, 0.9, 0.5, 0.9, 0.3, 0.2]), COMPASS, NOBODY, "uncertainty")
    assert ranking.order.tolist() == [1, 3, 2, 4, 5, 0]


def test_near_copies_come_after_everything_else() -> None:
    ranking = rank(np.full(6, 0.5), COMPASS, NOBODY, "diversity")
    first, *_ = order = ranking.order.tolist()
    assert first == 0
    assert sorted(order[:4]) == [0, 2, 3, 4] or sorted(order[:4]) == [0, 2, 3, 5]
    assert {1} <= set(order[4:])
    assert ranking.distances[order[-1]] < 0.01


def test_what_looks_like_annotated_images_comes_last() -> None:
    annotated = np.asarray([[1, 0], [0, 1]], np.float32)
    ranking = rank(np.full(4, 0.5), np.asarray([[1, 0], [0, 1], [-1, 0], [0, -1]], np.float32), annotated, "both")
    assert set(ranking.order[:2].tolist()) == {2, 3}
    assert ranking.distances[[0, 1]] == pytest.approx(0, abs=1e-6)


def test_both_is_the_product_of_uncertainty_and_distance() -> None:
    """Of two images that are equally unlike the rest the unsure one comes first; a sure one may come before a copy."""
    vectors = np.asarray([[1, 0], [1, 0], [-1, 0], [0, 1]], np.float32)
    ranking = rank(np.asarray([0.9, 0.8, 0.3, 0.5]), vectors, NOBODY, "both")
    assert ranking.order[0] == 0
    assert ranking.order[-1] == 1  # the same as the first, though the model is unsure of it


def test_behind_the_spread_images_come_by_what_they_are_worth_then() -> None:
    uncertainties = np.linspace(0.1, 0.9, 50)
    vectors = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    some, all_of_them = (rank(uncertainties, vectors, np.zeros((0, 8), np.float32), "both", n) for n in (5, 50))
    assert some.order[:5].tolist() == all_of_them.order[:5].tolist()
    for ranking in (some, all_of_them):
        assert sorted(ranking.order.tolist()) == list(range(50))
    assert (some.distances >= all_of_them.distances - 1e-9).all()


def test_uncertainty_is_one_minus_the_mean() -> None:
    assert uncertainty_of(1.0, 1.0, 1.0) == 0
    assert uncertainty_of(0.4, 0.5, 0.6) == pytest.approx(0.5)
    assert uncertainty_of(-1.0, 0.0, 0.0) == 1


def test_images_like_those_whose_masks_took_many_clicks_count_as_more_uncertain() -> None:
    annotated = np.asarray([[1, 0], [0, 1]], np.float32)
    vectors = np.asarray([[1, 0.1], [0.1, 1]], np.float32)
    ranking = rank(np.full(2, 0.4), vectors, annotated, "uncertainty", clicks=np.asarray([6.0, 1.0]))
    assert ranking.order.tolist() == [0, 1]
    assert ranking.clicks is not None
    assert ranking.clicks.tolist() == pytest.approx([6.0, 1.0], abs=0.01)
    turned = rank(np.full(2, 0.4), vectors, annotated, "uncertainty", clicks=np.asarray([1.0, 6.0]))
    assert turned.order.tolist() == [1, 0]
    surer = rank(np.asarray([0.0, 0.9]), vectors, annotated, "uncertainty", clicks=np.asarray([2.0, 1.0]))
    assert surer.order.tolist() == [1, 0], "how unsure the model is counts as much"


def test_without_known_clicks_only_the_model_says_how_uncertain_images_are() -> None:
    annotated = np.asarray([[1, 0], [0, 1]], np.float32)
    unknown = rank(np.asarray([0.1, 0.9]), COMPASS[:2], annotated, "uncertainty", clicks=np.full(2, np.nan))
    assert unknown.clicks is None
    assert unknown.order.tolist() == [1, 0]
    one = rank(np.full(6, 0.4), COMPASS, annotated, "uncertainty", clicks=np.asarray([np.nan, 0.0]))
    assert one.clicks is not None
    assert one.clicks.tolist() == [1.0] * 6, "a mask that was taken as it was suggested counts as one click"
