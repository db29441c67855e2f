"""A file's bytes -> oriented RGB: done once, at import, the same for the page, the encoder and the export.

What is accepted is decided by the content, never by the file's name. The header is read first, so that an image bomb is
refused before any pixel is decoded.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from limner.errors import ImageTooLarge, InvalidImage

MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "TIFF": "image/tiff",
    "BMP": "image/bmp",
}
ACCEPTED = "JPEG, PNG, WebP, TIFF or BMP"
MAX_SIDE = 65_500  # px; JPEG and the canvases of browsers end here
WINDOW_PERCENTILES = (0.5, 99.5)  # of a grey image with more than 8 bits; below is black, above is white
WINDOW_SAMPLES = 1 << 22  # pixels from which the percentiles are taken
THUMBNAIL_SIDE = 320  # px, longest side
LOSSLESS_DISPLAY_PIXELS = 25_000_000  # above this a PNG takes too long to write
JPEG_QUALITY = 95

_DEEP_GREYS = ("I", "I;16", "I;16B", "I;16L", "I;16N", "F")
_WHITE_IS_ZERO = 0  # TIFF's PhotometricInterpretation
_PHOTOMETRIC_TAG = 262
_PNG_END = b"IEND\xaeB`\x82"
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # EXIF orientation -> what brings the picture upright

# Pillow's own bomb check is process-wide, warns before it raises, and does not know our limit: decode_image checks the
# header against the caller's limit instead.
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True)
class DecodedImage:
    """An image as people see it.

    Attributes:
        rgb: (H, W, 3) uint8, oriented, without transparency.
        format: of the file: JPEG, PNG, WEBP, TIFF or BMP.
        orientation: EXIF orientation that was applied, 1 when there was nothing to do.
        browser_ready: browsers show the file's own bytes as ``rgb`` is.
        icc_profile: the colour profile that ``rgb`` is in, when the file has one.
    """

    rgb: NDArray[np.uint8]
    format: str
    orientation: int
    browser_ready: bool
    icc_profile: bytes | None = None

    @property
    def media_type(self) -> str:
        """Of the file itself."""
        return MEDIA_TYPES[self.format]

    @property
    def height(self) -> int:
        """Of the oriented image, in pixels."""
        return int(self.rgb.shape[0])

    @property
    def width(self) -> int:
        """Of the oriented image, in pixels."""
        return int(self.rgb.shape[1])


def decode_image(data: bytes, *, max_pixels: int) -> DecodedImage:
    """Decode, orient and flatten an image file.

    EXIF orientation is applied once. Transparency is laid on white. Greys of 16 bits or more, and floats, are windowed:
    the 0.5th percentile becomes black, the 99.5th white. Colours of 16 bits keep their upper eight. Of animations and
    multi-page files the first picture counts.

    Args:
        data: the whole file.
        max_pixels: largest width × height that is accepted.

    Raises:
        ImageTooLarge: when the header promises more pixels than allowed; nothing has been decoded then.
        InvalidImage: for empty, truncated or damaged files and formats that are not accepted.
    """
    file_format = _sniff(data)
    try:
        image = Image.open(io.BytesIO(data), formats=(file_format,))
    except Exception as error:  # Pillow's readers raise whatever they trip over
        raise _damaged(file_format, error) from error
    with image:
        _check_size(image, max_pixels)
        orientation = _orientation(image)
        try:
            image.load()
            if file_format == "PNG" and _PNG_END not in data:
                raise OSError("the end of the file is missing")
            inverted = file_format == "TIFF" and image.tag_v2.get(_PHOTOMETRIC_TAG) == _WHITE_IS_ZERO  # type: ignore[attr-defined]
            flat, altered = _flatten(image, inverted=inverted)
            altered |= file_format != "TIFF" and image.format != "MPO" and getattr(image, "n_frames", 1) > 1
        except Exception as error:  # as above
            raise _damaged(file_format, error) from error
        if file_format != "TIFF" and orientation in _TRANSPOSE:  # Pillow itself orients TIFF while loading
            flat = flat.transpose(_TRANSPOSE[orientation])
        profile = image.info.get("icc_profile") if image.mode in ("RGB", "RGBA", "P") else None
    return DecodedImage(
        rgb=np.asarray(flat),
        format=file_format,
        orientation=orientation if orientation in _TRANSPOSE else 1,
        browser_ready=file_format != "TIFF" and orientation == 1 and not altered,
        icc_profile=profile or None,
    )


def display_bytes(data: bytes, decoded: DecodedImage) -> tuple[bytes, str]:
    """What the page shows: the file itself where browsers show it right, otherwise a copy they do.

    Copies of lossless formats are PNG up to 25 megapixels; all others are JPEG of quality 95 with full colour.

    Args:
        data: the file that ``decoded`` came from.
        decoded: what :func:`decode_image` made of it.

    Returns:
        The bytes and their media type.
    """
    if decoded.browser_ready:
        return data, decoded.media_type
    image = Image.fromarray(decoded.rgb)
    buffer = io.BytesIO()
    lossless = decoded.format in ("PNG", "TIFF", "BMP")
    if lossless and decoded.height * decoded.width <= LOSSLESS_DISPLAY_PIXELS:
        image.save(buffer, "PNG", compress_level=1, icc_profile=decoded.icc_profile)
        return buffer.getvalue(), MEDIA_TYPES["PNG"]
    image.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling="4:4:4", icc_profile=decoded.icc_profile)
    return buffer.getvalue(), MEDIA_TYPES["JPEG"]


def thumbnail_bytes(decoded: DecodedImage) -> bytes:
    """A small WebP, the longest side at most 320 pixels; smaller images keep their size."""
    image = Image.fromarray(decoded.rgb)
    scale = min(1.0, THUMBNAIL_SIDE / max(image.size))
    width, height = (max(1, round(side * scale)) for side in image.size)
    small = image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=80, method=4, icc_profile=decoded.icc_profile)
    return buffer.getvalue()


def _sniff(data: bytes) -> str:
    """The accepted format that these bytes begin like.

    Raises:
        InvalidImage: when there is none; says what the file looks like instead.
    """
    if not data:
        raise InvalidImage("The file is empty.", hint=f"Give a {ACCEPTED} file.")
    for file_format, known in (
        ("JPEG", data.startswith(b"\xff\xd8\xff")),
        ("PNG", data.startswith(b"\x89PNG\r\n\x1a\n")),
        ("WEBP", data.startswith(b"RIFF") and data[8:12] == b"WEBP"),
        ("TIFF", data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"))),
        ("BMP", data.startswith(b"BM")),
    ):
        if known:
            return file_format
    raise InvalidImage(f"The file {_describe(data)}.", hint=f"Give a {ACCEPTED} file.")


def _describe(data: bytes) -> str:
    """What a file that is not accepted looks like, to complete the sentence "The file …"."""
    head = data[:512].lstrip().lower()
    if head.startswith(b"gif8"):
        return "is a GIF, which is not accepted"
    if data[4:8] == b"ftyp":
        return "is a HEIC, AVIF or video file, which is not accepted"
    if head.startswith(b"%pdf"):
        return "is a PDF, which is not accepted"
    if head.startswith((b"<svg", b"<?xml", b"<!doctype", b"<html")):
        return "is an SVG, XML or HTML document, not a picture of pixels"
    return "is not an image"


def _check_size(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels or max(width, height) > MAX_SIDE:
        raise ImageTooLarge(
            f"The image is {width} × {height} pixels large.",
            hint=f"At most {max_pixels / 1e6:g} megapixels and {MAX_SIDE} pixels a side are accepted.",
            details={"width": width, "height": height, "max_pixels": max_pixels},
        )


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1–8; 0 when the EXIF block cannot be read, which then says nothing about orientation."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, struct.error):
        return 0
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def _flatten(image: Image.Image, *, inverted: bool) -> tuple[Image.Image, bool]:
    """Any Pillow mode -> RGB, and whether browsers would show the file differently."""
    if image.mode in _DEEP_GREYS:
        return _window(np.asarray(image), inverted=inverted), True
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        if rgba.getchannel("A").getextrema() == (255, 255):
            return rgba.convert("RGB"), False
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB"), True
    return image.convert("RGB"), False


def _window(values: NDArray[np.generic], *, inverted: bool) -> Image.Image:
    """Greys (H, W) of any number type -> RGB, between two percentiles of the finite values.

    Where the percentiles coincide (a few bright dots on black), minimum and maximum take their place; a constant image
    becomes black. Values that are not finite become black.
    """
    stride = max(1, int(np.ceil(np.sqrt(values.size / WINDOW_SAMPLES))))
    sample = values[::stride, ::stride].astype(np.float64)
    sample = sample[np.isfinite(sample)]
    low, high = np.percentile(sample, WINDOW_PERCENTILES) if sample.size else (0.0, 0.0)
    if low == high and sample.size:
        low, high = float(sample.min()), float(sample.max())
    grey = np.empty(values.shape, np.uint8)
    for top in range(0, values.shape[0], 512):  # a band at a time: floats are eight times as large
        band = values[top : top + 512].astype(np.float64)
        with np.errstate(invalid="ignore"):
            scaled = (np.clip(band, low, high) - low) * (255 / (high - low) if high > low else 0.0)
        grey[top : top + 512] = np.where(np.isfinite(band), np.rint(scaled), 0)
    return Image.fromarray(255 - grey if inverted else grey).convert("RGB")


def _damaged(file_format: str, error: Exception) -> InvalidImage:
    return InvalidImage(
        f"The {file_format} file cannot be decoded: {error or type(error).__name__}.",
        hint="It is truncated, damaged or of a rare variant. Send it again, or save it anew as JPEG or PNG.",
    )
