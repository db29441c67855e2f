"""Masks as polygons: exact under pycocotools, closed, along pixel edges, holes and all."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from limner.formats.coco.polygons import polygons_of
from limner.formats.coco.simplifying import simplify

MASKS = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14))


def rasterise(polygons: list[list[int]], height: int, width: int) -> NDArray[np.bool_]:
    if not polygons:
        return np.zeros((height, width), np.bool_)
    runs = coco_mask.frPyObjects([list(map(float, polygon)) for polygon in polygons], height, width)
    return coco_mask.decode(coco_mask.merge(runs)).astype(np.bool_)


def blobs(seed: int, height: int = 80, width: int = 120, sigma: float = 3) -> NDArray[np.bool_]:
    values = cv2.GaussianBlur(np.random.default_rng(seed).random((height, width)), (0, 0), sigma)
    return np.asarray(values > np.median(values))


@given(MASKS)
def test_pycocotools_gives_the_same_pixels_back(mask: NDArray[np.bool_]) -> None:
    assert (rasterise(polygons_of(mask), *mask.shape) == mask).all()


@pytest.mark.parametrize("seed", range(10))
def test_blobs_with_holes_come_back_too(seed: int) -> None:
    mask = blobs(seed)
    mask[::7, ::5] ^= True
    assert (rasterise(polygons_of(mask), *mask.shape) == mask).all()


@given(MASKS)
def test_one_polygon_for_each_part_with_the_area_of_its_pixels(mask: NDArray[np.bool_]) -> None:
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    polygons = polygons_of(mask)
    assert len(polygons) == count - 1
    areas = []
    for polygon in polygons:
        corners = np.asarray(polygon).reshape(-1, 2)
        following = np.roll(corners, -1, axis=0)
        steps = following - corners
        assert ((steps == 0).sum(axis=1) >= 1).all(), "every edge is horizontal or vertical"
        areas.append((corners[:, 0] * following[:, 1] - following[:, 0] * corners[:, 1]).sum() / 2)
    assert areas == [int((labels == part).sum()) for part in range(1, count)]


def test_a_rectangle_is_four_corners() -> None:
    mask = np.zeros((6, 8), np.bool_)
    mask[2:5, 1:7] = True
    assert polygons_of(mask) == [[1, 2, 7, 2, 7, 5, 1, 5]]


def test_a_hole_is_cut_out_along_a_line_of_no_width() -> None:
    mask = np.ones((5, 5), np.bool_)
    mask[2, 2] = False
    (polygon,) = polygons_of(mask)
    corners = list(zip(polygon[::2], polygon[1::2], strict=True))
    assert corners.count((0, 2)) == 2, "there and back"
    assert {(2, 2), (3, 2), (3, 3), (2, 3)} <= set(corners)
    filled = cv2.fillPoly(np.zeros((50, 50), np.uint8), [np.asarray(corners) * 10], 1)  # even-odd
    assert filled[25, 25] == 0
    assert filled[25, 5] == filled[5, 25] == filled[45, 45] == 1


def test_an_empty_mask_has_none() -> None:
    assert polygons_of(np.zeros((4, 4), np.bool_)) == []


@pytest.mark.parametrize("tolerance", [0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("seed", range(3))
def test_what_a_simpler_line_leaves_out_lies_within_the_tolerance(seed: int, tolerance: float) -> None:
    polygon = max(polygons_of(blobs(seed, 160, 200)), key=len)
    ring = list(zip(polygon[::2], polygon[1::2], strict=True))
    simpler = simplify(ring, tolerance)
    assert set(simpler) < set(ring)
    starts = np.asarray(simpler, float)
    along = np.roll(starts, -1, axis=0) - starts
    corners = np.asarray(ring, float)[:, None]
    share = np.clip(((corners - starts) * along).sum(-1) / (along**2).sum(-1), 0, 1)
    distances = np.linalg.norm(corners - (starts + share[..., None] * along), axis=-1).min(axis=1)
    assert distances.max() <= tolerance * 1.1


@pytest.mark.parametrize(("tolerance", "share", "iou"), [(0.75, 0.6, 0.97), (1.0, 0.3, 0.95), (2.0, 0.2, 0.9)])
def test_simpler_polygons_have_fewer_corners_and_cost_little(tolerance: float, share: float, iou: float) -> None:
    mask = blobs(0, 160, 240, sigma=8)
    mask[40:60, 40:70] = True
    mask[48:52, 50:60] = False  # a hole
    exact, simpler = polygons_of(mask), polygons_of(mask, tolerance)
    assert len(simpler) == len(exact), "no part is lost"
    assert sum(map(len, simpler)) < share * sum(map(len, exact))
    back = rasterise(simpler, *mask.shape)
    assert (back & mask).sum() / (back | mask).sum() > iou
    assert not back[49:51, 52:58].any()


@given(MASKS)
def test_simpler_polygons_of_anything_are_polygons(mask: NDArray[np.bool_]) -> None:
    polygons = polygons_of(mask, 1.0)
    assert len(polygons) == len(polygons_of(mask))
    assert all(len(polygon) >= 6 and len(polygon) % 2 == 0 for polygon in polygons)
    rasterise(polygons, *mask.shape)
