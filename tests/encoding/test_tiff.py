"""TIFF: every layout gives the right pixels, as tifffile wrote them, or a refusal that names the layout."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from limner.encoding.images import decode_image, display_bytes
from limner.encoding.tones import window
from limner.errors import ImageTooLarge, InvalidImage

LIMIT = 10_000_000
H, W = 40, 32


def values(dtype: str, *shape: int, seed: int = 0) -> NDArray[Any]:
    """Random values over the whole range of a type."""
    kind, rng = np.dtype(dtype), np.random.default_rng(seed)
    if kind.kind == "f":
        return rng.normal(size=shape).astype(kind)
    if kind.kind == "b":
        return rng.random(shape) < 0.5
    limits = np.iinfo(kind)
    return rng.integers(limits.min, limits.max, shape, dtype=kind, endpoint=True)


def tiff_of(array: NDArray[Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, metadata=None, **options)
    return buffer.getvalue()


def rgb_of(data: bytes) -> NDArray[np.uint8]:
    decoded = decode_image(data, max_pixels=LIMIT)
    shown, _ = display_bytes(data, decoded)
    assert (decode_image(shown, max_pixels=LIMIT).rgb == decoded.rgb).all(), "the page must show what is encoded"
    return decoded.rgb


STORAGES = [
    {},
    {"compression": "zlib"},
    {"tile": (16, 16)},
    {"compression": "zlib", "tile": (16, 16)},
    {"bigtiff": True},
    {"rowsperstrip": 7},
    {"compression": "zlib", "predictor": True},
    {"compression": "packbits"},
]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("bands", [3, 4, 5])
@pytest.mark.parametrize("dtype", ["u1", "u2", "u4"])
@pytest.mark.parametrize("storage", STORAGES, ids=str)
def test_colours_come_out_as_they_were_written(
    dtype: str, bands: int, planar: str, storage: dict[str, Any], order: str
) -> None:
    picture = values(dtype, H, W, bands)
    array = picture if planar == "contig" else np.moveaxis(picture, -1, 0)
    options = storage | {"planarconfig": planar, "photometric": "rgb", "byteorder": order}
    if bands > 3:
        options["extrasamples"] = ["unspecified"] * (bands - 3)
    try:
        data = tiff_of(array, **options)
    except (KeyError, ValueError, NotImplementedError) as error:
        pytest.skip(f"tifffile does not write it: {error}")
    upper = (picture[..., :3] >> (8 * (picture.dtype.itemsize - 1))).astype(np.uint8)
    assert (rgb_of(data) == upper).all()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("color", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("dtype", ["?", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"])
@pytest.mark.parametrize("storage", STORAGES, ids=str)
def test_greys_of_every_type_come_out_as_they_were_written(
    dtype: str, color: str, storage: dict[str, Any], order: str
) -> None:
    array = values(dtype, H, W)
    try:
        data = tiff_of(array, photometric=color, byteorder=order, **storage)
    except (KeyError, ValueError, NotImplementedError) as error:
        pytest.skip(f"tifffile does not write it: {error}")
    if dtype == "?":
        expected = np.where(array, 255, 0).astype(np.uint8)
        expected = 255 - expected if color == "miniswhite" else expected
    elif dtype == "u1":
        expected = 255 - array if color == "miniswhite" else array
    else:
        expected = np.asarray(window(array, inverted=color == "miniswhite"))[..., 0]
    assert (rgb_of(data) == expected[..., None]).all()


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize("alpha", ["unassalpha", "assocalpha"])
@pytest.mark.parametrize("bands", [2, 4])
def test_transparency_is_laid_on_white_in_every_layout(dtype: str, planar: str, alpha: str, bands: int) -> None:
    picture = values(dtype, H, W, bands)
    full = np.iinfo(picture.dtype).max
    picture[: H // 2, :, -1], picture[H // 2 :, :, -1] = 0, full
    if alpha == "assocalpha":
        picture[: H // 2, :, :-1] = 0
    array = picture if planar == "contig" else np.moveaxis(picture, -1, 0)
    color = "rgb" if bands == 4 else "minisblack"
    rgb = rgb_of(tiff_of(array, photometric=color, planarconfig=planar, extrasamples=[alpha]))
    assert (rgb[: H // 2] == 255).all()
    upper = (picture[H // 2 :, :, :-1] >> (8 * (picture.dtype.itemsize - 1))).astype(np.uint8)
    assert (rgb[H // 2 :] == upper).all()


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_inks_come_out_as_they_were_written(dtype: str, planar: str) -> None:
    picture = values(dtype, H, W, 4)
    array = picture if planar == "contig" else np.moveaxis(picture, -1, 0)
    upper = (picture >> (8 * (picture.dtype.itemsize - 1))).astype(np.uint8)
    expected = np.asarray(Image.fromarray(upper, "CMYK").convert("RGB"))
    assert (rgb_of(tiff_of(array, photometric="separated", planarconfig=planar)) == expected).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_every_reader_applies_the_orientation(orientation: int, planar: str) -> None:
    picture = values("u2", H, W, 3)
    array = picture if planar == "contig" else np.moveaxis(picture, -1, 0)
    data = tiff_of(array, photometric="rgb", planarconfig=planar, extratags=[(274, "H", 1, orientation, True)])
    plain = Image.fromarray((picture >> 8).astype(np.uint8))
    exif = Image.Exif()
    exif[274] = orientation
    buffer = io.BytesIO()
    plain.save(buffer, "PNG", exif=exif)
    decoded = decode_image(data, max_pixels=LIMIT)
    assert (decoded.rgb == decode_image(buffer.getvalue(), max_pixels=LIMIT).rgb).all()
    assert decoded.orientation == orientation


@pytest.mark.parametrize(
    ("array", "options", "named"),
    [
        (values("u1", H, W, 5), {"photometric": "minisblack", "planarconfig": "contig"}, "5 bands a pixel of 8 bits"),
        (values("u2", 5, H, W), {"photometric": "minisblack", "planarconfig": "separate"}, "one plane after the other"),
        (values("u1", H, W, 2), {"photometric": "minisblack", "planarconfig": "contig"}, "2 bands"),
        (values("u1", 3, H, W), {"photometric": "minisblack", "planarconfig": "separate"}, "colours: minisblack"),
        (values("f4", H, W, 3), {"photometric": "rgb"}, "32 bits, floating point"),
        (values("i2", H, W, 3), {"photometric": "rgb"}, "16 bits, signed"),
        (values("u1", H, W, 5), {"photometric": "separated", "planarconfig": "contig"}, "colours: separated"),
        (values("u1", H, W, 3), {"photometric": "cielab"}, "colours: CIELAB"),
        (values("u2", H, W, 3), {"photometric": "cielab"}, "colours: CIELAB"),
        (values("f4", H, W).astype("c8"), {"photometric": "minisblack"}, "complex"),
    ],
)
def test_an_intact_file_that_is_not_read_is_refused_with_its_layout(
    array: NDArray[Any], options: dict[str, Any], named: str
) -> None:
    with pytest.raises(InvalidImage, match="intact, but its layout is not read") as caught:
        decode_image(tiff_of(array, **options), max_pixels=LIMIT)
    assert named in caught.value.message
    assert "BytesIO" not in str(caught.value)
    assert caught.value.hint


def test_twelve_bits_are_unpacked() -> None:
    array = np.random.default_rng(0).integers(0, 4096, (H, W), np.uint16)
    pairs = array.reshape(-1, 2)
    packed = np.stack([pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255], 1)
    tags = [(256, 4, W), (257, 4, H), (258, 3, 12), (259, 3, 1), (262, 3, 1), (273, 4, 0), (277, 3, 1), (278, 4, H)]
    tags.append((279, 4, packed.size))
    start = 8 + 2 + 12 * len(tags) + 4
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, start if tag == 273 else value) for tag, kind, value in tags)
    data = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + b"\0" * 4 + packed.astype(np.uint8).tobytes()
    assert (rgb_of(data)[..., 0] == np.asarray(window(array))[..., 0]).all()


def test_the_first_page_counts_and_the_number_of_pages_is_told() -> None:
    pages = values("u1", 7, H, W)
    decoded = decode_image(tiff_of(pages, photometric="minisblack"), max_pixels=LIMIT)
    assert (decoded.rgb[..., 0] == pages[0]).all()
    assert decoded.pages == 7


@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("tags", [{"subfiletype": 1}, {"extratags": [(255, "H", 1, 2, True)]}])
def test_a_preview_before_the_picture_is_not_the_picture(dtype: str, planar: str, tags: dict[str, Any]) -> None:
    picture = values(dtype, H, W, 3)
    array = picture if planar == "contig" else np.moveaxis(picture, -1, 0)
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(values("u1", 5, 4, 3, seed=1), photometric="rgb", metadata=None, **tags)
        writer.write(array, photometric="rgb", planarconfig=planar, metadata=None)
        writer.write(values("u1", 5, 4, 3, seed=2), photometric="rgb", metadata=None, **tags)
    decoded = decode_image(buffer.getvalue(), max_pixels=LIMIT)
    assert (decoded.rgb == (picture >> (8 * (picture.dtype.itemsize - 1))).astype(np.uint8)).all()
    assert decoded.pages == 1


def test_pages_that_imagej_keeps_under_one_header_are_counted() -> None:
    buffer = io.BytesIO()
    stack = values("u2", 7, H, W)
    tifffile.imwrite(buffer, stack, imagej=True)
    decoded = decode_image(buffer.getvalue(), max_pixels=LIMIT)
    assert decoded.pages == 7
    assert (decoded.rgb[..., 0] == np.asarray(window(stack[0]))[..., 0]).all()


def test_a_preview_alone_is_better_than_nothing() -> None:
    array = values("u1", H, W, 3)
    assert (rgb_of(tiff_of(array, photometric="rgb", subfiletype=1)) == array).all()


def test_a_cameras_raw_file_is_named() -> None:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(values("u1", 5, 4, 3), photometric="rgb", subfiletype=1, subifds=1, metadata=None)
        writer.write(
            values("u2", H, W),
            photometric="cfa",
            metadata=None,
            extratags=[(33421, "H", 2, (2, 2), True), (33422, "B", 4, (0, 1, 1, 2), True)],
        )
    with pytest.raises(InvalidImage, match="camera's raw file"):
        decode_image(buffer.getvalue(), max_pixels=LIMIT)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_cut_file_is_refused_whoever_reads_it(planar: str, compression: str | None) -> None:
    picture = values("u2", H, W, 3) if planar == "contig" else values("u2", 3, H, W)
    data = tiff_of(picture, photometric="rgb", planarconfig=planar, compression=compression)
    with pytest.raises(InvalidImage):
        decode_image(data[:-500], max_pixels=LIMIT)


def test_the_size_of_the_picture_counts_not_that_of_its_preview() -> None:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(values("u1", 5, 4), photometric="minisblack", subfiletype=1, metadata=None)
        writer.write(values("u1", H, W), photometric="minisblack", metadata=None)
    with pytest.raises(ImageTooLarge, match=f"{W} × {H}"):
        decode_image(buffer.getvalue(), max_pixels=H * W - 1)


def test_a_circle_of_pages_ends() -> None:
    data = bytearray(tiff_of(values("u1", H, W), photometric="minisblack"))
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    struct.pack_into("<I", data, start + 2 + 12 * count, start)
    assert decode_image(bytes(data), max_pixels=LIMIT).pages == 1


def test_subsampled_colours_without_jpeg_are_refused() -> None:
    array = np.zeros((H, W, 3), np.uint8)
    data = tiff_of(array, photometric="ycbcr", subsampling=(1, 1))
    assert (rgb_of(data) == np.asarray(Image.fromarray(array, "YCbCr").convert("RGB"))).all()
    page = tifffile.TiffFile(io.BytesIO(data)).pages[0]
    tag = page.tags[530]  # type: ignore[union-attr]
    twisted = bytearray(data)
    struct.pack_into("<HH", twisted, tag.valueoffset, 2, 2)
    with pytest.raises(InvalidImage, match="ycbcr"):
        decode_image(bytes(twisted), max_pixels=LIMIT)
