"""The masks of an image as a small picture: where they are, in their colours, none lost."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from limner.formats.tile_masks import EDGE, FILL, TileMask, draw_tile
from limner.vocabulary import rle

RED, BLUE = "#ff0000", "#0000ff"


def tile_mask(mask: np.ndarray, color: str) -> TileMask:
    encoded = rle.encode(mask)
    x, y, width, height = rle.bbox(encoded)
    return TileMask(encoded, (x, y, width, height), color)


def drawn(masks: list[TileMask], height: int, width: int, size: tuple[int, int]) -> np.ndarray:
    """(H, W, 4) uint8."""
    picture = Image.open(io.BytesIO(draw_tile(masks, height, width, size)))
    assert (picture.height, picture.width) == size
    return np.asarray(picture.convert("RGBA"))


def rectangle(height: int, width: int, top: int, left: int, bottom: int, right: int) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[top:bottom, left:right] = True
    return mask


def test_rows_and_columns_of_a_mask_are_read_without_unpacking_it() -> None:
    mask = np.random.default_rng(3).random((37, 53)) < 0.4
    rows, columns = np.array([0, 5, 36]), np.array([0, 1, 30, 52])
    assert (rle.sample(rle.encode(mask), rows, columns) == mask[np.ix_(rows, columns)]).all()


def test_a_mask_is_filled_and_outlined_where_it_is_and_nothing_is_drawn_elsewhere() -> None:
    pixels = drawn([tile_mask(rectangle(400, 800, 100, 200, 300, 600), RED)], 400, 800, (40, 80))
    expected = np.zeros((40, 80), np.uint8)
    expected[10:30, 20:60] = EDGE
    expected[11:29, 21:59] = FILL
    assert (pixels[..., 3] == expected).all()
    assert (pixels[expected > 0][:, :3] == (255, 0, 0)).all()


def test_a_small_mask_lies_over_a_large_one_whatever_their_order() -> None:
    large, small = (
        tile_mask(rectangle(40, 40, 0, 0, 40, 40), RED),
        tile_mask(rectangle(40, 40, 10, 10, 20, 20), BLUE),
    )
    for order in ([large, small], [small, large]):
        pixels = drawn(order, 40, 40, (40, 40))
        assert tuple(pixels[15, 15, :3]) == (0, 0, 255)
        assert tuple(pixels[30, 30, :3]) == (255, 0, 0)


@pytest.mark.parametrize(("y", "x"), [(0, 0), (999, 1999), (501, 1003)])
def test_a_single_pixel_of_a_large_image_is_seen(y: int, x: int) -> None:
    pixels = drawn([tile_mask(rectangle(1000, 2000, y, x, y + 1, x + 1), BLUE)], 1000, 2000, (160, 320))
    (place,) = np.argwhere(pixels[..., 3])
    assert abs(place[0] - y * 0.16) <= 1
    assert abs(place[1] - x * 0.16) <= 1


def test_an_image_without_masks_and_an_empty_mask_give_a_clear_picture() -> None:
    empty = tile_mask(np.zeros((10, 10), bool), RED)
    for masks in ([], [empty]):
        assert not drawn(masks, 10, 10, (10, 10)).any()


def test_of_more_colours_than_a_palette_holds_none_fails_and_the_first_ones_are_right() -> None:
    masks = [tile_mask(rectangle(3, 600, 0, 3 * place, 3, 3 * place + 3), f"#{place:02x}0080") for place in range(200)]
    pixels = drawn(masks, 3, 600, (3, 600))
    assert (pixels[..., 3] > 0).all()
    assert [tuple(pixels[1, 3 * place + 1, :3]) for place in range(127)] == [(place, 0, 128) for place in range(127)]
