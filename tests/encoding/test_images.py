"""Files of every kind that people upload, made here, and what becomes of them."""

from __future__ import annotations

import gc
import io
import struct
import sys
import zlib
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps, PngImagePlugin

from limner.encoding.images import THUMBNAIL_SIDE, decode_image, display_bytes, thumbnail_bytes
from limner.errors import ImageTooLarge, InvalidImage

LIMIT = 100_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP")


def file_of(image: Image.Image, file_format: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def corners(width: int = 48, height: int = 32) -> Image.Image:
    """A different colour in each corner, so that every orientation looks different."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (250, 10, 10)
    pixels[: height // 2, width // 2 :] = (10, 250, 10)
    pixels[height // 2 :, : width // 2] = (10, 10, 250)
    return Image.fromarray(pixels)


def noise(width: int = 64, height: int = 48) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def png_header(width: int, height: int) -> bytes:
    """A PNG of a few bytes that promises an image of this size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


# --- orientation ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_exactly_once(file_format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"JPEG": {"quality": 100}, "WEBP": {"lossless": True}}.get(file_format, {})
    data = file_of(corners(), file_format, exif=exif, **options)

    decoded = decode_image(data, max_pixels=LIMIT)

    plain = Image.Exif()
    plain[0x0112] = orientation
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(file_of(corners(), "PNG", exif=plain))))
    assert (decoded.width, decoded.height) == upright.size
    assert np.abs(decoded.rgb.astype(int) - np.asarray(upright.convert("RGB")).astype(int)).mean() < 8
    assert decoded.orientation == orientation


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_display_file_needs_no_rotation_anywhere(file_format: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    decoded = decode_image(data := file_of(corners(), file_format, exif=exif), max_pixels=LIMIT)
    shown, media_type = display_bytes(data, decoded)
    again = decode_image(shown, max_pixels=LIMIT)
    assert again.orientation == 1
    assert again.media_type == media_type
    assert again.rgb.shape == decoded.rgb.shape == (48, 32, 3)
    assert np.abs(again.rgb.astype(int) - decoded.rgb.astype(int)).mean() < 4


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_impossible_orientation_is_ignored(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert decode_image(file_of(corners(), "JPEG", exif=exif), max_pixels=LIMIT).rgb.shape == (32, 48, 3)


@pytest.mark.parametrize("exif", [b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b"Exif\0\0nonsense", b"Exif\0\0MM"])
@pytest.mark.filterwarnings("default::UserWarning")
def test_a_damaged_exif_block_does_not_refuse_the_image(exif: bytes) -> None:
    decoded = decode_image(file_of(corners(), "PNG", exif=exif), max_pixels=LIMIT)
    assert decoded.orientation == 1
    assert (decoded.rgb == np.asarray(corners())).all()


# --- formats and modes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file_format", FORMATS)
def test_accepted_formats(file_format: str) -> None:
    options: dict[str, Any] = {"JPEG": {"quality": 100}, "WEBP": {"lossless": True}}.get(file_format, {})
    decoded = decode_image(file_of(corners(), file_format, **options), max_pixels=LIMIT)
    assert decoded.format == file_format
    assert decoded.media_type.startswith("image/")
    assert decoded.rgb.dtype == np.uint8
    assert np.abs(decoded.rgb.astype(int) - np.asarray(corners()).astype(int)).mean() < 8


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr"])
def test_modes_without_transparency_keep_their_look(mode: str) -> None:
    data = file_of(corners().convert(mode), "TIFF")
    expected = np.asarray(corners().convert(mode).convert("RGB")).astype(int)
    assert np.abs(decode_image(data, max_pixels=LIMIT).rgb.astype(int) - expected).max() <= 2


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparency_is_laid_on_white(mode: str) -> None:
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, 4, 8))
    image.paste((0, 0, 0, 128), (4, 0, 8, 4))
    file_format = "TIFF" if mode == "PA" else "PNG"
    source = image.convert("LA" if mode == "LA" else "RGBA")
    if mode == "PA":
        source = image.convert("P", palette=Image.Palette.ADAPTIVE).convert("PA")
        source.putalpha(image.getchannel("A"))
    data = file_of(source, file_format)
    decoded = decode_image(data, max_pixels=LIMIT)
    assert (decoded.rgb[:, :4] == 255).all()
    assert (decoded.rgb[5:, 5:] == 0).all()
    assert 120 <= decoded.rgb[0, 7, 0] <= 135
    shown = decode_image(display_bytes(data, decoded)[0], max_pixels=LIMIT)
    assert (shown.rgb == decoded.rgb).all()


