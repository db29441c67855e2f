"""RLE against pycocotools, bit by bit, and everything that must be refused before it is decoded."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from limner.errors import InvalidRle
from limner.vocabulary import rle
from tests.conftest import golden

MASKS = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=50))


def _pycocotools(mask: NDArray[np.bool_]) -> dict:
    return coco_mask.encode(np.asfortranarray(mask, np.uint8))


@given(MASKS)
def test_agrees_with_pycocotools(mask: NDArray[np.bool_]) -> None:
    ours, theirs = rle.encode(mask), _pycocotools(mask)
    assert ours["counts"] == theirs["counts"].decode()
    np.testing.assert_array_equal(rle.decode(ours), mask)
    assert rle.area(ours) == coco_mask.area(theirs)
    assert rle.bbox(ours) == coco_mask.toBbox(theirs).tolist()
    assert rle.validate(ours, mask.shape) == ours


@given(MASKS, st.data())
def test_a_number_that_takes_more_characters_than_it_needs_is_kept_in_as_few_as_it_needs(
    mask: NDArray[np.bool_], data: st.DataObject
) -> None:
    plain = rle.encode(mask)
    numbers = re.findall(r"[P-o]*[0-O]", plain["counts"])  # all groups but the last of a number say that more follow
    longer = data.draw(st.integers(0, len(numbers) - 1))
    for index in (longer, data.draw(st.integers(longer, len(numbers) - 1))):
        last = ord(numbers[index][-1]) - 48
        numbers[index] = numbers[index][:-1] + chr(last + 32 + 48) + ("O" if last & 16 else "0")
    padded = {"size": plain["size"], "counts": "".join(numbers)}
    assert len(padded["counts"]) == len(plain["counts"]) + 2
    canonical, runs = rle.validated(padded, mask.shape)
    assert canonical == plain
    np.testing.assert_array_equal(runs, rle.counts_of(plain))


@given(st.lists(st.integers(0, 40_000), min_size=1, max_size=40))
def test_runs_of_any_length_survive(runs: list[int]) -> None:
    total = max(1, sum(runs))
    made = rle.from_counts(runs if sum(runs) else [1], (1, total))
    values = np.repeat(np.arange(len(runs)) % 2, runs) if sum(runs) else np.zeros(1, int)
    np.testing.assert_array_equal(rle.decode(made)[0], values == 1)
    assert made == rle.encode(values[None] == 1)


@pytest.mark.parametrize("case", golden("rle")["cases"])
def test_golden_vectors(case: dict) -> None:
    mask = np.array([[character == "#" for character in row] for row in case["rows"]])
    assert rle.encode(mask) == case["rle"]
    assert rle.counts_of(case["rle"]).tolist() == case["runs"]
    assert (rle.area(case["rle"]), rle.bbox(case["rle"])) == (case["area"], case["bbox"])


def test_a_large_mask_survives() -> None:
    mask = np.zeros((4000, 6000), bool)
    mask[500:3500, 700:5200] = True
    np.testing.assert_array_equal(rle.decode(rle.encode(mask)), mask)


@pytest.mark.parametrize(
    ("obj", "word"),
    [
        ("text", "must be an RLE object"),
        ({"size": [2, 2]}, "must be an RLE object"),
        ({"size": [2, 0], "counts": "4"}, "not usable"),
        ({"size": [2, 2.5], "counts": "4"}, "not usable"),
        ({"size": [True, 2], "counts": "4"}, "not usable"),
        ({"size": [2, 2], "counts": [4]}, "must be a string"),
        ({"size": [2, 2], "counts": "3"}, "add up to 3"),
        ({"size": [2, 2], "counts": "5"}, "add up to 5"),
        ({"size": [2, 2], "counts": ""}, "add up to 0"),
        ({"size": [2, 2], "counts": "4~"}, "contain '~'"),
        ({"size": [2, 2], "counts": "4é"}, "ASCII"),
        ({"size": [2, 2], "counts": "4P"}, "break off"),
        ({"size": [2, 2], "counts": "oooooooooooo0"}, "too large"),
        ({"size": [2, 2], "counts": "0" * 500}, "longer than any mask"),
        ({"size": [2, 3], "counts": "6"}, "height 2 and width 3"),
        ({"size": [2, 2], "counts": "3O2"}, "numbers ≥ 0"),
    ],
)
def test_nonsense_is_refused(obj: object, word: str) -> None:
    with pytest.raises(InvalidRle, match=word):
        rle.validate(obj, (2, 2) if "width" not in word else (3, 2))


@given(st.text(max_size=40), st.integers(1, 30), st.integers(1, 30))
def test_any_text_is_either_refused_or_a_mask(text: str, height: int, width: int) -> None:
    try:
        made = rle.validate({"size": [height, width], "counts": text})
    except InvalidRle:
        return
    assert rle.encode(rle.decode(made)) == made


@given(
    st.text(alphabet=[chr(c) for c in range(48, 112)], min_size=1, max_size=12),
    st.integers(1, 9),
    st.integers(1, 9),
)
def test_any_alphabet_text_is_either_refused_or_a_mask(text: str, height: int, width: int) -> None:
    test_any_text_is_either_refused_or_a_mask.hypothesis.inner_test(text, height, width)


@pytest.mark.parametrize("counts", [[4.0], [[4]], ["4"], [-1, 5], [2, 1]])
def test_uncompressed_counts_are_checked(counts: list) -> None:
    with pytest.raises(InvalidRle):
        rle.from_counts(counts, (2, 2))


def test_polygons_are_rasterised_as_pycocotools_does() -> None:
    polygons = [[1.0, 1.0, 8.0, 1.5, 8.0, 7.0], [10.0, 2.0, 15.0, 2.0, 15.0, 9.0, 10.0, 9.0]]
    expected = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(polygons, 12, 20)))
    np.testing.assert_array_equal(rle.decode(rle.from_polygons(polygons, (12, 20))), expected == 1)
    with pytest.raises(InvalidRle, match="Polygon 0 has 4 numbers"):
        rle.from_polygons([[1, 2, 3, 4]], (5, 5))
    with pytest.raises(InvalidRle, match="not finite"):
        rle.from_polygons([[1, 2, 3, 4, float("nan"), 6]], (5, 5))


def test_a_part_of_a_mask_is_that_of_the_whole() -> None:
    random = np.random.default_rng(5)
    for share in (0.0, 0.1, 0.5, 1.0):
        mask = random.random((13, 17)) < share
        whole = rle.encode(mask)
        for left, top, width, height in [(0, 0, 17, 13), (3, 2, 5, 7), (16, 12, 1, 1), (0, 5, 17, 1), (4, 0, 1, 13)]:
            part = rle.decode_part(whole, left, top, width, height)
            assert np.array_equal(part, mask[top : top + height, left : left + width])
