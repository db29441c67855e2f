"""Feature maps without what their neighbours tell: lossy by a given step, as few bytes as DEFLATE makes of the rest.

A value v is an integer q = round(v / step). From its neighbours to the left (a), above (b) and above left (c), zero
beyond the map, q is predicted as the median of a, b and a + b - c (the predictor of JPEG-LS: Weinberger, Seroussi and
Sapiro 2000), or as zero in channels whose neighbours have nothing to do with each other. The residual q - predicted is
folded to 0, 1, 2, … for 0, -1, 1, …; the folded residuals, channel by channel and row by row, are bytes, of which 255
stands for the next of a list of large ones. The bytes are compressed with Huffman codes alone (zlib, RFC 1950, which
browsers decompress by themselves): neighbours have been dealt with.

Integers go the whole way, so that every reader gets the same values.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LARGE = 255  # stands for a folded residual that needs more than a byte
LARGEST = 1 << 24  # of |q|: sums of three stay exact in 32 bits, and q in float32


class Coded(NamedTuple):
    """A feature (1, C, h, w) as arrays of a file.

    Attributes:
        residuals: (n,) uint8, compressed.
        large: (k,) int32, folded residuals from 255 on, in their order.
        predicted: (C,) uint8, 1 for channels that are predicted by neighbours.
        step: (1,) float32.
        shape: (3,) int32: C, h, w.
    """

    residuals: NDArray[np.uint8]
    large: NDArray[np.int32]
    predicted: NDArray[np.uint8]
    step: NDArray[np.float32]
    shape: NDArray[np.int32]


def encode(values: NDArray[np.float32], step: float) -> Coded:
    """A feature (1, C, h, w), of which half a step is lost at most.

    Raises:
        ValueError: when the step is so small that integers do not suffice.
    """
    exact = np.float32(step)
    scaled = np.rint(values[0] / exact)
    if np.abs(scaled).max(initial=0) > LARGEST:
        raise ValueError(f"a step of {step:g} is too small for values up to {np.abs(values).max():g}")
    q = np.pad(scaled.astype(np.int32), ((0, 0), (1, 0), (1, 0)))  # (C, h + 1, w + 1)
    left, above, corner = q[:, 1:, :-1], q[:, :-1, 1:], q[:, :-1, :-1]
    plain = q[:, 1:, 1:]
    residual = plain - _predicted(left, above, corner)  # (C, h, w)
    better = np.abs(residual).sum((1, 2)) < np.abs(plain).sum((1, 2))  # (C,)
    residual = np.where(better[:, None, None], residual, plain)
    folded = ((residual << 1) ^ (residual >> 31)).ravel()
    large = folded[folded >= LARGE]
    data = np.minimum(folded, LARGE).astype(np.uint8).tobytes()
    huffman = zlib.compressobj(strategy=zlib.Z_HUFFMAN_ONLY, memLevel=9)
    compressed = huffman.compress(data) + huffman.flush()
    shape = np.array(values.shape[1:], "<i4")
    return Coded(
        np.frombuffer(compressed, np.uint8),
        large.astype("<i4"),
        better.astype(np.uint8),
        np.array([exact], "<f4"),
        shape,
    )


def decode(coded: Coded) -> NDArray[np.float32]:
    """The feature (1, C, h, w).

    Raises:
        ValueError: when the arrays do not belong to each other.
    """
    channels, height, width = map(int, coded.shape)
    count = channels * height * width
    folded = _decompressed(coded.residuals.tobytes(), count).astype(np.int32)
    escaped = folded == LARGE
    if coded.predicted.shape != (channels,):
        raise ValueError(f"{coded.predicted.shape} does not say of {channels} channels how they are predicted")
    if int(escaped.sum()) != len(coded.large):
        raise ValueError(f"{int(escaped.sum())} residuals are large, and {len(coded.large)} are given")
    folded[escaped] = coded.large
    residual = ((folded >> 1) ^ -(folded & 1)).reshape(channels, height, width)
    by_neighbours = coded.predicted[:, None].astype(np.int32)  # (C, 1)
    q = np.zeros((channels, height + 1, width + 1), np.int32)
    for diagonal in range(height + width - 1):  # all neighbours of a diagonal lie on the two before it
        rows = np.arange(max(0, diagonal - width + 1), min(height, diagonal + 1))
        columns = diagonal - rows
        predicted = _predicted(q[:, rows + 1, columns], q[:, rows, columns + 1], q[:, rows, columns])
        q[:, rows + 1, columns + 1] = predicted * by_neighbours + residual[:, rows, columns]
    values: NDArray[np.float32] = q[None, :, 1:, 1:].astype(np.float32) * coded.step[0]
    return values


def _predicted(left: NDArray[np.int32], above: NDArray[np.int32], corner: NDArray[np.int32]) -> NDArray[np.int32]:
    """The median of left, above and left + above - corner."""
    low, high = np.minimum(left, above), np.maximum(left, above)
    median: NDArray[np.int32] = np.maximum(low, np.minimum(high, left + above - corner))
    return median


def _decompressed(data: bytes, count: int) -> NDArray[np.uint8]:
    inflater = zlib.decompressobj()
    try:
        found = inflater.decompress(data, count + 1)  # no more than is wanted, whatever the bytes say
    except zlib.error as error:
        raise ValueError(f"the residuals are damaged ({error})") from error
    if len(found) != count or not inflater.eof:
        raise ValueError(f"there are {len(found)} residuals for {count} values, or they are cut")
    return np.frombuffer(found, np.uint8)