def test_an_opaque_alpha_channel_changes_nothing() -> None:
    data = file_of(corners().convert("RGBA"))
    decoded = decode_image(data, max_pixels=LIMIT)
    assert (decoded.rgb == np.asarray(corners())).all()
    assert display_bytes(data, decoded) == (data, "image/png")


def test_a_transparent_palette_entry_is_white() -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([0, 0, 0, 200, 0, 0])
    image.putpixel((0, 0), 1)
    decoded = decode_image(file_of(image, transparency=0), max_pixels=LIMIT)
    assert decoded.rgb[0, 0].tolist() == [200, 0, 0]
    assert decoded.rgb[3, 3].tolist() == [255, 255, 255]


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
@pytest.mark.parametrize(("low", "high"), [(0, 65535), (900, 1200), (30_000, 30_100)])
def test_sixteen_bit_greys_use_the_whole_range(file_format: str, low: int, high: int) -> None:
    ramp = np.linspace(low, high, 200 * 200).reshape(200, 200).astype(np.uint16)
    decoded = decode_image(file_of(Image.fromarray(ramp), file_format), max_pixels=LIMIT)
    assert decoded.rgb.min() == 0
    assert decoded.rgb.max() == 255
    assert 120 <= decoded.rgb[100, 0, 0] <= 135
    assert (np.diff(decoded.rgb[:, 0, 0].astype(int)) >= 0).all()
    assert not decoded.browser_ready


def test_outliers_do_not_darken_a_sixteen_bit_image() -> None:
    ramp = np.linspace(1000, 1200, 200 * 200).reshape(200, 200).astype(np.uint16)
    ramp[0, :20] = 65535
    decoded = decode_image(file_of(Image.fromarray(ramp), "TIFF"), max_pixels=LIMIT)
    assert 120 <= decoded.rgb[100, 0, 0] <= 135
    assert decoded.rgb[0, 0, 0] == 255


def test_a_few_bright_dots_on_black_stay_visible() -> None:
    dots = np.zeros((200, 200), np.uint16)
    dots[7, 9] = 4000
    assert decode_image(file_of(Image.fromarray(dots)), max_pixels=LIMIT).rgb[7, 9].tolist() == [255, 255, 255]


def test_floats_with_gaps() -> None:
    values = np.linspace(-1, 1, 100 * 100, dtype=np.float32).reshape(100, 100)
    values[0, 0], values[0, 1], values[0, 2] = np.nan, np.inf, -np.inf
    decoded = decode_image(file_of(Image.fromarray(values), "TIFF"), max_pixels=LIMIT)
    assert (decoded.rgb[0, :3] == 0).all()
    assert 120 <= decoded.rgb[50, 0, 0] <= 135


@pytest.mark.parametrize("value", [0, 77, 65535])
def test_a_constant_deep_grey_is_black(value: int) -> None:
    data = file_of(Image.fromarray(np.full((9, 9), value, np.uint16)))
    assert (decode_image(data, max_pixels=LIMIT).rgb == 0).all()


def test_white_is_zero_is_turned_around() -> None:
    ramp = np.linspace(0, 60_000, 100 * 100).reshape(100, 100).astype(np.uint16)
    data = file_of(Image.fromarray(ramp), "TIFF", tiffinfo={262: 0})
    decoded = decode_image(data, max_pixels=LIMIT)
    plain = decode_image(file_of(Image.fromarray(ramp), "TIFF"), max_pixels=LIMIT)
    assert (decoded.rgb == 255 - plain.rgb).all()


