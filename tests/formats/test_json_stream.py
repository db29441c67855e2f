"""Reading JSON piece by piece, held to the json module."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.errors import InvalidFile
from limner.formats import json_stream
from limner.formats.json_stream import iterate_arrays

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=12,
)


def read(data: bytes, *names: str) -> list[tuple[str, Any]]:
    return list(iterate_arrays(io.BytesIO(data), names))


@given(
    document=st.dictionaries(st.text(max_size=3), VALUES, max_size=4),
    lists=st.dictionaries(st.sampled_from(["images", "annotations"]), st.lists(VALUES, max_size=5)),
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 1]),
    chunk=st.integers(1, 9),
)
def test_any_document_in_chunks_of_any_size(
    document: dict[str, Any], lists: dict[str, list[Any]], ascii_only: bool, indent: int | None, chunk: int
) -> None:
    whole = document | lists
    data = json.dumps(whole, ensure_ascii=ascii_only, indent=indent).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream, "CHUNK_BYTES", chunk)
        found = read(data, "images", "annotations")
    assert found == [(name, element) for name, value in whole.items() if name in lists for element in value]


def test_a_byte_order_mark_is_fine() -> None:
    assert read(b'\xef\xbb\xbf{"images": [1]}', "images") == [("images", 1)]


def test_memory_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "CHUNK_BYTES", 100)
    data = json.dumps({"annotations": [{"id": index} for index in range(5000)]}).encode()
    file = io.BytesIO(data)
    for count, _ in enumerate(iterate_arrays(file, ["annotations"])):
        if count == 100:
            assert file.tell() < 3000
            break


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "not a JSON object"),
        ("[]", "not a JSON object"),
        ("no", "not a JSON object"),
        ('{"images": [1, 2', "at its end"),
        ('{"images": [1 2]}', "',' or ']' was expected, at character 14"),
        ('{"images": {}}', "'images' is not a list"),
        ('{"images": null}', "'images' is not a list"),
        ('{"images": [NaN]}', "contains NaN"),
        ('{"images": [-Infinity]}', "contains -Infinity"),
        ('{"images": [1e999]}', "contains 1e999"),
        ('{"images": [{"a": tru}]}', "not valid JSON"),
        ('{"images" [1]}', "':' was expected"),
        ("{1: 2}", "a name was expected"),
        ('{"a": 1} x', "goes on after"),
        ('{"images": [' + "[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_not_json_is_refused_with_the_place(text: str, complaint: str) -> None:
    with pytest.raises(InvalidFile) as caught:
        read(text.encode(), "images")
    assert complaint in caught.value.message


def test_other_encodings_are_refused() -> None:
    with pytest.raises(InvalidFile, match="UTF-8"):
        read('{"images": ["é"]}'.encode("latin-1"), "images")


@pytest.mark.parametrize("value", ['"' + "x" * 5000 + '"', "[" + "[]," * 2000 + "0]", '{"a": [' + "1," * 3000 + "0]}"])
def test_a_value_may_not_take_any_amount_of_memory(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setattr(json_stream, "CHUNK_BYTES", 64)
    monkeypatch.setattr(json_stream, "MAX_ELEMENT", 3000)
    with pytest.raises(InvalidFile, match="value of more than 3,000 characters, at character 13"):
        read(f'{{"images": [ {value}]}}'.encode(), "images")
    monkeypatch.setattr(json_stream, "MAX_ELEMENT", 9000)
    assert read(f'{{"images": [ {value}]}}'.encode(), "images") == [("images", json.loads(value))]


@pytest.mark.parametrize(
    "skipped", ["[" + "[1,2]," * 2000 + "0]", "{" + '"a":[1],' * 2000 + '"b":{}}', "[]", "{ }", '"x"', "0"]
)
def test_what_nobody_asked_for_may_be_of_any_length(monkeypatch: pytest.MonkeyPatch, skipped: str) -> None:
    """Other tools keep whole tables of their own in COCO files."""
    monkeypatch.setattr(json_stream, "CHUNK_BYTES", 64)
    monkeypatch.setattr(json_stream, "MAX_ELEMENT", 500)
    assert read(f'{{"theirs": {skipped}, "images": [7]}}'.encode(), "images") == [("images", 7)]


@pytest.mark.parametrize("wrong", ["[1,", "[1}", '{"a" 1}', "{1: 1}", '{"a": 1]', "[1 2]", "{,}", "[,]"])
def test_what_nobody_asked_for_has_to_be_json(wrong: str) -> None:
    with pytest.raises(InvalidFile, match="not valid JSON"):
        read(f'{{"theirs": {wrong}, "images": [7]}}'.encode(), "images")
