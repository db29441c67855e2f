"""How many times a JPEG goes over its picture: each takes time by the picture's size, and a few bytes of the file."""

from __future__ import annotations

import re

from limner.errors import InvalidImage

MAX_SCANS = 500  # progressive files have about ten
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # that ends the data of a scan
_START_OF_SCAN, _END = 0xDA, 0xD9


def check_scans(data: bytes) -> None:
    """Make sure that the first picture of a JPEG file has a reasonable number of scans.

    Raises:
        InvalidImage: when it has more. Whatever else is wrong is left to the reader.
    """
    place, scans = 2, 0
    while (found := _MARKER.search(data, place)) is not None:
        place, kind = found.end(), data[found.start() + 1]
        if kind == _END:
            return
        scans += kind == _START_OF_SCAN
        if scans > MAX_SCANS:
            raise InvalidImage(
                f"The JPEG file goes over its picture more than {MAX_SCANS} times.", hint="Save it anew as JPEG or PNG."
            )
        if kind != 0x01:  # which stands alone, as the restarts do
            place += int.from_bytes(data[place : place + 2], "big")
