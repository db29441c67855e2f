"""Tidied masks: the golden vectors, and what holds for any mask."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from limner.vocabulary.geometry import Fit, ImageGeometry, upsample_logits
from limner.vocabulary.prompts import Prompts
from limner.vocabulary.tidying import PART_SHARE, tidy_logits
from tests.conftest import golden

Logits = NDArray[np.float32]
GRID = 16
VALUES = {"#": 2, ".": -2, "o": 1, "x": -1}
SQUARE = ImageGeometry(160, 160, 64)  # ten pixels a cell
NOWHERE = Prompts()


def logits(*rows: str) -> Logits:
    """Rows from the top left of the grid; the rest is background."""
    grid = np.full((GRID, GRID), -2, np.float32)
    for y, row in enumerate(rows):
        grid[y, : len(row)] = [VALUES[each] for each in row]
    return grid


def at(*cells: tuple[int, int]) -> Prompts:
    """Foreground points in the middle of cells (column, row) of the square."""
    return Prompts(tuple((10 * x + 5.0, 10 * y + 5.0) for x, y in cells), (1,) * len(cells))


@pytest.mark.parametrize("case", golden("tidy")["cases"])
def test_golden_vectors(case: dict[str, Any]) -> None:
    geometry = ImageGeometry(case["height"], case["width"], case["image_size"], case["fit"])
    box = case["box"] and tuple(case["box"])
    prompts = Prompts(tuple(map(tuple, case["points"])), tuple(case["labels"]), box)
    mask_prompt = case["mask_prompt"] and logits(*case["mask_prompt"])
    assert (tidy_logits(logits(*case["rows"]), geometry, prompts, mask_prompt) == logits(*case["tidied"])).all()


def test_parts_without_a_click_are_dropped() -> None:
    grid = logits("##.##", "##.##", ".....", "...#")
    left = logits("##.xx", "##.xx", ".....", "...x")
    assert (tidy_logits(grid, SQUARE, at((0, 0))) == left).all()
    assert (tidy_logits(grid, SQUARE, at((0, 0), (3, 3))) == logits("##.xx", "##.xx", ".....", "...#")).all()


def test_without_a_clicked_part_the_largest_stays() -> None:
    grid = logits("#..##", "...##")
    assert (tidy_logits(grid, SQUARE, at((9, 9))) == logits("x..##", "...##")).all()
    assert (tidy_logits(grid, SQUARE, NOWHERE) == logits("x..##", "...##")).all()


def test_a_box_keeps_the_parts_that_are_not_small_beside_the_largest() -> None:
    grid = logits("#####.##.#", "#####.##..", "#####.....", "#####.....")
    boxed = Prompts(box=(0, 0, 160, 160))
    assert 1 < PART_SHARE * 20 < 4
    assert (tidy_logits(grid, SQUARE, boxed) == logits("#####.##.x", "#####.##", "#####", "#####")).all()
    clicked = replace(at((9, 0)), box=boxed.box)
    assert (tidy_logits(grid, SQUARE, clicked) == grid).all()


def test_parts_of_the_mask_that_a_person_gave_stay() -> None:
    grid = logits("##.#.#", "##....")
    given_mask = logits("...#")
    assert (tidy_logits(grid, SQUARE, at((0, 0)), given_mask) == logits("##.#.x", "##")).all()
    assert (tidy_logits(grid, SQUARE, NOWHERE, given_mask[None]) == logits("xx.#.x", "xx")).all()


def test_small_holes_are_closed_unless_a_background_point_is_in_them() -> None:
    rows = ["#" * 12 for _ in range(12)]
    rows[3] = "###.########"
    rows[6] = "######..####"
    closed = [row.replace("#.#", "#o#") for row in rows]
    inside = Prompts(((5, 5),), (1,))
    assert (tidy_logits(logits(*rows), SQUARE, inside) == logits(*closed)).all()  # of 144 cells one may be closed
    taken = Prompts(((5, 5), (35, 35)), (1, 0))
    assert (tidy_logits(logits(*rows), SQUARE, taken) == logits(*rows)).all()


def test_what_lies_in_the_padding_is_left_alone() -> None:
    geometry = ImageGeometry(80, 160, 64)
    grid = logits("##.#")
    grid[12, 4] = 2
    tidied = tidy_logits(grid, geometry, at((0, 0)))
    assert [tidied[0, 3], tidied[12, 4]] == [-1, 2]


def test_nothing_changes_where_the_image_would_show_nothing_of_what_is_left() -> None:
    one_pixel = ImageGeometry(1, 1, 64)
    grid = np.full((GRID, GRID), 2, np.float32)
    grid[7:9, 7:9] = -2
    grid[0, 0] = -2
    assert tidy_logits(grid, one_pixel, NOWHERE) is grid


grids = st.tuples(st.integers(0, 2**32 - 1), st.floats(0.3, 2), st.floats(-1, 1))
shapes = st.tuples(st.integers(1, 90), st.integers(1, 90))
clicks = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.integers(0, 1)), max_size=4)


@given(grids, shapes, st.sampled_from(["pad", "stretch"]), clicks, st.booleans())
def test_any_mask(
    grid: tuple[int, float, float],
    shape: tuple[int, int],
    fit: Fit,
    points: list[tuple[float, float, int]],
    boxed: bool,
) -> None:
    seed, blur, bias = grid
    noise = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=(GRID, GRID)), (0, 0), blur)
    low_res = (noise / noise.std() + bias).astype(np.float32)
    height, width = shape
    geometry = ImageGeometry(height, width, 64, fit)
    prompts = Prompts(
        tuple((x * width, y * height) for x, y, _ in points),
        tuple(label for *_, label in points),
        (0, 0, width, height) if boxed else None,
    )
    tidied = tidy_logits(low_res, geometry, prompts)
    assert (tidy_logits(tidied, geometry, prompts) == tidied).all(), "twice is once"
    fine_before, fine_after = (upsample_logits(each, geometry) for each in (low_res, tidied))
    before, after = fine_before > 0, fine_after > 0
    assert after.any() == before.any(), "it never empties a mask"
    for (x, y), label in zip(prompts.points, prompts.labels, strict=True):
        pixel = min(int(y), height - 1), min(int(x), width - 1)
        assert before[pixel] != bool(label) or after[pixel] == before[pixel], "what a point asked for stays"
    if not (tidied > low_res).any():  # nothing was closed
        assert (fine_after[after] == fine_before[after]).all(), "the edge of what stays lies where it lay"
