"""Which masks of two sets belong together."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from limner.quality.masks import iou_matrix
from limner.quality.matching import Labelled, match, score
from limner.vocabulary import rle


def strip(left: int, right: int):
    mask = np.zeros((10, 100), np.bool_)
    mask[:, left:right] = True
    return rle.encode(mask)


def test_each_mask_is_in_one_pair_and_the_sum_of_iou_is_the_greatest():
    # taking the best pair first (0-30 with 0-26: 0.87) would leave 0.5 for the other: 1.37 in all instead of 1.52
    reference = [strip(0, 30), strip(0, 20)]
    given_masks = [strip(0, 26), strip(0, 40)]

    pairs = match(reference, given_masks)

    assert [(pair.reference, pair.given) for pair in pairs] == [(0, 1), (1, 0)]
    assert [pair.iou for pair in pairs] == [pytest.approx(30 / 40), pytest.approx(20 / 26)]


def test_masks_with_little_in_common_are_no_pair():
    assert match([strip(0, 20)], [strip(10, 30)]) == []
    assert len(match([strip(0, 20)], [strip(0, 40)])) == 1  # exactly half


def test_what_has_no_partner_is_missed_or_extra():
    reference = [Labelled(strip(0, 20), 1), Labelled(strip(40, 60), 2)]
    given_masks = [Labelled(strip(0, 18), 3), Labelled(strip(70, 80), 2), Labelled(strip(85, 99), None)]

    found = score(reference, given_masks)

    assert (found.missed, found.extra) == (1, 2)
    assert found.mask_iou == [pytest.approx(0.9)]
    assert found.categories == [(1, 3)]
    assert len(found.boundary_iou) == 1
    assert 0 < found.boundary_iou[0] < 1


def test_nothing_given_misses_everything_and_nothing_wanted_makes_everything_extra():
    some = [Labelled(strip(0, 20), 1)]

    assert (score(some, []).missed, score(some, []).extra) == (1, 0)
    assert (score([], some).missed, score([], some).extra) == (0, 1)
    assert (score([], []).missed, score([], []).mask_iou) == (0, [])


@settings(max_examples=40, deadline=None)
@given(arrays(np.bool_, (4, 3, 8)), arrays(np.bool_, (4, 3, 8)))
def test_no_other_assignment_has_a_greater_sum(ones, others):
    reference, given_masks = [rle.encode(mask) for mask in ones], [rle.encode(mask) for mask in others]
    matrix = iou_matrix(reference, given_masks)
    matrix[matrix < 0.3] = 0

    best = max(sum(matrix[row, column] for row, column in enumerate(order)) for order in permutations(range(4)))

    assert sum(pair.iou for pair in match(reference, given_masks, 0.3)) == pytest.approx(best)
