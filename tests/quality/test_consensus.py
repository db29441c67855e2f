"""Groups of masks and the mask that stands for a group, against cases worked out by hand and brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from limner.quality.consensus import consensus_mask, disputed_pixels, group, most_said
from limner.vocabulary import rle

HEIGHT, WIDTH = 24, 32


def box(left: int, top: int, width: int, height: int):
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[top : top + height, left : left + width] = True
    return rle.encode(mask)


def signed_distance(mask: np.ndarray) -> np.ndarray:
    """By brute force: the least chessboard distance to a pixel of the other kind; there is none beyond the image."""
    padded = np.pad(mask, 1)
    ys, xs = np.indices(padded.shape)
    result = np.zeros(padded.shape, int)
    for y, x in np.ndindex(padded.shape):
        others = padded != padded[y, x]
        away = np.maximum(np.abs(ys - y), np.abs(xs - x))[others].min()
        result[y, x] = away if padded[y, x] else -away
    return result[1:-1, 1:-1]


def test_masks_of_one_thing_are_a_group_and_what_matches_nothing_is_alone():
    maker = {1: 10, 2: 20, 3: 30, 4: 10, 5: 20}

    assert group([(1, 2, 0.9), (2, 3, 0.8), (1, 3, 0.7)], maker) == [[1, 2, 3], [4], [5]]


def test_nobody_has_two_masks_in_a_group_and_the_best_pair_wins():
    maker = {1: 10, 2: 20, 3: 30, 4: 10}  # 1 and 4 are of one person, 2 matches both by way of 3

    assert group([(1, 2, 0.9), (2, 3, 0.6), (3, 4, 0.8)], maker) == [[1, 2], [3, 4]]
    assert group([(1, 2, 0.9), (2, 3, 0.8), (3, 4, 0.6)], maker) == [[1, 2, 3], [4]]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11), st.floats(0.5, 1)), max_size=30))
def test_groups_hold_each_mask_once_and_each_person_at_most_once_in_any_order_of_pairs(pairs):
    maker = {number: number % 3 for number in range(12)}
    matches = [each for each in pairs if maker[each[0]] != maker[each[1]]]

    groups = group(matches, maker)

    assert sorted(number for each in groups for number in each) == list(range(12))
    for each in groups:
        assert len({maker[number] for number in each}) == len(each)
    assert group(reversed(matches), maker) == groups


@settings(max_examples=40, deadline=None)
@given(arrays(np.bool_, (3, 7, 9)))
def test_of_three_masks_the_consensus_is_the_majority_of_each_pixel(masks):
    expected = masks.sum(axis=0) >= 2

    found = rle.decode(consensus_mask([rle.encode(mask) for mask in masks]))

    assert np.array_equal(found, expected)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 2).map(lambda half: 2 * half).flatmap(lambda count: arrays(np.bool_, (count, 6, 8))))
def test_of_an_even_number_ties_go_by_the_mean_signed_distance(masks):
    votes = masks.sum(axis=0)
    if not masks.any(axis=(1, 2)).all():  # of an empty mask everything is as far away as can be
        return
    total = sum(signed_distance(mask) for mask in masks)
    expected = (2 * votes > len(masks)) | ((2 * votes == len(masks)) & (total >= 0))

    found = rle.decode(consensus_mask([rle.encode(mask) for mask in masks]))

    assert np.array_equal(found, expected)


def test_between_two_boxes_the_boundary_runs_in_the_middle():
    found = consensus_mask([box(8, 8, 8, 8), box(4, 4, 16, 16)])

    assert rle.bbox(found) == [6, 6, 12, 12]
    assert rle.area(found) == 144


def test_disputed_is_what_some_have_and_others_have_not():
    found = disputed_pixels([box(8, 8, 8, 8), box(8, 8, 8, 8), box(8, 8, 10, 8)])

    assert found == box(16, 8, 2, 8)
    assert rle.area(disputed_pixels([box(0, 0, 3, 3)])) == rle.area(disputed_pixels([box(0, 0, 0, 0)])) == 0


def test_of_one_mask_it_is_that_mask_and_of_nothing_it_is_nothing():
    one, empty = box(1, 2, 3, 4), box(0, 0, 0, 0)

    assert consensus_mask([one]) == one
    assert rle.area(consensus_mask([empty, empty])) == 0
    assert rle.area(consensus_mask([one, empty])) == 0


def test_two_masks_that_have_nothing_in_common_leave_nothing_but_where_both_are_as_near():
    far = consensus_mask([box(0, 0, 4, 4), box(20, 10, 4, 4)])

    assert rle.area(far) == 0


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1, 1, 2], (1, True)), ([2, 1], (2, False)), ([None, None], (None, True)), ([None, 3, 3], (3, True))],
)
def test_a_category_is_the_one_that_most_gave(values, expected):
    assert most_said(values) == expected
