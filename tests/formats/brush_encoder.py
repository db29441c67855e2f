"""Label Studio's brush masks as its converter writes them: words of 8 bits, counters of 3, 4, 8 and 16."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WORD, COUNTERS = 8, (3, 4, 8, 16)


def encode_brush(mask: NDArray[np.bool_], *, literal_every: int = 5) -> list[int]:
    """A mask (H, W) as bytes; every few runs the values are written one by one instead, as encoders may."""
    values = np.repeat(mask.ravel(), 4).astype(np.uint8) * 255
    bits = f"{values.size:032b}{WORD - 1:05b}" + "".join(f"{size - 1:04b}" for size in COUNTERS)
    starts = np.concatenate([[0], np.flatnonzero(values[1:] != values[:-1]) + 1, [values.size]])
    for number, (start, end) in enumerate(zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)):
        while start < end:
            count = min(end - start, 1 << COUNTERS[-1])
            which = next(index for index, size in enumerate(COUNTERS) if count <= 1 << size)
            literal = number % literal_every == 0 and count < 64
            bits += f"{0 if literal else 1}{which:02b}{count - 1:0{COUNTERS[which]}b}"
            bits += f"{values[start]:08b}" * (count if literal else 1)
            start += count
    bits += "0" * (-len(bits) % 8)
    return [int(bits[place : place + 8], 2) for place in range(0, len(bits), 8)]
