"""Small files that would cost far more than their pictures: refused before they do."""

from __future__ import annotations

import io
import lzma
import struct
import tracemalloc
import zlib
from collections.abc import Sequence

import numpy as np
import pytest
import tifffile
from PIL import Image

from limner.encoding.images import decode_image
from limner.encoding.jpeg import MAX_SCANS
from limner.encoding.tiff_limits import MAX_VALUES
from limner.errors import InvalidImage

Tag = tuple[int, int, int, int]  # code, type, number of values, value
SHORT, LONG = 3, 4
WIDTH, HEIGHT, BITS, COMPRESSION, COLORS, OFFSETS, ROWS, SIZES, FORM = 256, 257, 258, 259, 262, 273, 278, 279, 339
TILE_WIDTH, TILE_HEIGHT, TILES, TILE_SIZES = 322, 323, 324, 325
SIGNED = 2  # samples that Pillow does not read, so that tifffile does
UNPACKED = 64 << 20
MOST_BYTES = 48 << 20  # that reading may take at its peak


def tiff(tags: Sequence[Tag], data: bytes) -> bytes:
    """A TIFF of one page, whose tags refer to the data behind them with the value -1."""
    behind = 8 + 2 + 12 * len(tags) + 4
    entries = [struct.pack("<HHII", *tag[:3], behind if tag[3] == -1 else tag[3]) for tag in tags]
    head = b"II*\0" + struct.pack("<IH", 8, len(tags))
    return head + b"".join(entries) + bytes(4) + data


def strip(packed: bytes, compression: int, *more: Tag, size: int = 10) -> bytes:
    tags = [(WIDTH, LONG, 1, size), (HEIGHT, LONG, 1, size), (BITS, SHORT, 1, 8), (COMPRESSION, SHORT, 1, compression)]
    tags += [(COLORS, SHORT, 1, 1), (OFFSETS, LONG, 1, -1), (ROWS, LONG, 1, size), (SIZES, LONG, 1, len(packed))]
    return tiff([*tags, *more], packed)


def peak(data: bytes) -> int:
    """Bytes that Python takes while the file is refused."""
    tracemalloc.start()
    try:
        with pytest.raises(InvalidImage) as refused:
            decode_image(data, max_pixels=1_000_000)
        assert refused.value.hint
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


PACKED = {
    "deflate": (8, zlib.compress(bytes(UNPACKED))),
    "the older deflate": (32946, zlib.compress(bytes(UNPACKED))),
    "lzma": (34925, lzma.compress(bytes(UNPACKED))),
    "packbits": (32773, b"\x81\0" * (UNPACKED // 128)),
}


@pytest.mark.parametrize("kind", PACKED)
def test_a_strip_that_unpacks_to_more_than_its_picture_is_refused(kind: str) -> None:
    compression, packed = PACKED[kind]
    assert peak(strip(packed, compression, (FORM, SHORT, 1, SIGNED))) < MOST_BYTES


def test_a_tile_far_larger_than_its_picture_is_refused() -> None:
    packed = zlib.compress(bytes(UNPACKED))
    tags = [(WIDTH, LONG, 1, 10), (HEIGHT, LONG, 1, 10), (BITS, SHORT, 1, 8), (COMPRESSION, SHORT, 1, 8)]
    tags += [(COLORS, SHORT, 1, 1), (TILE_WIDTH, LONG, 1, 8192), (TILE_HEIGHT, LONG, 1, 8192)]
    tags += [(TILES, LONG, 1, -1), (TILE_SIZES, LONG, 1, len(packed)), (FORM, SHORT, 1, SIGNED)]
    assert peak(tiff(tags, packed)) < MOST_BYTES


def test_many_strips_of_the_same_bytes_count_each() -> None:
    packed = zlib.compress(bytes(1 << 20))
    offsets = 8 + 2 + 12 * 9 + 4
    tags = [(WIDTH, LONG, 1, 10), (HEIGHT, LONG, 1, 64), (BITS, SHORT, 1, 8), (COMPRESSION, SHORT, 1, 8)]
    tags += [(COLORS, SHORT, 1, 1), (OFFSETS, LONG, 64, offsets), (ROWS, LONG, 1, 1), (SIZES, LONG, 64, offsets + 256)]
    tags += [(FORM, SHORT, 1, SIGNED)]
    data = struct.pack("<64I", *[offsets + 512] * 64) + struct.pack("<64I", *[len(packed)] * 64) + packed
    with pytest.raises(InvalidImage, match="unpacks to far more"):
        decode_image(tiff(tags, data), max_pixels=1_000_000)


@pytest.mark.parametrize("code", [BITS, 277, 282, 330, 338, FORM, 530, 700, 34675])
def test_a_tag_of_more_values_than_any_picture_needs_is_refused(code: int) -> None:
    count = MAX_VALUES + 1
    file = strip(bytes(2 * count), 1, (code, SHORT, count, -1))
    with pytest.raises(InvalidImage, match=rf"a tag \({code}\) of 262,145 values"):
        decode_image(file, max_pixels=1_000_000)


@pytest.mark.parametrize("sizes", [(10, 2000), (2000, 10)])
def test_of_two_sizes_none_is_believed(sizes: tuple[int, int]) -> None:
    """Pillow reads the last of two tags of one name, tifffile the first."""
    second = [(WIDTH, LONG, 1, sizes[1]), (HEIGHT, LONG, 1, sizes[1])]
    for file in (
        strip(bytes(sizes[0] ** 2), 1, *second, size=sizes[0]),
        strip(zlib.compress(bytes(sizes[0] ** 2)), 8, *second, size=sizes[0]),
    ):
        try:
            decoded = decode_image(file, max_pixels=1_000_000)
        except InvalidImage:
            continue
        assert decoded.picture.size == (10, 10)


def test_pictures_in_large_tiles_and_with_long_texts_are_read() -> None:
    buffer = io.BytesIO()
    values = np.arange(100, dtype=np.int8).reshape(10, 10)
    tifffile.imwrite(
        buffer, values, photometric="minisblack", compression="zlib", tile=(1024, 1024), description="x" * 500_000
    )
    assert decode_image(buffer.getvalue(), max_pixels=1_000_000).picture.size == (10, 10)


def test_a_picture_without_pixels_is_refused() -> None:
    with pytest.raises(InvalidImage, match="0 × 0 pixels"):
        decode_image(strip(bytes(100), 1, size=0), max_pixels=1_000_000)


def test_a_jpeg_that_goes_over_its_picture_again_and_again_is_refused() -> None:
    buffer = io.BytesIO()
    Image.new("L", (64, 64), 128).save(buffer, "JPEG", progressive=True, comment=b"\xff\xda" * 1000)
    data = buffer.getvalue()
    second = data.index(b"\xff\xda", data.index(b"\xff\xda", data.index(b"\xff\xc2")) + 2)
    begin, end = data.rindex(b"\xff\xc4", 0, second), data.index(b"\xff\xc4", second)
    scan = data[begin:end]
    few = data[:end] + scan * 20 + data[end:] + b"\xff\xda" * 1000  # a film behind it, as phones put it there
    assert decode_image(few, max_pixels=10_000).picture.size == (64, 64)
    with pytest.raises(InvalidImage, match="more than 500 times"):
        decode_image(data[:end] + scan * MAX_SCANS + data[end:], max_pixels=10_000)
