"""A file's bytes -> oriented RGB: done once, at import, the same for the page, the encoder and the export.

What is accepted is decided by the content, never by the file's name. The header is read first, so that an image bomb is
refused before any pixel is decoded.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from limner.encoding.jpeg import check_scans
from limner.encoding.orientation import TRANSPOSE, orientation_of
from limner.encoding.sniffing import ACCEPTED, sniff
from limner.encoding.tiff import opened_picture
from limner.encoding.tones import flatten
from limner.errors import ImageTooLarge, InvalidImage

MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "TIFF": "image/tiff",
    "BMP": "image/bmp",
}
MAX_SIDE = 65_500  # px; JPEG and the canvases of browsers end here
THUMBNAIL_SIDE = 320  # px, longest side
LOSSLESS_DISPLAY_PIXELS = 25_000_000  # above this a PNG takes too long to write
JPEG_QUALITY = 95

_PNG_END = b"IEND\xaeB`\x82"
_OBJECT = re.compile(r"\s*<[\w.]+ object at 0x[0-9a-f]+>|\s*<_io\.[^>]*>")  # as Python prints what a reader was given
_MP_ENTRIES, _PREVIEWS = 0xB002, ("Large Thumbnail", "Undefined")  # of MPO: what is no picture of its own

# Pillow's own bomb check is process-wide, warns before it raises, and does not know our limit: decode_image checks the
# header against the caller's limit instead.
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True)
class DecodedImage:
    """An image as people see it.

    Attributes:
        picture: RGB, oriented, without transparency and without anything that its file says beside.
        format: of the file: JPEG, PNG, WEBP, TIFF or BMP.
        orientation: EXIF orientation that was applied, 1 when there was nothing to do.
        browser_ready: browsers show the file's own bytes as ``picture`` is.
        icc_profile: the colour profile that ``picture`` is in, when the file has one.
        pages: pages, or frames, that the file has; ``picture`` is the first of them.
    """

    picture: Image.Image
    format: str
    orientation: int
    browser_ready: bool
    icc_profile: bytes | None = None
    pages: int = 1

    @property
    def rgb(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8: a copy each time, which of a large image is large."""
        return np.asarray(self.picture)

    @property
    def media_type(self) -> str:
        """Of the file itself."""
        return MEDIA_TYPES[self.format]

    @property
    def height(self) -> int:
        """Of the oriented image, in pixels."""
        return self.picture.height

    @property
    def width(self) -> int:
        """Of the oriented image, in pixels."""
        return self.picture.width


def decode_image(data: bytes, *, max_pixels: int) -> DecodedImage:
    """Decode, orient and flatten an image file.

    EXIF orientation is applied once. Transparency is laid on white. Greys of 16 bits or more, and floats, are windowed:
    the 0.5th percentile becomes black, the 99.5th white. Colours of 16 bits keep their upper eight. PNG's gAMA counts
    as in browsers. Of animations and multi-page files the first picture counts, in TIFF the first that is no preview.

    Args:
        data: the whole file.
        max_pixels: largest width × height that is accepted.

    Raises:
        ImageTooLarge: when the header promises more pixels than allowed; nothing has been decoded then.
        InvalidImage: for empty, truncated or damaged files, formats that are not accepted, and layouts of TIFF that are
            not read.
    """
    file_format = sniff(data)
    return _decode_tiff(data, max_pixels) if file_format == "TIFF" else _decode(data, file_format, max_pixels)


