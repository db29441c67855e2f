"""What differs between two exports of a project."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest

from limner.errors import InvalidFile
from limner.formats.coco.comparing import Comparison, Difference, Open, compare_exports
from limner.vocabulary import rle


def box(x: int, y: int, side: int = 4) -> dict[str, Any]:
    mask = np.zeros((20, 30), np.bool_)
    mask[y : y + side, x : x + side] = True
    return dict(rle.encode(mask))


def entry(uid: str, image: int, **more: Any) -> dict[str, Any]:
    return {"uid": uid, "image_id": image, "category_id": 1, "iscrowd": 0, "segmentation": box(0, 0), **more}


def file_of(annotations: list[dict[str, Any]], images: tuple[int, ...] = (1, 2, 3), cat: str = "cat") -> Open:
    document = {
        "categories": [{"id": 1, "name": cat}, {"id": 2, "name": "dog"}],
        "images": [{"id": number, "file_name": f"{number}.png"} for number in images],
        "annotations": annotations,
    }
    return lambda: io.BytesIO(json.dumps(document).encode())


def compared(before: Open, after: Open) -> tuple[Comparison, list[Difference]]:
    found: list[Difference] = []
    return compare_exports(before, after, found.append), found


def test_equal_files_differ_in_nothing() -> None:
    file = file_of([entry("a", 1), entry("b", 3)])
    assert compared(file, file) == (Comparison(unchanged=2), [])


def test_what_was_added_removed_and_changed_is_told_image_by_image() -> None:
    before = file_of([entry("a", 1), entry("gone", 1), entry("c", 2), entry("d", 3)])
    moved = entry("a", 1, segmentation=box(2, 0))
    after = file_of([moved, entry("new", 2, category_id=2), entry("d", 3, category_id=2)])
    counts, found = compared(before, after)
    assert counts == Comparison(added=1, removed=2, changed=2)
    assert sorted(found, key=lambda each: each.uid) == [
        Difference("changed", "a", 1, "1.png", 8 / 24, ("segmentation",), "cat", "cat"),
        Difference("removed", "c", 2, "2.png", before="cat"),
        Difference("changed", "d", 3, "3.png", 1.0, ("category_id",), "cat", "dog"),
        Difference("removed", "gone", 1, "1.png", before="cat"),
        Difference("added", "new", 2, "2.png", after="dog"),
    ]


def test_images_that_came_and_went_are_named_with_what_was_on_them() -> None:
    counts, found = compared(file_of([entry("a", 1)], images=(1, 2)), file_of([entry("b", 3)], images=(2, 3)))
    assert (counts.images_added, counts.images_removed) == (["3.png"], ["1.png"])
    assert [(each.kind, each.file_name) for each in found] == [("removed", "1.png"), ("added", "3.png")]


def test_a_category_that_is_renamed_changes_no_annotation() -> None:
    counts, _ = compared(file_of([entry("a", 1)]), file_of([entry("a", 1)], cat="lynx"))
    assert counts == Comparison(unchanged=1)


def test_random_projects_are_told_apart_as_sets_would() -> None:
    random = np.random.default_rng(0)

    def some() -> dict[str, dict[str, Any]]:
        uids = random.choice(40, 25, replace=False)
        return {str(uid): entry(str(uid), int(uid) % 7 + 1, category_id=int(random.integers(1, 3))) for uid in uids}

    for _ in range(20):
        old, new = some(), some()
        files = [file_of(sorted(each.values(), key=lambda e: e["image_id"]), tuple(range(1, 8))) for each in (old, new)]
        counts, found = compared(*files)
        both = old.keys() & new.keys()
        assert {each.uid for each in found if each.kind == "added"} == new.keys() - old.keys()
        assert {each.uid for each in found if each.kind == "removed"} == old.keys() - new.keys()
        changed = {uid for uid in both if old[uid] != new[uid]}
        assert {each.uid for each in found if each.kind == "changed"} == changed
        assert counts.unchanged == len(both - changed)


def test_a_file_that_is_cut_is_refused() -> None:
    whole = file_of([entry("a", 1)])
    with pytest.raises(InvalidFile):
        compared(whole, lambda: io.BytesIO(whole().read()[:-3]))
