"""PNG files whose pixels are numbers or colours: what labels are drawn in."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from limner.errors import InvalidFile
from limner.formats.importing.sources import MAX_DOCUMENT, SourceFile
from limner.formats.importing.stream import Size

MAX_COLORS = 4096  # of a picture in colours; more is a photo
Colors = dict[int, tuple[int, int, int]]


class LabelPng:
    """One file, of which nothing but its head has been read.

    Raises:
        InvalidFile: when it is no PNG.
    """

    def __init__(self, file: SourceFile) -> None:
        data = file.read(MAX_DOCUMENT)
        try:
            self._picture = PillowImage.open(io.BytesIO(data), formats=["PNG"])
        except (OSError, SyntaxError, ValueError, PillowImage.DecompressionBombError) as error:
            raise InvalidFile("It is no PNG file.", hint="Masks are PNG files: JPEG changes their numbers.") from error
        self.size: Size = (self._picture.height, self._picture.width)

    def values(self) -> tuple[NDArray[Any], Colors]:
        """Numbers (H, W), and the colours of those that occur.

        Of an indexed or grey picture the numbers are its own; of one in colours they are 256·(256·red + green) + blue.
        Transparent pixels of the latter are 0.

        Raises:
            InvalidFile: when it is damaged, or a photo.
        """
        try:
            self._picture.load()
        except (OSError, SyntaxError, ValueError) as error:
            raise InvalidFile(f"It is damaged: {error}.", hint="Write it again.") from error
        picture = self._picture
        if picture.mode in ("1", "L", "P") or picture.mode.startswith("I"):
            values = np.asarray(picture.convert("L") if picture.mode == "1" else picture)
            palette = picture.getpalette("RGB") if picture.mode == "P" else None
            found = np.unique(values).tolist()
            colors = {each: _of_palette(palette, each) for each in found} if palette else {}
            return values, colors
        if picture.mode == "LA":
            grey = np.asarray(picture)
            return np.where(grey[..., 1] > 0, grey[..., 0], 0), {}
        pixels = np.asarray(picture.convert("RGBA"), np.int32)
        values = (pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2]) * (pixels[..., 3] > 0)
        found = np.unique(values).tolist()
        if len(found) > MAX_COLORS:
            raise InvalidFile(
                f"It has {len(found)} colours: it is a picture.", hint="A mask has one per object or class."
            )
        return values, {each: (each >> 16, each >> 8 & 255, each & 255) for each in found}


def _of_palette(palette: list[int], index: int) -> tuple[int, int, int]:
    entry = palette[3 * index : 3 * index + 3]
    return (entry[0], entry[1], entry[2]) if len(entry) == 3 else (0, 0, 0)
