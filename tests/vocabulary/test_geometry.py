"""Coordinates: round trips, the golden vectors, and torch as the reference for bilinear upsampling."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from limner.errors import InvalidInput
from limner.vocabulary.geometry import MASK_PROMPT_LOGIT, ImageGeometry, Region, logits_from_mask, upsample_logits
from tests.conftest import golden

SIDE = st.integers(1, 9000)


@pytest.mark.parametrize("case", golden("geometry")["cases"], ids=lambda case: f"{case['height']}x{case['width']}")
def test_golden_vectors(case: dict) -> None:
    geometry = ImageGeometry(case["height"], case["width"], case["image_size"], case["fit"])
    assert list(geometry.input_size) == case["input_size"]
    assert list(geometry.valid_cells()) == case["valid_cells"]
    np.testing.assert_allclose(geometry.to_model(case["image_points"]), case["model_points"], rtol=1e-12)


@pytest.mark.parametrize("case", golden("logits")["cases"], ids=lambda case: f"{case['height']}x{case['width']}")
def test_golden_logits(case: dict) -> None:
    grid = np.asarray(case["low_res"], np.float32).reshape(8, 8)
    logits = upsample_logits(grid, ImageGeometry(case["height"], case["width"], case["image_size"], case["fit"]))
    np.testing.assert_allclose(logits.ravel(), case["logits"], atol=2e-6)


@given(SIDE, SIDE, st.sampled_from([512, 1024]))
def test_the_longest_side_fills_the_input_and_points_come_back(height: int, width: int, image_size: int) -> None:
    geometry = ImageGeometry(height, width, image_size)
    assert max(geometry.input_size) == image_size
    assert min(geometry.input_size) >= 1
    corners = np.array([[0.0, 0.0], [width, height]])
    np.testing.assert_allclose(geometry.to_model(corners)[1], geometry.input_size[::-1])
    np.testing.assert_allclose(geometry.to_image(geometry.to_model(corners)), corners, atol=1e-9)


def test_upsampling_a_square_is_torchs_bilinear() -> None:
    low_res = np.random.default_rng(0).normal(size=(4, 256, 256)).astype(np.float32)
    ours = upsample_logits(low_res, ImageGeometry(700, 700, 512))
    theirs = torch.nn.functional.interpolate(
        torch.from_numpy(low_res)[None], (700, 700), mode="bilinear", align_corners=False
    )
    np.testing.assert_allclose(ours, theirs[0].numpy(), atol=2e-4)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 9))
def test_a_mask_prompt_says_how_much_of_each_cell_is_mask(height: int, width: int, seed: int) -> None:
    """Against counting on a grid so fine that cells and pixels are whole numbers of its points."""
    geometry = ImageGeometry(height, width, 16)
    mask = np.random.default_rng(seed).random((height, width)) < 0.5
    prompt = logits_from_mask(mask, geometry, 4)
    cells_high, cells_wide = geometry.valid_cells(4)
    fine_y = (np.arange(400) + 0.5) / 100  # 100 points a cell
    rows = np.minimum((fine_y * height / cells_high).astype(int), height - 1)
    columns = np.minimum((fine_y * width / cells_wide).astype(int), width - 1)
    inside = (fine_y < cells_high)[:, None] & (fine_y < cells_wide)
    share = (mask[np.ix_(rows, columns)] & inside).reshape(4, 100, 4, 100).mean((1, 3))
    np.testing.assert_allclose(prompt, MASK_PROMPT_LOGIT * (2 * share - 1), atol=0.7)
    assert prompt.dtype == np.float32


def test_a_full_mask_is_a_sure_prompt_and_padding_is_not_mask() -> None:
    prompt = logits_from_mask(np.ones((8, 4), np.bool_), ImageGeometry(8, 4, 4), 4)
    assert prompt.tolist() == [[8, 8, -8, -8]] * 4


def test_a_stretched_image_has_no_padding() -> None:
    geometry = ImageGeometry(8, 4, 4, "stretch")
    assert geometry.input_size == (4, 4)
    assert geometry.to_model([4, 8]).tolist() == [4, 4]
    assert logits_from_mask(np.ones((8, 4), np.bool_), geometry, 4).tolist() == [[8] * 4] * 4


def test_an_image_without_pixels_is_refused() -> None:
    with pytest.raises(InvalidInput, match="0 × 5"):
        ImageGeometry(0, 5)


def test_a_region_cuts_out_what_it_names() -> None:
    pixels = np.arange(300 * 200).reshape(300, 200)
    region = Region.parse("32,64,160,128")
    region.check(300, 200)
    assert str(region) == "32,64,160,128"
    np.testing.assert_array_equal(region.of(pixels), pixels[64:192, 32:192])


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 700), st.integers(0, 700))
def test_a_region_that_passes_is_inside_on_the_grid_and_less_than_the_image(
    x: int, y: int, width: int, height: int
) -> None:
    region = Region(x, y, width, height)
    try:
        region.check(500, 100)  # narrower than a region has to be
    except InvalidInput:
        return
    assert region.of(np.zeros((500, 100))).shape == (height, width)
    assert height >= 128
    assert width == 100
    assert (x, y % 32) == (0, 0)
    assert height < 500


def test_regions_may_end_where_the_image_does() -> None:
    Region(0, 32, 100, 468).check(500, 100)
    with pytest.raises(InvalidInput, match="off the grid"):
        Region(0, 372, 100, 128).check(500, 100)