def _decode(data: bytes, file_format: str, max_pixels: int) -> DecodedImage:
    if file_format == "JPEG":
        check_scans(data)
    try:
        image = Image.open(io.BytesIO(data), formats=(file_format,))
    except Exception as error:  # Pillow's readers raise whatever they trip over
        raise _damaged(file_format, error) from error
    with image:
        _check_size(image.size, max_pixels)
        try:
            image.load()
            if file_format == "PNG" and _PNG_END not in data:
                raise OSError("the end of the file is missing")
            orientation = orientation_of(image)
            pages = _pages(image)
            flat, altered = flatten(image)
        except Exception as error:  # as above
            raise _damaged(file_format, error) from error
        if orientation in TRANSPOSE:
            flat = flat.transpose(TRANSPOSE[orientation])
        profile = image.info.get("icc_profile") if image.mode in ("RGB", "RGBA", "P") else None
        animated = pages > 1 and image.format != "MPO"
    flat.info.clear()
    return DecodedImage(
        picture=flat,
        format=file_format,
        orientation=orientation if orientation in TRANSPOSE else 1,
        browser_ready=orientation == 1 and not altered and not animated,
        icc_profile=profile or None,
        pages=pages,
    )


def _decode_tiff(data: bytes, max_pixels: int) -> DecodedImage:
    try:
        with opened_picture(data) as picture:
            _check_size(picture.size, max_pixels)
            flat, profile = picture.read(data)
            orientation, pages = picture.orientation, picture.pages
    except InvalidImage:
        raise
    except Exception as error:  # as above
        raise _damaged("TIFF", error) from error
    flat.info.clear()
    return DecodedImage(
        picture=flat,
        format="TIFF",
        orientation=orientation,
        browser_ready=False,
        icc_profile=profile,
        pages=pages,
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
    image = decoded.picture
    buffer = io.BytesIO()
    lossless = decoded.format in ("PNG", "TIFF", "BMP")
    if lossless and decoded.height * decoded.width <= LOSSLESS_DISPLAY_PIXELS:
        image.save(buffer, "PNG", compress_level=1, icc_profile=decoded.icc_profile)
        return buffer.getvalue(), MEDIA_TYPES["PNG"]
    image.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling="4:4:4", icc_profile=decoded.icc_profile)
    return buffer.getvalue(), MEDIA_TYPES["JPEG"]


def thumbnail_size(height: int, width: int) -> tuple[int, int]:
    """(height, width) of the thumbnail of an image of this height and width."""
    scale = min(1.0, THUMBNAIL_SIDE / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def thumbnail_bytes(decoded: DecodedImage) -> bytes:
    """A small WebP, the longest side at most 320 pixels; smaller images keep their size."""
    image = decoded.picture
    height, width = thumbnail_size(image.height, image.width)
    small = image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=80, method=4, icc_profile=decoded.icc_profile)
    return buffer.getvalue()


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if min(width, height) < 1:
        raise InvalidImage(
            f"The image is {width} × {height} pixels large: it has none.",
            hint=f"Give a {ACCEPTED} file with a picture.",
        )
    if width * height > max_pixels or max(width, height) > MAX_SIDE:
        raise ImageTooLarge(
            f"The image is {width} × {height} pixels large.",
            hint=f"At most {max_pixels / 1e6:g} megapixels and {MAX_SIDE} pixels a side are accepted.",
            details={"width": width, "height": height, "max_pixels": max_pixels},
        )


def _pages(image: Image.Image) -> int:
    """Frames of a file that has been loaded; of JPEGs in one file (MPO) those that are no previews."""
    if image.format != "MPO":
        return int(getattr(image, "n_frames", 1))
    entries = getattr(image, "mpinfo", {}).get(_MP_ENTRIES, [])
    kinds = [str(entry["Attribute"]["MPType"]) for entry in entries]
    return max(1, sum(not kind.startswith(_PREVIEWS) for kind in kinds))


def _damaged(file_format: str, error: Exception) -> InvalidImage:
    reason = _OBJECT.sub("", str(error)) or "what it says of itself does not fit together"
    if isinstance(error, UnidentifiedImageError):
        reason = "its header is not understood"
    return InvalidImage(
        f"The {file_format} file cannot be decoded: {reason}.",
        hint="It is truncated, damaged or of a rare variant. Send it again, or save it anew as JPEG or PNG.",
    )
