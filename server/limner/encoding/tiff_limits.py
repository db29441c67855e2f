"""What a TIFF may cost before its pixels are there: neither its tags nor what it unpacks to grow beyond its picture.

The readers believe what a file says of itself: a tag of fifty million values becomes as many numbers, and a few
kilobytes of Deflate become gigabytes.
"""

from __future__ import annotations

import lzma
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from limner.errors import InvalidImage

MAX_LOOKED_AT = 1000  # pages whose tags are read; those behind count as whole pages
MAX_TAGS = 4096  # of a page, as tifffile has it
MAX_VALUES = 1 << 18  # of a tag: a palette has 3 · 65,536
MAX_SEGMENTS = 1 << 21  # strips or tiles of all pages that are looked at
SPARE_BYTES = 1 << 24  # that a picture in large tiles may unpack to beyond twice its size
LZMA_MEMORY = 1 << 26

SEGMENT_TAGS = (273, 279, 324, 325)  # offsets and sizes of strips and tiles
BYTES_TAGS = (270, 305, 700, 34675, 42113, 50838, 50839)  # texts, XMP, the colour profile, ImageJ's own: may be long
BYTES_TYPES = (1, 2, 6, 7)
NO_COMPRESSION, PACKBITS, LZMA = 1, 32773, 34925
DEFLATE = (8, 32946)


def check_tags(data: bytes) -> None:
    """Make sure that no tag which readers take into memory has more values than any picture needs.

    Raises:
        InvalidImage: when one has. Whatever else is wrong is left to the readers.
    """
    import tifffile

    read = set(tifffile.TIFF.TAG_LOAD)
    segments = 0
    for code, kind, count in _tags(data):
        if code in SEGMENT_TAGS:
            segments += count
            too_many = segments > 2 * MAX_SEGMENTS
        elif code in BYTES_TAGS:
            too_many = count > MAX_VALUES and kind not in BYTES_TYPES
        else:
            too_many = count > MAX_VALUES and code in read
        if too_many:
            raise InvalidImage(
                f"The TIFF file has a tag ({code}) of {count:,} values, more than any picture needs.",
                hint="Save it anew as TIFF, PNG or JPEG.",
            )


def check_inflated(page: Any, data: bytes) -> None:
    """Make sure that the strips or tiles of a page unpack to about as many bytes as its picture has.

    Args:
        page: of tifffile, which unpacks each as a whole.
        data: the whole file.

    Raises:
        InvalidImage: when they unpack to more.
        zlib.error, lzma.LZMAError: they are damaged.
    """
    compression = int(page.compression)
    if compression == NO_COMPRESSION:
        return
    left = 2 * page.nbytes + SPARE_BYTES
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
        left -= _unpacked(data[offset : offset + count], compression, left + 1)
        if left < 0:
            raise InvalidImage(
                f"The TIFF file unpacks to far more than its picture of {page.imagewidth} × {page.imagelength} pixels.",
                hint="Save it anew as TIFF, PNG or JPEG.",
            )


def _unpacked(packed: bytes, compression: int, most: int) -> int:
    """How many bytes a strip unpacks to; beyond ``most`` it is not counted on."""
    if compression in DEFLATE:
        return _counted(zlib.decompressobj(), packed, most)
    if compression == LZMA:
        return _counted(lzma.LZMADecompressor(memlimit=LZMA_MEMORY), packed, most)
    if compression == PACKBITS:
        return _packbits(packed, most)
    return 0


def _counted(unpacker: Any, packed: bytes, most: int) -> int:
    piece, size = 1 << 20, 0
    while size < most and not unpacker.eof:
        got = len(unpacker.decompress(packed, piece))
        packed = getattr(unpacker, "unconsumed_tail", b"")  # LZMA keeps it itself
        size += got
        if not got and not packed:
            break
    return size


def _packbits(packed: bytes, most: int) -> int:
    place = size = 0
    while place < len(packed) and size < most:
        head = packed[place]
        if head < 128:
            size, place = size + head + 1, place + head + 2
        else:
            size, place = size + (257 - head if head > 128 else 0), place + (2 if head > 128 else 1)
    return size


def _tags(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Code, type and number of values of the tags of the pages that are looked at."""
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    number, entry, size, first = ("Q", "HHQ", 20, 8) if big else ("H", "HHI", 12, 4)
    word, head = ("Q", 8) if big else ("I", 2)
    try:
        (place,) = struct.unpack_from(order + word, data, first)
        for _ in range(MAX_LOOKED_AT):
            if not place:
                return
            (count,) = struct.unpack_from(order + number, data, place)
            if count > MAX_TAGS:
                return
            for index in range(count):
                yield struct.unpack_from(order + entry, data, place + head + index * size)
            (place,) = struct.unpack_from(order + word, data, place + head + count * size)
    except struct.error:  # the file ends here
        return
