"""Which image of the project an image of a COCO file is: by its bytes, by its path, by its name where that is sure."""

from __future__ import annotations

import pytest

from limner.formats.coco.matching import (
    NOT_THERE,
    NOT_THERE_BY_CONTENT,
    OTHER_CONTENT,
    SAME_ID,
    SEVERAL,
    SEVERAL_IN_FILE,
    FoundImage,
    ImageIndex,
    ProjectImages,
    last_part,
)
from limner.formats.coco.reading import CocoImage
from limner.formats.coco.report import SkipList

NFC, NFD = "caf\u00e9.png", "cafe\u0301.png"
A, B = "a" * 64, "b" * 64


def match(project: dict[str, str], *entries: tuple[str, str | None]) -> tuple[dict[str, str], dict[str, str]]:
    """Names of the file -> names of the project, and names of the file -> why not."""
    images = ProjectImages()
    names = {}
    for number, (name, sha256) in enumerate(project.items(), start=1):
        images.by_name[name] = images.by_sha256[sha256] = FoundImage(number, (4, 4))
        images.by_last_part[last_part(name)].append(name)
        names[number] = name
    skipped = SkipList()
    listed = [CocoImage(100 + i, name, (4, 4), sha256) for i, (name, sha256) in enumerate(entries)]
    index = ImageIndex(listed, images, skipped)
    assert all(index.lists(entry.id) for entry in listed)
    assert not index.lists(99)
    found = {entry.file_name: names[index.found[entry.id].id] for entry in listed if entry.id in index.found}
    return found, {name: why for (_, why), some in skipped._names.items() for name in some}


@pytest.mark.parametrize(
    ("project", "name", "found"),
    [
        ("cam1/0001.png", "cam1/0001.png", True),
        ("cam1/0001.png", "0001.png", True),
        ("0001.png", "cam1/0001.png", True),
        ("0001.png", "//nas/cam1/0001.png", True),
        ("0001.png", "C:\\\\cam1\\\\0001.png", True),
        ("cam1/0001.png", "cam1\\\\0001.png", True),
        ("cam1/0001.png", "cam2/0001.png", False),
        ("cam1/0001.png", "data/cam1/0001.png", False),
        ("0001.png", "0001.PNG", False),
        (NFC, NFD, True),
        (f"x/{NFC}", f"x/{NFD}", True),
        (f"x/{NFC}", NFD, True),
    ],
)
def test_one_image_and_one_entry(project: str, name: str, found: bool) -> None:
    name = name.replace("\\\\", "\\")
    matched, why = match({project: A}, (name, None))
    assert matched == ({name: project} if found else {})
    assert found or list(why.values()) == [NOT_THERE]


def test_a_last_part_must_be_the_only_one_on_both_sides() -> None:
    assert match({"a/1.png": A, "b/1.png": B}, ("1.png", None)) == ({}, {"1.png": SEVERAL})
    assert match({"1.png": A, "b/1.png": B}, ("c/1.png", None)) == ({}, {"c/1.png": SEVERAL})
    two = {"a/1.png": SEVERAL_IN_FILE, "b/1.png": SEVERAL_IN_FILE}
    assert match({"1.png": A}, ("a/1.png", None), ("b/1.png", None)) == ({}, two)
    found, why = match({"cam1/1.png": A}, ("1.png", None), ("cam2/1.png", None))
    assert found == {}
    assert why == {"1.png": SEVERAL_IN_FILE, "cam2/1.png": NOT_THERE}


@pytest.mark.parametrize("order", [1, -1])
def test_a_whole_path_goes_before_a_last_part(order: int) -> None:
    entries = [("1.png", None), ("a/1.png", None)][::order]
    found, why = match({"1.png": A}, *entries)
    assert (found, why) == ({"1.png": "1.png"}, {"a/1.png": SEVERAL_IN_FILE})
    found, why = match({"a/1.png": A}, *entries)
    assert (found, why) == ({"a/1.png": "a/1.png"}, {"1.png": SEVERAL_IN_FILE})


def test_entries_of_one_name_that_meet_on_an_image_are_none_of_it() -> None:
    """Whoever flattened two folders wrote such a file: the masks of one of them belong to another picture."""
    assert match({"1.png": A}, ("1.png", None), ("1.png", None)) == ({}, {"1.png": SEVERAL_IN_FILE})
    assert match({NFC: A}, (NFC, None), (NFD, None)) == ({}, {NFC: SEVERAL_IN_FILE, NFD: SEVERAL_IN_FILE})


def test_bytes_are_the_truth() -> None:
    project = {"1.png": A, "2.png": B}
    assert match(project, ("2.png", A)) == ({"2.png": "1.png"}, {})
    assert match(project, ("elsewhere/9.png", A.upper().lower())) == ({"elsewhere/9.png": "1.png"}, {})
    assert match(project, ("1.png", "c" * 64)) == ({}, {"1.png": OTHER_CONTENT})
    assert match(project, ("x/1.png", "c" * 64)) == ({}, {"x/1.png": NOT_THERE_BY_CONTENT})
    both = match(project, ("1.png", A), ("copy.png", A))
    assert both == ({"1.png": "1.png", "copy.png": "1.png"}, {})
    assert match(project, ("1.png", None), ("9.png", A)) == ({"9.png": "1.png"}, {"1.png": SEVERAL_IN_FILE})


def test_sizes_are_compared_and_ids_are_single() -> None:
    images = ProjectImages({A: FoundImage(1, (4, 6))}, {"1.png": FoundImage(1, (4, 6))})
    images.by_last_part["1.png"].append("1.png")
    skipped = SkipList()
    assert not ImageIndex([CocoImage(5, "1.png", (6, 4), None)], images, skipped).found
    (entry,) = skipped.summary()
    assert "height 6 and width 4" in entry.why
    assert "EXIF" in entry.why
    skipped = SkipList()
    entries = [CocoImage(5, "1.png", None, A), CocoImage(5, "1.png", None, A)]
    assert not ImageIndex(entries, images, skipped).found
    assert [entry.why for entry in skipped.summary()] == [SAME_ID]
