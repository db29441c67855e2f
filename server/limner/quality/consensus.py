"""What several people agree on: which of their masks are of one thing, and the mask that stands for all of these."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from limner.vocabulary import rle
from limner.vocabulary.rle import Rle


def group(matches: Iterable[tuple[int, int, float]], maker: Mapping[int, int]) -> list[list[int]]:
    """Groups of masks that are of one thing, with at most one mask of each person.

    Pairs are taken by their IoU, the greatest first, and join the groups of both masks unless somebody would have two
    masks in one then: single linkage under that constraint. Of equal pairs that of the smaller numbers comes first, so
    that the same work gives the same groups.

    Args:
        matches: numbers of two masks of different people, and their IoU, 0 to 1.
        maker: who made each mask, by its number; masks that match none are groups of their own.

    Returns:
        Numbers in ascending order; groups by their first one.
    """
    groups = {mask: [mask] for mask in maker}
    for one, other, _ in sorted(matches, key=lambda each: (-each[2], min(each[:2]), max(each[:2]))):
        first, second = groups[one], groups[other]
        if first is second or not {maker[mask] for mask in first}.isdisjoint(maker[mask] for mask in second):
            continue
        joined = first + second
        groups.update(dict.fromkeys(joined, joined))
    found = {id(each): sorted(each) for each in groups.values()}
    return sorted(found.values())


def consensus_mask(masks: Sequence[Rle]) -> Rle:
    """The pixels that most of these masks have.

    Where as many have a pixel as have not, it belongs to the mask if the mean of the signed distances to the masks'
    boundaries (chessboard distance in pixels, positive inside) is not negative: between two masks the boundary runs in
    the middle. As shape-based averaging does it: Rohlfing and Maurer, *Shape-Based Averaging*, IEEE Transactions on
    Image Processing 16 (2007). The image's edge is a boundary.

    Args:
        masks: of one image, at least one.
    """
    height, width = masks[0]["size"]
    box = _common_box(masks)
    if len(masks) == 1 or box is None:
        return masks[0]
    left, top, across, down = box
    votes = np.zeros((down, across), np.int16)
    for mask in masks:
        votes += rle.decode_part(mask, *box)
    result = votes * 2 > len(masks)
    tied = votes * 2 == len(masks)
    if tied.any():
        total = np.zeros(votes.shape, np.int32)
        for mask in masks:
            total += _signed_distance(rle.decode_part(mask, *box))
        result |= tied & (total >= 0)
    whole = np.zeros((height, width), np.bool_)
    whole[top : top + down, left : left + across] = result
    return rle.encode(whole)


def disputed_pixels(masks: Sequence[Rle]) -> Rle:
    """The pixels that some of these masks have and others have not.

    Args:
        masks: of one image, at least one.
    """
    height, width = masks[0]["size"]
    whole = np.zeros((height, width), np.bool_)
    box = _common_box(masks)
    if box is not None:
        left, top, across, down = box
        parts = [rle.decode_part(mask, *box) for mask in masks]
        whole[top : top + down, left : left + across] = np.logical_or.reduce(parts) & ~np.logical_and.reduce(parts)
    return rle.encode(whole)


def most_said(values: Sequence[int | None]) -> tuple[int | None, bool]:
    """The value that most people gave, and whether more did than gave any other; of equals the first one given."""
    counted = Counter(values).most_common()
    return counted[0][0], len(counted) == 1 or counted[0][1] > counted[1][1]


def _common_box(masks: Sequence[Rle]) -> tuple[int, int, int, int] | None:
    """(left, top, width, height) of all masks together; None: they are empty."""
    boxes = [rle.bbox(mask) for mask in masks if rle.area(mask)]
    if not boxes:
        return None
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = max(box[0] + box[2] for box in boxes), max(box[1] + box[3] for box in boxes)
    return left, top, right - left, bottom - top


def _signed_distance(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """How far each pixel is from those of the other kind, in pixels; negative outside of the mask."""
    from scipy.ndimage import distance_transform_cdt

    padded = np.pad(mask, 1)
    if not mask.any():
        return np.full(mask.shape, -max(mask.shape), np.int32)
    inside: NDArray[np.int32] = distance_transform_cdt(padded, metric="chessboard")[1:-1, 1:-1]
    outside: NDArray[np.int32] = distance_transform_cdt(~padded, metric="chessboard")[1:-1, 1:-1]
    return inside - outside
