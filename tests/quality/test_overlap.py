"""Agreement of people on the same images: panoptic quality against its definition, intervals against simulation."""

import numpy as np
import pytest

from limner.quality.matching import match
from limner.quality.overlap import Comparison, Match, NumberedMask, Sums, agreement, compare, ratio
from limner.vocabulary import rle
from limner.vocabulary.intervals import Z_95

A, B = 1, 2


def box(left: int, top: int, width: int, height: int):
    mask = np.zeros((40, 60), np.bool_)
    mask[top : top + height, left : left + width] = True
    return rle.encode(mask)


def sums(*compared: Comparison) -> Sums:
    found = Sums()
    for each in compared:
        found.add(each)
    return found


def test_two_people_compare_as_worked_out_by_hand():
    first = [NumberedMask(1, box(0, 0, 10, 10), A), NumberedMask(2, box(30, 0, 10, 10), B)]
    second = [NumberedMask(7, box(0, 0, 10, 8), B), NumberedMask(8, box(0, 30, 5, 5), A)]

    found = compare(first, second)

    (one,) = found.matches
    assert (one.first, one.second, one.mask_iou) == (1, 7, pytest.approx(0.8))
    assert (one.first_category, one.second_category) == (A, B)
    assert (found.only_first, found.only_second) == ([B], [A])
    total = agreement([sums(found)])
    assert total.quality.value == pytest.approx(0.8 / (1 + 2 / 2))  # Σ IoU / (TP + FP/2 + FN/2)
    assert total.found.value == pytest.approx(2 * 1 / (2 + 2))  # F1
    assert total.quality.value == pytest.approx((total.found.value or 0) * (total.mask_iou.value or 0))  # RQ · SQ
    assert total.same_category.value == 0
    assert (total.images, total.matched, total.unmatched) == (1, 1, 2)


def test_agreement_is_the_same_whoever_comes_first():
    random = np.random.default_rng(5)
    first, second = (
        [NumberedMask(n, box(*random.integers(0, 30, 2), *random.integers(5, 10, 2)), n % 2) for n in range(6)]
        for _ in range(2)
    )

    assert agreement([sums(compare(first, second))]) == agreement([sums(compare(second, first))])
    assert {(one.first, one.second) for one in compare(first, second).matches} == {
        (first[pair.reference].number, second[pair.given].number)
        for pair in match([each.mask for each in first], [each.mask for each in second])
    }


def test_of_a_category_a_match_of_two_categories_is_missing_on_either_side():
    compared = Comparison([Match(1, 2, 0.9, 0.5, A, A), Match(3, 4, 0.8, 0.5, A, B)], [B], [A, A])

    of_a, of_b = compared.of_category(A), compared.of_category(B)

    assert ([each.mask_iou for each in of_a.matches], of_a.only_first, of_a.only_second) == ([0.9], [A], [A, A])
    assert (of_b.matches, of_b.only_first, of_b.only_second) == ([], [B], [B])
    assert compared.categories == {A, B}


def test_people_who_mark_nothing_agree_and_say_nothing_about_masks():
    found = sums(Comparison([], [], []))

    assert found.quality == 1
    assert agreement([found]).quality.value is None
    assert Sums().quality is None


def test_the_interval_of_a_mean_is_that_of_the_normal_distribution():
    values = [0.1, 0.4, 0.5, 0.8, 0.9]

    found = ratio(values, [1.0] * 5)

    half = Z_95 * np.std(values, ddof=1) / np.sqrt(5)
    assert (found.value, found.low, found.high) == (
        pytest.approx(np.mean(values)),
        pytest.approx(np.mean(values) - half),
        pytest.approx(np.mean(values) + half),
    )


def test_of_one_image_there_is_no_interval_and_of_none_no_value():
    assert ratio([0.5], [1.0]) == ratio([0.5, 0.0], [1.0, 0.0])
    assert (ratio([0.5], [1.0]).value, ratio([0.5], [1.0]).low) == (0.5, None)
    assert ratio([], []).value is None
    assert ratio([0.0], [0.0]).value is None


def test_about_95_of_100_intervals_hold_the_value_that_images_were_drawn_from():
    random = np.random.default_rng(11)
    held, trials = 0, 1000
    for _ in range(trials):
        weights = random.integers(1, 12, 60).astype(float)
        share = np.clip(random.normal(0.8, 0.08, 60), 0, 1)  # independent of the weights: the ratio tends to its mean
        found = ratio((share * weights).tolist(), weights.tolist())
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.8 <= found.high
    assert 0.92 <= held / trials <= 0.97


def test_the_interval_is_near_that_of_a_bootstrap_over_images():
    random = np.random.default_rng(3)
    x = random.integers(1, 9, 80).astype(float)
    y = x * random.uniform(0.5, 1, 80)
    draws = random.integers(0, 80, (4000, 80))
    low, high = np.quantile(y[draws].sum(axis=1) / x[draws].sum(axis=1), [0.025, 0.975])

    found = ratio(y.tolist(), x.tolist())

    assert (found.low, found.high) == (pytest.approx(low, abs=0.01), pytest.approx(high, abs=0.01))