@pytest.mark.parametrize("file_format", ["WEBP", "PNG"])
def test_animations_count_as_their_first_frame(file_format: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    options: dict[str, Any] = {"lossless": True} if file_format == "WEBP" else {}
    data = file_of(frames[0], file_format, save_all=True, append_images=frames[1:], duration=50, **options)
    decoded = decode_image(data, max_pixels=LIMIT)
    assert (decoded.rgb == (255, 0, 0)).all()
    shown, _ = display_bytes(data, decoded)
    assert shown != data
    assert np.abs(decode_image(shown, max_pixels=LIMIT).rgb - np.array([255.0, 0, 0])).max() <= 2


def test_multi_page_tiffs_count_as_their_first_page() -> None:
    pages = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    data = file_of(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    assert (decode_image(data, max_pixels=LIMIT).rgb == (255, 0, 0)).all()


def test_a_tiff_whose_second_page_is_nonsense_still_has_its_first() -> None:
    data = bytearray(file_of(corners(), "TIFF"))
    (directory,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, directory)
    struct.pack_into("<I", data, directory + 2 + 12 * entries, 4)  # where the next page would be
    assert (decode_image(bytes(data), max_pixels=LIMIT).rgb == np.asarray(corners())).all()


# --- what is shown ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "BMP"])
def test_what_browsers_show_right_is_served_as_it_is(file_format: str) -> None:
    data = file_of(corners(), file_format)
    shown, media_type = display_bytes(data, decode_image(data, max_pixels=LIMIT))
    assert shown is data
    assert media_type.removeprefix("image/") == file_format.lower()


def test_tiff_is_shown_as_lossless_png() -> None:
    decoded = decode_image(data := file_of(noise(), "TIFF"), max_pixels=LIMIT)
    shown, media_type = display_bytes(data, decoded)
    assert media_type == "image/png"
    assert (decode_image(shown, max_pixels=LIMIT).rgb == decoded.rgb).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (640, 480), (5000, 3)])
def test_thumbnails_fit_and_never_grow(size: tuple[int, int]) -> None:
    decoded = decode_image(file_of(Image.new("RGB", size, "green")), max_pixels=LIMIT)
    thumbnail = Image.open(io.BytesIO(thumbnail_bytes(decoded)))
    assert thumbnail.format == "WEBP"
    assert max(thumbnail.size) == min(max(size), THUMBNAIL_SIDE)
    assert min(thumbnail.size) >= 1


# --- bad input --------------------------------------------------------------------------------------------------------


def test_an_image_bomb_is_refused_by_its_header() -> None:
    with pytest.raises(ImageTooLarge, match="50000 × 50000") as caught:
        decode_image(png_header(50_000, 50_000), max_pixels=LIMIT)
    assert "100 megapixels" in caught.value.hint
    assert caught.value.status == 413


@pytest.mark.parametrize("file_format", FORMATS)
def test_the_limit_counts_pixels(file_format: str) -> None:
    data = file_of(noise(64, 48), file_format)
    assert decode_image(data, max_pixels=64 * 48).width == 64
    with pytest.raises(ImageTooLarge):
        decode_image(data, max_pixels=64 * 48 - 1)


def test_a_long_strip_is_refused() -> None:
    with pytest.raises(ImageTooLarge, match="65501 × 1 "):
        decode_image(png_header(65_501, 1), max_pixels=LIMIT)


@pytest.mark.filterwarnings("default:Truncated File Read:UserWarning")
@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("part", [0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97])
def test_a_truncated_file_is_refused(file_format: str, part: float) -> None:
    data = file_of(noise(), file_format)
    with pytest.raises(InvalidImage):
        decode_image(data[: int(len(data) * part)], max_pixels=LIMIT)


