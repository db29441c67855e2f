"""TIFF: which of its pages is the picture, and who can read how its pixels lie.

TIFF allows more layouts than any reader knows, and Pillow opens some of them as other pictures (planes of 16 bits one
after the other, signed values, bands beyond the third). Its tags are therefore read first, by tifffile. Pillow reads
the layouts that it reads right, as tests hold it to tifffile value by value; what else means a picture is read by
tifffile; the rest is refused with the name of its layout.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from limner.encoding.orientation import TRANSPOSE
from limner.encoding.tiff_limits import MAX_LOOKED_AT, check_inflated, check_tags
from limner.encoding.tones import flatten, window
from limner.errors import InvalidImage

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

MAX_ARRAY_BYTES = 1 << 29  # of a picture that Pillow does not read

REDUCED, MASK = 1, 4  # bits of NewSubfileType
GREYS = WHITE_IS_ZERO, BLACK_IS_ZERO = 0, 1  # PhotometricInterpretation
RGB, PALETTE, SEPARATED, YCBCR = 2, 3, 5, 6
NAMES = {4: "transparency mask", 8: "CIELAB", 9: "ICCLAB", 10: "ITULAB", 32803: "raw", 32844: "LogL", 32845: "LogLuv"}
CAMERA_RAW = (32803, 34892)
CONTIGUOUS, SEPARATE = 1, 2  # PlanarConfiguration
UNSIGNED, SIGNED, FLOAT = 1, 2, 3  # SampleFormat
JPEGS = (6, 7)  # Compression
ALPHAS = (1, 2)  # ExtraSamples
SUBSAMPLING_TAG, INK_SET_TAG, ORIENTATION_TAG, SUBFILE_TAG = 530, 332, 274, 255


@dataclass(frozen=True)
class TiffPicture:
    """The picture of a TIFF.

    Attributes:
        size: (width, height) before orientation.
        pages: whole pages in the file; previews and masks do not count.
        index: of the picture among all pages of the file, previews too.
    """

    size: tuple[int, int]
    pages: int
    index: int
    _file: TiffFile
    _page: TiffPage

    def read(self, data: bytes) -> tuple[Image.Image, bytes | None]:
        """Decode the picture: RGB, upright, and the colour profile that it is in.

        Raises:
            InvalidImage: when nobody reads its layout right.
            Exception: whatever readers trip over in damaged files.
        """
        page = self._page
        if _pillow_reads(self._file, page):
            try:
                image = Image.open(io.BytesIO(data), formats=("TIFF",))
            except UnidentifiedImageError:
                pass  # the layout, not the data
            else:
                with image:
                    image.seek(self.index)
                    if image.size not in (self.size, self.size[::-1]):  # of two tags of one name each reads another
                        raise OSError("it tells two sizes")
                    image.info.pop("xmp", None)  # see limner.encoding.images
                    image.load()  # turns it upright too
                    flat, _ = flatten(image, inverted=int(page.photometric) == WHITE_IS_ZERO)
                    profile = image.info.get("icc_profile") if image.mode in ("RGB", "RGBA", "P") else None
                    return flat, profile or None
        _check_readable(page, len(data))
        check_inflated(page, data)
        flat = _from_values(page, page.asarray(maxworkers=1))
        turned = flat.transpose(TRANSPOSE[self.orientation]) if self.orientation in TRANSPOSE else flat
        return turned, None

    @property
    def orientation(self) -> int:
        """As its tag says, 1 to 8, applied by :meth:`read`."""
        value = self._page.tags.valueof(ORIENTATION_TAG, 1)
        return int(value) if isinstance(value, int) and 1 <= value <= 8 else 1


@contextmanager
def opened_picture(data: bytes) -> Iterator[TiffPicture]:
    """The first whole page of a TIFF, to be read in the block; where there are previews only, the first of them.

    Raises:
        InvalidImage: when it is a camera's raw file, whose pages are previews.
        Exception: whatever tifffile trips over in damaged files.
    """
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # it has a line for every tag that it cannot read
    check_tags(data)
    # tifffile's objects refer to each other: until they are collected, what is not closed keeps the bytes of the file.
    with io.BytesIO(data) as stream:
        yield _first_whole_page(tifffile.TiffFile(stream))


def _first_whole_page(file: TiffFile) -> TiffPicture:
    pages = file.pages
    count = len(pages)
    whole: list[int] = []
    for index in range(min(count, MAX_LOOKED_AT)):
        page: Any = pages[index]
        kind = int(page.subfiletype)
        if not kind & (REDUCED | MASK) and page.tags.valueof(SUBFILE_TAG, 1) != 2:
            whole.append(index)
    whole += range(MAX_LOOKED_AT, count)
    first: Any = pages[whole[0] if whole else 0]
    if int(first.photometric) in CAMERA_RAW or (not whole and _has_raw_data(first)):
        raise InvalidImage(
            "The TIFF file is a camera's raw file.", hint="Develop it and save the picture as JPEG, PNG or TIFF."
        )
    within = (
        re.search(r"^images=(\d{1,9})\s*$", first.description, re.M) if file.is_imagej else None
    )  # one page for all
    number = max(len(whole), int(within.group(1)) if within else 1, 1)
    return TiffPicture((first.imagewidth, first.imagelength), number, first.index, file, first)


def _has_raw_data(preview: Any) -> bool:
    return any(int(page.photometric) in CAMERA_RAW for page in islice(preview.pages or (), MAX_LOOKED_AT))


def _pillow_reads(file: TiffFile, page: Any) -> bool:
    """Whether Pillow is known to read this layout right."""
    if file.is_bigtiff and file.byteorder == ">":
        return False
    bits, samples, form = page.bitspersample, page.samplesperpixel, int(page.sampleformat or UNSIGNED)
    color, extra = int(page.photometric), tuple(map(int, page.extrasamples))
    contiguous = samples == 1 or int(page.planarconfig) == CONTIGUOUS
    if samples == 1 and color in GREYS:
        if form == UNSIGNED:
            return bits in (1, 2, 4, 8, 12, 16)
        return (form, bits) in ((SIGNED, 16), (SIGNED, 32), (FLOAT, 32)) and file.byteorder == "<"
    if form != UNSIGNED or (bits, contiguous) not in (
        (8, True),
        (16, True),
        (8, False),
        (1, True),
        (2, True),
        (4, True),
    ):
        return False
    if color == PALETTE:
        return (samples == 1 and bits <= 8) or (samples == 2 and bits == 8 and contiguous and extra == (2,))
    if bits < 8:
        return False
    if color == BLACK_IS_ZERO:
        return samples == 2 and bits == 8 and contiguous and extra[:1] == (2,)
    if color == RGB:
        return samples == 3 or (samples == 4 and len(extra) == 1 and (contiguous or extra == (2,)))
    if color == SEPARATED:
        return samples == 4 and bool(page.tags.valueof(INK_SET_TAG, 1) == 1)
    if color == YCBCR:
        whole = page.tags.valueof(SUBSAMPLING_TAG, (2, 2)) == (1, 1)
        return samples == 3 and bits == 8 and contiguous and (int(page.compression) in JPEGS or whole)
    return False


def _check_readable(page: Any, size: int) -> None:
    """Make sure that the page is a picture that tifffile can read, and that all of it is there.

    Raises:
        InvalidImage: naming the layout, or what is missing.
    """
    import tifffile

    values = page.dtype
    color, samples, extra = int(page.photometric), page.samplesperpixel, tuple(map(int, page.extrasamples))
    unsigned = values is not None and values.kind == "u"
    meant = (
        (color in GREYS and samples == 1)
        or (color == BLACK_IS_ZERO and samples == 2 and extra[:1] and extra[0] in ALPHAS and unsigned)
        or (color == RGB and samples >= 3 and unsigned)
        or (color == SEPARATED and samples == 4 and unsigned and page.tags.valueof(INK_SET_TAG, 1) == 1)
    )
    if values is None or values.kind not in "biuf" or not meant or page.axes not in ("YX", "YXS", "SYX"):
        raise _not_read(
            page, "Limner reads TIFF in grey, grey with alpha, RGB, RGB with alpha, CMYK and palette colours."
        )
    if int(page.compression) not in tifffile.TIFF.DECOMPRESSORS:
        raise _not_read(page, "Save it without compression, or with Deflate.")
    if page.nbytes > MAX_ARRAY_BYTES:
        raise _not_read(page, "Of this size only 8 bits a sample, pixel by pixel, can be read.")
    ends = np.asarray(page.dataoffsets, np.int64) + np.asarray(page.databytecounts, np.int64)
    if not ends.size or int(ends.max()) > size:
        raise OSError("some of its pixels are missing")


def _not_read(page: Any, hint: str) -> InvalidImage:
    """The refusal that says how the pixels lie."""
    from tifffile import COMPRESSION

    color = int(page.photometric)
    name = NAMES.get(color) or getattr(page.photometric, "name", str(color)).lower()
    kinds = {UNSIGNED: "unsigned", SIGNED: "signed", FLOAT: "floating point", 6: "complex", 5: "complex"}
    kind = kinds.get(int(page.sampleformat or UNSIGNED), "unknown")
    planes = "one plane after the other" if int(page.planarconfig) == SEPARATE else "pixel by pixel"
    try:
        compression = COMPRESSION(int(page.compression)).name
    except ValueError:
        compression = str(int(page.compression))
    count = page.samplesperpixel
    bands = f"{count} bands a pixel" if count > 1 else "one value a pixel"
    return InvalidImage(
        f"The TIFF file is intact, but its layout is not read: {bands} of {page.bitspersample} bits, {kind}, {planes},"
        f" colours: {name}, compression: {compression}.",
        hint=hint,
    )


def _from_values(page: Any, values: NDArray[Any]) -> Image.Image:
    """The values of a page that :func:`_check_readable` passed -> a picture of 8 bits, its orientation not applied."""
    color = int(page.photometric)
    if page.axes == "SYX":
        values = np.moveaxis(values, 0, -1)
    if page.axes == "YX" and values.dtype.kind in "bu" and values.dtype.itemsize == 1:
        eight = values * np.uint8(255) if values.dtype.kind == "b" else values
        return Image.fromarray(255 - eight if color == WHITE_IS_ZERO else eight).convert("RGB")
    if page.axes == "YX":
        return window(values, inverted=color == WHITE_IS_ZERO)
    extra = tuple(map(int, page.extrasamples))
    colors = {BLACK_IS_ZERO: 1, RGB: 3, SEPARATED: 4}[color]
    with_alpha = color != SEPARATED and bool(extra) and extra[0] in ALPHAS
    kept = values[..., : colors + with_alpha]
    eight = np.ascontiguousarray((kept >> (8 * (values.dtype.itemsize - 1))).astype(np.uint8))
    if with_alpha:
        mode = "LA" if color == BLACK_IS_ZERO else "RGBA"
        if extra[0] == 1 and mode == "RGBA":  # colours are multiplied by it
            return flatten(Image.frombytes("RGBa", (eight.shape[1], eight.shape[0]), eight.tobytes()).convert("RGBA"))[
                0
            ]
        return flatten(Image.fromarray(eight, mode))[0]
    return Image.fromarray(eight, "CMYK" if color == SEPARATED else "RGB").convert("RGB")
