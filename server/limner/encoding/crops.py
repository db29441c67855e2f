"""A mask on the part of its image where it is: small, with its outline drawn and some of the image around it."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageFilter

from limner.encoding.images import decode_image
from limner.vocabulary import rle
from limner.vocabulary.rle import Rle

SIDE = 256  # px, longest side of a crop
CONTEXT = 0.3  # of the longer side of the mask, around it on each side
LEAST_SIDE = 48  # px of the image in a crop at least: a speck alone says nothing
WEBP_QUALITY = 80
LINE, HALO = (255, 214, 10), (0, 0, 0)  # seen on light and on dark


def crop_box(bbox: tuple[int, int, int, int], width: int, height: int) -> tuple[int, int, int, int]:
    """What of an image (height, width) is shown of a mask.

    Args:
        bbox: x, y, width, height of the mask, in pixels.
        width: of the image.
        height: of the image.

    Returns:
        left, top, right, bottom in pixels, inside the image: a square, where the image is large enough for it.
    """
    x, y, mask_width, mask_height = bbox
    side = max(LEAST_SIDE, round(max(mask_width, mask_height) * (1 + 2 * CONTEXT)))

    def span(middle: float, most: int) -> tuple[int, int]:
        length = min(side, most)
        first = min(max(0, round(middle - length / 2)), most - length)
        return first, first + length

    left, right = span(x + mask_width / 2, width)
    top, bottom = span(y + mask_height / 2, height)
    return left, top, right, bottom


def crop_bytes(data: bytes, mask: Rle, bbox: tuple[int, int, int, int], *, max_pixels: int) -> bytes:
    """WebP of a mask with its outline, at most :data:`SIDE` pixels a side.

    JPEG is decoded no larger than is shown. Memory: of one decoded image.

    Args:
        data: the display file of the image.
        mask: of the image's size.
        bbox: x, y, width, height of the mask, in pixels.
        max_pixels: largest image that is decoded.

    Raises:
        InvalidImage: the file is damaged.
    """
    height, width = mask["size"]
    left, top, right, bottom = box = crop_box(bbox, width, height)
    scale = min(1.0, SIDE / max(right - left, bottom - top))
    size = (max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale)))
    shown, profile = _part(data, box, size, (width, height), max_pixels)
    inside = Image.fromarray(rle.decode_part(mask, left, top, right - left, bottom - top).astype(np.uint8) * 255)
    small = inside.resize(size, Image.Resampling.BOX).point(lambda value: 255 * (value >= 96))
    wide = small.filter(ImageFilter.MaxFilter(7))
    line, halo = np.asarray(small.filter(ImageFilter.MaxFilter(5))) > np.asarray(small), np.asarray(wide) > 0
    pixels = np.array(shown)
    pixels[halo & (np.asarray(small) == 0)] = HALO
    pixels[line] = LINE
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", quality=WEBP_QUALITY, method=2, icc_profile=profile)
    return buffer.getvalue()


def _part(
    data: bytes, box: tuple[int, int, int, int], size: tuple[int, int], full: tuple[int, int], max_pixels: int
) -> tuple[Image.Image, bytes | None]:
    """The part of a picture at a size (width, height), RGB, and the colour profile that it is in."""
    if data.startswith(b"\xff\xd8"):  # a JPEG can be decoded at a half, a quarter or an eighth
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as picture:
            if picture.width * picture.height <= max_pixels and picture.size == full:
                ratio = min(1.0, size[0] / (box[2] - box[0]))
                picture.draft("RGB", (max(1, round(full[0] * ratio)), max(1, round(full[1] * ratio))))
                return _scaled(picture, box, size, full), picture.info.get("icc_profile")
    decoded = decode_image(data, max_pixels=max_pixels)
    return _scaled(decoded.picture, box, size, full), decoded.icc_profile


def _scaled(
    picture: Image.Image, box: tuple[int, int, int, int], size: tuple[int, int], full: tuple[int, int]
) -> Image.Image:
    across, down = picture.width / full[0], picture.height / full[1]
    part = picture.crop((
        int(box[0] * across), int(box[1] * down), max(1, round(box[2] * across)), max(1, round(box[3] * down))
    ))  # fmt: skip
    return part.convert("RGB").resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
