"""Crops of masks: the right part of the image, with the outline where the mask ends."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from limner.encoding.crops import HALO, LEAST_SIDE, LINE, SIDE, crop_box, crop_bytes
from limner.errors import InvalidImage
from limner.vocabulary import rle

HEIGHT, WIDTH = 300, 400
MOST = 1_000_000  # pixels


def picture(file_format: str) -> bytes:
    """Left half blue, right half white."""
    pixels = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    pixels[:, : WIDTH // 2] = (0, 0, 255)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, file_format)
    return buffer.getvalue()


def crop(data: bytes, top: int, bottom: int, left: int, right: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.bool_)
    mask[top:bottom, left:right] = True
    made = crop_bytes(data, rle.encode(mask), (left, top, right - left, bottom - top), max_pixels=MOST)
    with Image.open(io.BytesIO(made)) as image:
        assert image.format == "WEBP"
        return np.asarray(image.convert("RGB")).astype(int)


def close(pixel: np.ndarray, colour: tuple[int, ...], within: int = 60) -> bool:
    return bool(np.abs(pixel - np.asarray(colour)).max() < within)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP"])
def test_a_crop_shows_the_image_around_the_mask_and_the_outline_around_it(file_format: str) -> None:
    shown = crop(picture(file_format), 100, 200, 150, 250)
    assert shown.shape == (160, 160, 3)  # 100 px and 30 on each side; no larger than it is
    assert close(shown[80, 60], (0, 0, 255))  # inside, left of the middle
    assert close(shown[80, 100], (255, 255, 255))
    assert close(shown[5, 5], (0, 0, 255))  # around
    row = shown[80]
    edges = [x for x in range(160) if close(row[x][:2], LINE[:2], 60) and row[x][2] < 130]
    assert {round(x / 10) for x in edges} == {3, 13}  # where the mask begins and ends, and nowhere else
    assert HALO == (0, 0, 0)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG"])
def test_large_masks_are_made_small(file_format: str) -> None:
    shown = crop(picture(file_format), 0, HEIGHT, 0, WIDTH)
    assert shown.shape == (round(HEIGHT * SIDE / WIDTH), SIDE, 3)
    assert close(shown[96, 60], (0, 0, 255))
    assert close(shown[96, 190], (255, 255, 255))


def test_the_box_lies_inside_the_image_and_around_the_mask() -> None:
    assert crop_box((0, 0, 10, 10), WIDTH, HEIGHT) == (0, 0, LEAST_SIDE, LEAST_SIDE)
    assert crop_box((390, 290, 10, 10), WIDTH, HEIGHT) == (352, 252, WIDTH, HEIGHT)
    assert crop_box((0, 0, WIDTH, 1), WIDTH, HEIGHT) == (0, 0, WIDTH, HEIGHT)
    assert crop_box((3, 1, 1, 1), 8, 4) == (0, 0, 8, 4)
    random = np.random.default_rng(0)
    for _ in range(200):
        x, y = int(random.integers(WIDTH)), int(random.integers(HEIGHT))
        width, height = int(random.integers(1, WIDTH - x + 1)), int(random.integers(1, HEIGHT - y + 1))
        left, top, right, bottom = crop_box((x, y, width, height), WIDTH, HEIGHT)
        assert 0 <= left <= x
        assert x + width <= right <= WIDTH
        assert 0 <= top <= y
        assert y + height <= bottom <= HEIGHT


def test_a_damaged_file_is_said() -> None:
    with pytest.raises(InvalidImage):
        crop(picture("PNG")[:200], 0, 10, 0, 10)