def test_a_progressive_jpeg_without_its_last_scan_is_refused() -> None:
    data = file_of(noise(), "JPEG", progressive=True)
    with pytest.raises(InvalidImage, match="truncated"):
        decode_image(data[:-40], max_pixels=LIMIT)


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(InvalidImage, match="empty"):
        decode_image(b"", max_pixels=LIMIT)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"just some text", "not an image"),
        (b"\0" * 1000, "not an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "SVG"),
        (b"<!DOCTYPE html><html></html>", "HTML"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 100, "HEIC"),
        (file_of(Image.new("L", (4, 4)), "GIF"), "GIF"),
        (file_of(Image.new("RGB", (4, 4)), "PPM"), "not an image"),
        (b"\xff\xd8\xff" + b"\0" * 100, "JPEG file cannot be decoded"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "PNG file cannot be decoded"),
        (b"BM" + b"\xff" * 100, "BMP file cannot be decoded"),
    ],
)
def test_what_is_not_an_accepted_image_is_named(data: bytes, what: str) -> None:
    with pytest.raises(InvalidImage, match=what) as caught:
        decode_image(data, max_pixels=LIMIT)
    assert caught.value.hint


@pytest.mark.filterwarnings("default::UserWarning")
@settings(max_examples=200, deadline=None)
@given(file_format=st.sampled_from(FORMATS), where=st.floats(0, 1), junk=st.binary(min_size=1, max_size=12))
def test_damage_anywhere_gives_an_image_or_our_error(file_format: str, where: float, junk: bytes) -> None:
    data = bytearray(file_of(corners(), file_format))
    start = int(where * (len(data) - 1))
    data[start : start + len(junk)] = junk
    try:
        decoded = decode_image(bytes(data), max_pixels=1_000_000)
    except InvalidImage:
        return
    assert decoded.rgb.shape[2] == 3


# --- what browsers make of a file -------------------------------------------------------------------------------------


def with_chunk(png: bytes, kind: bytes, body: bytes) -> bytes:
    """A PNG with one more chunk behind its header."""
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return png[:33] + chunk + png[33:]


def gamma_of(value: float) -> bytes:
    return struct.pack(">I", round(value * 100_000))


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA"])
def test_the_gamma_of_a_png_is_applied_and_the_page_sees_the_same(mode: str) -> None:
    plain = noise().convert(mode, palette=Image.Palette.ADAPTIVE)
    data = with_chunk(file_of(plain), b"gAMA", gamma_of(1.0))
    decoded = decode_image(data, max_pixels=LIMIT)
    light = np.asarray(plain.convert("RGB")) / 255  # gamma 1: samples are light; shown in sRGB
    srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(decoded.rgb - 255 * srgb).max() <= 0.5
    shown, _ = display_bytes(data, decoded)
    assert b"gAMA" not in shown
    assert (decode_image(shown, max_pixels=LIMIT).rgb == decoded.rgb).all()


@pytest.mark.parametrize("gamma", [0.45455, 0.44, 0.0, 1e-5, 9.0])
def test_the_usual_gamma_and_impossible_ones_change_no_pixel(gamma: float) -> None:
    data = with_chunk(file_of(noise()), b"gAMA", gamma_of(gamma))
    decoded = decode_image(data, max_pixels=LIMIT)
    assert (decoded.rgb == np.asarray(noise())).all()


def test_the_word_srgb_goes_before_gamma() -> None:
    data = with_chunk(with_chunk(file_of(noise()), b"gAMA", gamma_of(1.0)), b"sRGB", b"\0")
    assert (decode_image(data, max_pixels=LIMIT).rgb == np.asarray(noise())).all()


XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("exif_orientation", [None, 3])
def test_an_orientation_counts_in_exif_only_as_in_browsers(file_format: str, exif_orientation: int | None) -> None:
    options: dict[str, Any] = {"xmp": XMP.encode()}
    if file_format == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_itxt("XML:com.adobe.xmp", XMP)
        options = {"pnginfo": text}
    elif file_format == "TIFF":
        options = {"tiffinfo": {700: XMP.encode()}}
    if exif_orientation and file_format == "TIFF":
        options["tiffinfo"][274] = exif_orientation
    elif exif_orientation:
        exif = Image.Exif()
        exif[0x0112] = exif_orientation
        options["exif"] = exif
    decoded = decode_image(file_of(corners(), file_format, **options), max_pixels=LIMIT)
    upright = np.rot90(np.asarray(corners()), 2) if exif_orientation else np.asarray(corners())
    assert decoded.rgb.shape == upright.shape
    assert np.abs(decoded.rgb.astype(int) - upright.astype(int)).mean() < 8


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 100, "a JPEG 2000"),
        (b"\xff\x4f\xff\x51" + b"\0" * 100, "a JPEG 2000"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0" * 100, "a JPEG XL"),
        (b"\xff\x0a" + b"\0" * 100, "a JPEG XL"),
        (b"\0\0\0\x1cftypavif" + b"\0" * 100, "an AVIF"),
        (b"\0\0\0\x1cftypmp42" + b"\0" * 100, "a video"),
        (b"8BPS" + b"\0" * 100, "a Photoshop file"),
        (b"\0" * 128 + b"DICM" + b"\0" * 100, "a DICOM file"),
        (b"v/1\x01" + b"\0" * 100, "an OpenEXR file"),
        (b"\x89HDF\r\n" + b"\0" * 100, "an HDF5 file"),
        (b"PK\x03\x04" + b"\0" * 100, "an archive"),
    ],
)
def test_what_other_programs_write_is_called_by_its_name(data: bytes, what: str) -> None:
    with pytest.raises(InvalidImage, match=f"The file is {what}, not an image of an accepted format"):
        decode_image(data, max_pixels=LIMIT)


@pytest.mark.parametrize(
    "start", [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"BM", b"RIFF\0\0\0\0WEBP"]
)
@pytest.mark.parametrize("rest", [b"", b"\0" * 100, b"\xff" * 100])
def test_no_message_shows_an_object_of_python(start: bytes, rest: bytes) -> None:
    with pytest.raises(InvalidImage) as caught:
        decode_image(start + rest, max_pixels=LIMIT)
    assert "<" not in str(caught.value)
    assert " object at " not in str(caught.value)


@pytest.mark.parametrize("bits", [1, 8])
def test_a_png_whose_palette_is_missing_is_refused_in_words(bits: int) -> None:
    palette = Image.new("P", (8, 4))
    palette.putpalette([0, 0, 0, 9, 9, 9])
    data = file_of(palette, "PNG", bits=bits)
    begin = data.index(b"PLTE") - 4
    end = begin + 12 + struct.unpack(">I", data[begin : begin + 4])[0]
    data = data[:begin] + data[end:]
    with pytest.raises(InvalidImage, match="does not fit together") as caught:
        decode_image(data, max_pixels=LIMIT)
    assert "Error" not in str(caught.value)


@pytest.mark.parametrize("file_format", ["PNG", "WEBP"])
def test_frames_of_an_animation_are_counted_and_the_first_counts(file_format: str) -> None:
    frames = [noise(), *(Image.new("RGB", (64, 48), color) for color in ("red", "blue"))]
    options: dict[str, Any] = {"lossless": True} if file_format == "WEBP" else {}
    data = file_of(frames[0], file_format, save_all=True, append_images=frames[1:], **options)
    decoded = decode_image(data, max_pixels=LIMIT)
    assert decoded.pages == 3
    assert not decoded.browser_ready
    assert (decoded.rgb == np.asarray(frames[0])).all()


def test_a_second_picture_in_a_jpeg_that_is_not_said_to_be_one_of_a_series_is_no_page() -> None:
    """Phones put previews and gain maps there."""
    buffer = io.BytesIO()
    noise().save(buffer, "MPO", save_all=True, append_images=[noise(32, 32)])
    decoded = decode_image(buffer.getvalue(), max_pixels=LIMIT)
    assert (decoded.format, decoded.pages) == ("JPEG", 1)


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("damaged", [False, True])
def test_nothing_keeps_the_bytes_of_a_file_once_it_is_decoded(file_format: str, damaged: bool) -> None:
    data = file_of(noise(), file_format)
    data = data[: len(data) // 2] if damaged else data
    gc.collect()
    gc.disable()  # what refers to itself would go some time
    try:
        before = sys.getrefcount(data)
        with suppress(InvalidImage):
            decode_image(data, max_pixels=LIMIT)
        assert sys.getrefcount(data) == before
    finally:
        gc.enable()
