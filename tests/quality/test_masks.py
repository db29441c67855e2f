"""IoU of masks and of their boundaries, against masks drawn by hand and the definition by brute force."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from limner.quality.masks import boundary, boundary_iou, iou_matrix, patch_of
from limner.vocabulary import rle


def square(height: int, width: int, left: int, top: int, side: int):
    mask = np.zeros((height, width), np.bool_)
    mask[top : top + side, left : left + side] = True
    return rle.encode(mask)


def reference_boundary(mask: np.ndarray, distance: int) -> np.ndarray:
    """As ``mask_to_boundary`` of the paper's authors does it: so many erosions by 3 × 3, the image's edge outside."""
    padded = np.pad(mask.astype(np.uint8), 1)
    eroded = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=distance)
    return mask & ~eroded[1:-1, 1:-1].astype(np.bool_)


def test_the_iou_of_masks_is_the_share_of_their_union_that_both_have():
    one, other = square(20, 30, 0, 0, 10), square(20, 30, 5, 0, 10)

    assert iou_matrix([one, other], [one])[:, 0].tolist() == [1.0, pytest.approx(50 / 150)]


def test_nothing_has_an_iou_of_zero_with_anything():
    empty = rle.encode(np.zeros((20, 30), np.bool_))

    assert iou_matrix([empty], [empty, square(20, 30, 0, 0, 10)]).tolist() == [[0.0, 0.0]]
    assert iou_matrix([], [empty]).shape == (0, 1)
    assert boundary_iou(empty, empty) == 0


def test_a_boundary_is_the_band_along_the_edge_of_a_mask():
    band = boundary(square(100, 100, 10, 20, 10), 2)

    assert (band.left, band.top, band.pixels.shape) == (10, 20, (10, 10))
    assert band.pixels.sum() == 10 * 10 - 6 * 6


def test_boundary_iou_is_that_of_the_bands_worked_out_by_hand():
    # the diagonal of 30 x 40 is 50, of which 2 % are one pixel: bands of 36 pixels, shifted by one to the right
    one, other = square(30, 40, 10, 10, 10), square(30, 40, 11, 10, 10)
    common = 2 * 9  # of top and bottom; the left edges and the right edges lie beside each other

    assert boundary_iou(one, other) == pytest.approx(common / (36 + 36 - common))
    assert boundary_iou(one, one) == 1


def test_a_hole_that_is_missing_counts_more_along_the_boundary_than_by_area():
    mask = np.zeros((400, 300), np.bool_)
    mask[50:350, 50:250] = True
    holed = mask.copy()
    holed[150:200, 100:150] = False

    by_area = iou_matrix([rle.encode(mask)], [rle.encode(holed)])[0, 0]

    assert boundary_iou(rle.encode(mask), rle.encode(holed)) < by_area < 1


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.bool_, st.tuples(st.integers(1, 24), st.integers(1, 24))),
    st.integers(1, 5),
)
def test_bands_are_those_of_erosion_whatever_the_mask(mask, distance):
    band = boundary(rle.encode(mask), distance)

    whole = np.zeros_like(mask)
    tall, wide = band.pixels.shape
    whole[band.top : band.top + tall, band.left : band.left + wide] = band.pixels

    assert (whole == reference_boundary(mask, distance)).all()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 40).flatmap(
        lambda side: st.tuples(arrays(np.bool_, (side, 2 * side)), arrays(np.bool_, (side, 2 * side)))
    ),
    st.sampled_from([0.02, 0.1]),
)
def test_boundary_iou_is_the_iou_of_the_reference_s_bands(masks, ratio):
    one, other = masks
    distance = max(1, round(ratio * np.hypot(*one.shape)))
    first, second = reference_boundary(one, distance), reference_boundary(other, distance)
    either = (first | second).sum()

    found = boundary_iou(rle.encode(one), rle.encode(other), ratio)

    assert found == pytest.approx((first & second).sum() / either if either else 0)


@settings(max_examples=60, deadline=None)
@given(arrays(np.bool_, st.tuples(st.integers(1, 24), st.integers(1, 24))))
def test_the_patch_of_a_mask_is_the_mask_in_its_bounding_box(mask):
    patch = patch_of(rle.encode(mask))

    whole = np.zeros_like(mask)
    tall, wide = patch.pixels.shape
    whole[patch.top : patch.top + tall, patch.left : patch.left + wide] = patch.pixels

    assert (whole == mask).all()
