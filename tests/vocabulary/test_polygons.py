"""Polygons -> masks: as pycocotools rasterises them, in memory bounded by the image wherever they lie."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from limner.errors import InvalidRle
from limner.vocabulary import polygons, rle
from limner.vocabulary.polygons import is_short, union_runs

NEAR = st.floats(-60, 90, allow_nan=False).map(lambda value: round(value, 2))
CORNERS = st.lists(st.tuples(NEAR, NEAR), min_size=3, max_size=9)


def computed(shapes: list[NDArray[np.float64]], height: int, width: int) -> NDArray[np.bool_]:
    return rle.decode(rle.from_counts(union_runs(shapes, height, width), (height, width)))


def walked(shapes: list[NDArray[np.float64]], height: int, width: int) -> NDArray[np.bool_]:
    parts = coco_mask.frPyObjects([shape.ravel().tolist() for shape in shapes], height, width)
    return coco_mask.decode(coco_mask.merge(parts)).astype(bool)


@settings(max_examples=300)
@given(st.lists(CORNERS, min_size=1, max_size=3), st.integers(1, 40), st.integers(1, 40), st.booleans())
def test_what_is_computed_is_what_pycocotools_walks_to(
    outlines: list[list[tuple[float, float]]], height: int, width: int, whole: bool
) -> None:
    shapes = [np.asarray(polygon) for polygon in outlines]
    shapes = [np.round(shape) for shape in shapes] if whole else shapes
    assert (computed(shapes, height, width) == walked(shapes, height, width)).all()


@pytest.mark.parametrize("far", [1e5, 1e6, 9e6])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_polygon_far_outside_costs_what_the_image_costs(far: float, sign: int) -> None:
    """In native code the first of these takes megabytes, the others gigabytes or the process."""
    polygon = [-far * sign, -far, far * sign, -far, far * sign, far, -far * sign, far]
    tracemalloc.start()
    mask = rle.from_polygons([polygon] * 20, (30, 40))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rle.area(mask) == 30 * 40
    assert peak < 1 << 20


def test_far_corners_cut_the_image_where_near_ones_do() -> None:
    near = rle.from_polygons([[10, 0, 40, 0, 40, 30, 10, 30]], (30, 40))
    assert rle.from_polygons([[10, -9e6, 9e6, -9e6, 9e6, 9e6, 10, 9e6]], (30, 40)) == near


@pytest.mark.parametrize("shift", [(100, 0), (0, 100), (-100, 0), (0, -100), (9e6, 9e6)])
def test_polygons_beside_the_image_cover_nothing(shift: tuple[float, float]) -> None:
    polygon = (np.asarray([[0, 0], [40, 0], [40, 30], [0, 30]]) + shift).ravel().tolist()
    assert rle.area(rle.from_polygons([polygon], (30, 40))) == 0


def test_a_polygon_that_goes_to_and_fro_is_refused_before_it_costs_memory() -> None:
    scribble = np.stack([np.arange(30_000) % 2 * 1000.0, np.zeros(30_000)], axis=1)
    assert not is_short([scribble])
    with pytest.raises(InvalidRle, match="cross the image"):
        rle.from_polygons([scribble.ravel().tolist()], (10, 1000))


@pytest.mark.parametrize("corners_at_once", [1, 7, 1 << 16])
def test_many_parts_are_united_as_pycocotools_does(monkeypatch: pytest.MonkeyPatch, corners_at_once: int) -> None:
    monkeypatch.setattr(polygons, "CORNERS_AT_ONCE", corners_at_once)
    rng = np.random.default_rng(0)
    shapes = [rng.integers(0, 90, 2) + rng.uniform(-12, 12, (rng.integers(3, 8), 2)) for _ in range(400)]
    assert (computed(shapes, 100, 100) == walked(shapes, 100, 100)).all()
    assert not is_short(shapes)


def test_a_hundred_thousand_parts_cost_what_their_corners_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other they took minutes: what is done for each is counted, not timed."""
    calls = []
    real = polygons._crossings
    monkeypatch.setattr(polygons, "_crossings", lambda *given: calls.append(1) or real(*given))
    square = [1, 1, 9, 1, 9, 9, 1, 9]
    assert rle.area(rle.from_polygons([square] * 100_000, (1000, 1000))) == 64
    assert len(calls) < 20


def test_many_parts_that_cross_the_whole_image_are_refused() -> None:
    with pytest.raises(InvalidRle, match="cross the image"):
        rle.from_polygons([[-5, 1, 1005, 1, 1005, 9]] * 2000, (10, 1000))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e7, -1e300])
def test_impossible_coordinates_are_refused(value: float) -> None:
    with pytest.raises(InvalidRle, match="Polygon 0"):
        rle.from_polygons([[0, 0, value, 0, 5, 5]], (10, 10))


def test_a_mask_of_more_characters_than_any_drawn_one_is_refused_before_it_is_read() -> None:
    height = width = 3000
    counts = "1" * (rle.MAX_CHARACTERS + 1)
    with pytest.raises(InvalidRle, match=f"are more than the {rle.MAX_CHARACTERS} that are kept"):
        rle.validate({"size": [height, width], "counts": counts}, (height, width))
