"""Label Studio's brush masks: the bits of @thi.ng/rle-pack over an RGBA picture, whose alpha is the mask.

A header tells the number of values (32 bits), the bits of one value less one (5), and four lengths of counters less one
(4 each). Then blocks: one bit, 1 for a value that repeats; two bits, which of the four counters; how often, less one;
then the value once, or as many values.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from limner.errors import InvalidFile
from limner.vocabulary.counted import counted

CHANNELS = 4  # R, G, B, A
_HINT = "Export the task from Label Studio again, as JSON."


def decode_brush(values: Sequence[object], height: int, width: int) -> NDArray[np.bool_]:
    """The mask (H, W) of a brush annotation.

    Args:
        values: the bytes, as numbers 0 to 255.
        height: of the image, pixels.
        width: of the image, pixels.

    Raises:
        InvalidFile: when they are no such encoding, or not of an image of this size.
    """
    try:
        packed = np.array(values, np.int64)
    except (ValueError, TypeError, OverflowError):
        raise InvalidFile("Its rle is no list of bytes.", hint=_HINT) from None
    if packed.ndim != 1 or packed.size == 0 or packed.min() < 0 or packed.max() > 255:
        raise InvalidFile("Its rle is no list of bytes.", hint=_HINT)
    bits = _Bits(np.unpackbits(packed.astype(np.uint8)))
    count, word = bits.take(32), bits.take(5) + 1
    counters = [bits.take(4) + 1 for _ in range(4)]
    if count != CHANNELS * height * width:
        raise InvalidFile(
            f"Its rle is of {counted(count, 'value')}.",
            hint=f"A picture of {width} × {height} pixels has {CHANNELS * height * width}.",
        )
    alpha = np.zeros(height * width, np.bool_)
    place = 0
    while place < count:
        repeats = bits.take(1)
        end = place + bits.take(counters[bits.take(2)]) + 1
        if end > count:
            raise InvalidFile("Its rle goes on after its picture ended.", hint=_HINT)
        if repeats:
            alpha[place // CHANNELS : end // CHANNELS] = bits.take(word) > 0
        else:
            given = bits.take_words(end - place, word)
            first = -(place + 1) % CHANNELS  # of these values, the first that is an alpha
            of_alpha = given[first::CHANNELS]
            start = (place + first) // CHANNELS
            alpha[start : start + len(of_alpha)] = of_alpha
        place = end
    return alpha.reshape(height, width)


class _Bits:
    """Whole numbers from a row of bits, the highest first."""

    def __init__(self, bits: NDArray[np.uint8]) -> None:
        self._bits = bits
        self._text = bits.tobytes().translate(bytes.maketrans(b"\x00\x01", b"01"))
        self._place = 0

    def take(self, count: int) -> int:
        """The next number of so many bits."""
        end = self._place + count
        if end > len(self._text):
            raise InvalidFile("Its rle breaks off.", hint=_HINT)
        value = int(self._text[self._place : end], 2)
        self._place = end
        return value

    def take_words(self, number: int, width: int) -> NDArray[np.bool_]:
        """Which of the next numbers are not zero."""
        end = self._place + number * width
        if end > len(self._text):
            raise InvalidFile("Its rle breaks off.", hint=_HINT)
        words = self._bits[self._place : end].reshape(number, width)
        self._place = end
        return np.asarray(words.any(axis=1))
