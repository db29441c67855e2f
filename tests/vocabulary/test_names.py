"""Names: what is kept of them, which are the same, and which are refused."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.errors import InvalidInput
from limner.vocabulary.names import (
    MAX_PART_BYTES,
    MAX_PATH,
    check_text,
    clean_file_name,
    clean_folder,
    distinct_file_name,
    in_folder,
    one_line,
    printable,
    shown,
)

NFC, NFD = "caf\u00e9.png", "cafe\u0301.png"


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("cam1/0001.png", "cam1/0001.png"),
        ("//nas/scans/x.png", "nas/scans/x.png"),
        ("///x.png", "x.png"),
        ("/x.png", "x.png"),
        ("a//b///c.png", "a/b/c.png"),
        ("./a/./b.png", "a/b.png"),
        ("../../etc/passwd.png", "etc/passwd.png"),
        ("\\\\nas\\scans\\x.png", "nas/scans/x.png"),
        ("\\\\?\\C:\\scans\\x.png", "scans/x.png"),
        ("C:\\photos\\..\\cat.png", "photos/cat.png"),
        ("shot 12:30.png", "shot 12:30.png"),
        ("a\x00b\n.png", "ab.png"),
        ("a\x9b31m\x85\u2028b\u2029.png", "a31mb.png"),
        ("photo\u202egpj.png", "photo\u202egpj.png"),
        ("x" * 196 + ".png", "x" * 196 + ".png"),
        (NFD, NFC),
        (f"{NFD}/{NFD}", f"{NFC}/{NFC}"),
        (".hidden.png", ".hidden.png"),
    ],
)
def test_file_names_become_relative_paths(given_name: str, kept: str) -> None:
    assert clean_file_name(given_name) == kept


@pytest.mark.parametrize("nothing", [None, "", "..", "/", "//", "C:", "C:\\", "\x00", "./.."])
def test_nothing_is_no_name(nothing: str | None) -> None:
    with pytest.raises(InvalidInput, match="no usable name"):
        clean_file_name(nothing)


@pytest.mark.parametrize("name", ["x" * 255, "é" * 127, "ab/" * 300 + "x.png"])
def test_names_are_as_long_as_file_systems_allow(name: str) -> None:
    assert clean_file_name(name) == name


@pytest.mark.parametrize(
    ("name", "complaint"),
    [("x" * 300, "300 characters and 300 bytes"), ("a/" + "é" * 128, "256 bytes"), ("ab/" * 400, "1199 characters")],
)
def test_longer_names_are_refused_without_being_repeated_whole(name: str, complaint: str) -> None:
    with pytest.raises(InvalidInput, match=complaint) as caught:
        clean_file_name(name)
    assert len(str(caught.value)) < 300


def test_a_name_that_is_no_unicode_is_refused_by_a_name_that_can_be_read() -> None:
    name = b"caf\xe9.png".decode(errors="surrogateescape")
    with pytest.raises(InvalidInput, match="valid UTF-8") as caught:
        clean_file_name(name)
    assert "caf\\xe9.png" in caught.value.message
    str(caught.value).encode()


@given(st.text(max_size=400))
def test_a_cleaned_name_is_clean(name: str) -> None:
    try:
        cleaned = clean_file_name(name)
    except InvalidInput as error:
        str(error).encode()
        return
    assert cleaned == unicodedata.normalize("NFC", cleaned)
    assert clean_file_name(cleaned) == cleaned
    assert not set(cleaned.split("/")) & {"", ".", ".."}
    assert all(len(part.encode()) <= MAX_PART_BYTES for part in cleaned.split("/"))


@given(st.text("aé./ 😀", min_size=1, max_size=400), st.integers(2, 10**9))
def test_a_distinct_name_differs_and_is_clean_too(name: str, number: int) -> None:
    try:
        name = clean_file_name(name)
    except InvalidInput:
        return
    other = distinct_file_name(name, number)
    assert other != name
    assert clean_file_name(other) == other
    assert len(other) <= MAX_PATH
    assert other != distinct_file_name(name, number + 1)


def test_distinct_names_keep_folder_and_suffix() -> None:
    assert distinct_file_name("a/b.tar.png", 2) == "a/b.tar-2.png"
    assert distinct_file_name("a.b/c", 3) == "a.b/c-3"
    assert distinct_file_name(".png", 2) == ".png-2"
    assert distinct_file_name("x" * 251 + ".png", 12) == "x" * 248 + "-12.png"


@pytest.mark.parametrize("text", ["a\tb", "a\nb", "a\x07", "a\x9b31m", "a\u2028b", "", "x" * 256, "half \ud800"])
def test_texts_that_cannot_be_kept_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="category name") as caught:
        check_text(text, "category name")
    assert "\n" not in caught.value.message
    str(caught.value).encode()


def test_one_line_is_one_line_in_one_form() -> None:
    assert one_line("  cafe\u0301\t\n au   lait ") == "caf\u00e9 au lait"


def test_messages_show_names_short_and_printable() -> None:
    assert shown("x" * 500).endswith("…")
    assert len(shown("x" * 500)) == 80
    assert printable("a\nb\x1b[31m\udce9") == "a\\nb\\x1b[31m\\xe9"
    assert printable("\ud83d") == "\\ud83d"
    assert printable("photo\u202egpj.exe \u2066x\u2069") == "photo\\u202egpj.exe \\u2066x\\u2069"
    assert printable("a\x9b2Jb\x85c\u2028d") == "a\\x9b2Jb\\x85c\\u2028d"
    assert printable("\u0645\u0631\u062d\u0628\u0627 \u200d") == "\u0645\u0631\u062d\u0628\u0627 \u200d", (
        "letters, and what joins them"
    )


@pytest.mark.parametrize(
    ("given_folder", "kept"),
    [("", ""), ("/", ""), ("..", ""), ("street//./night/", "street/night"), ("C:\\scans\\day", "scans/day")],
)
def test_folders_become_beginnings_of_relative_paths(given_folder: str, kept: str) -> None:
    assert clean_folder(given_folder) == kept


def test_a_name_in_another_folder_keeps_its_last_part() -> None:
    assert [in_folder("a/b.png", folder) for folder in ("", "c/d")] == ["b.png", "c/d/b.png"]
    with pytest.raises(InvalidInput, match="would be too long"):
        in_folder("a/b.png", "x" * (MAX_PATH - 5))
