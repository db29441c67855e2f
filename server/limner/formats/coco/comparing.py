"""What differs between two COCO files that were exported from one project.

Both are read side by side: exports list images and annotations by the numbers of images, so that only the annotations
of one image are in memory at a time. Annotations are the same when their ``uid`` is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import IO, Any, Literal

from limner.formats.json_stream import iterate_arrays
from limner.vocabulary.suggested import mask_iou

Open = Callable[[], IO[bytes]]
Kind = Literal["added", "removed", "changed"]
WHAT_COUNTS = ("category_id", "iscrowd", "attributes")  # besides the mask; a category that is renamed stays the same


@dataclass(frozen=True)
class Difference:
    """An annotation that is not in both files, or not the same in both.

    Attributes:
        kind: added, removed or changed.
        uid: of the annotation.
        image_id: number of its image; where it is now, if it is anywhere.
        file_name: of the image.
        iou: of the masks before and after, 0 to 1; None unless it changed.
        changes: what changed: ``segmentation``, ``category_id``, ``iscrowd``, ``attributes``.
        before: category before; None when it was added.
        after: category after; None when it was removed.
    """

    kind: Kind
    uid: str
    image_id: int
    file_name: str
    iou: float | None = None
    changes: tuple[str, ...] = ()
    before: str | None = None
    after: str | None = None


@dataclass
class Comparison:
    """Counts of all differences; those of images are by their names."""

    images_added: list[str] = field(default_factory=list)
    images_removed: list[str] = field(default_factory=list)
    added: int = 0
    removed: int = 0
    changed: int = 0
    unchanged: int = 0


def compare_exports(before: Open, after: Open, found: Callable[[Difference], None]) -> Comparison:
    """Compare two files that :func:`limner.formats.coco.export_coco` wrote as RLE.

    Args:
        before: opens the older file at its start; may be called more than once.
        after: opens the newer one.
        found: told every annotation that differs, by the numbers of images.

    Raises:
        InvalidFile: one of them is no such file.
    """
    old, new = _Head.read(before), _Head.read(after)
    comparison = Comparison(
        images_added=sorted(name for number, name in new.images.items() if number not in old.images),
        images_removed=sorted(name for number, name in old.images.items() if number not in new.images),
    )
    for number, ours, theirs in _side_by_side(before, after):
        name = new.images.get(number) or old.images[number]
        for uid in ours.keys() | theirs.keys():
            difference = _difference(uid, number, name, ours.get(uid), theirs.get(uid), (old, new))
            if difference is None:
                comparison.unchanged += 1
            else:
                setattr(comparison, difference.kind, getattr(comparison, difference.kind) + 1)
                found(difference)
    return comparison


@dataclass(frozen=True)
class _Head:
    """Names of images and categories by the numbers that annotations give."""

    images: Mapping[int, str]
    categories: Mapping[int, str]

    @classmethod
    def read(cls, opened: Open) -> _Head:
        images: dict[int, str] = {}
        categories: dict[int, str] = {}
        with opened() as file:
            for array, entry in iterate_arrays(file, ("images", "categories")):
                if array == "images":
                    images[entry["id"]] = entry["file_name"]
                else:
                    categories[entry["id"]] = entry["name"]
        return cls(images, categories)


def _side_by_side(before: Open, after: Open) -> Iterator[tuple[int, Mapping[str, Any], Mapping[str, Any]]]:
    """Number of an image, its annotations by uid before, and after; images in the order of numbers."""
    with before() as old_file, after() as new_file:
        old, new = _by_image(old_file), _by_image(new_file)
        ours, theirs = next(old, None), next(new, None)
        while ours is not None or theirs is not None:
            number = min(each[0] for each in (ours, theirs) if each is not None)
            here = ours[1] if ours is not None and ours[0] == number else {}
            there = theirs[1] if theirs is not None and theirs[0] == number else {}
            yield number, here, there
            ours = next(old, None) if here else ours
            theirs = next(new, None) if there else theirs


def _by_image(file: IO[bytes]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    annotations = (entry for _, entry in iterate_arrays(file, ("annotations",)))
    for number, entries in groupby(annotations, key=itemgetter("image_id")):
        yield number, {entry["uid"]: entry for entry in entries}


def _difference(
    uid: str, number: int, name: str, before: Any | None, after: Any | None, heads: tuple[_Head, _Head]
) -> Difference | None:
    old, new = (
        None if entry is None else head.categories.get(entry["category_id"], "")
        for entry, head in zip((before, after), heads, strict=True)
    )
    if before is None or after is None:
        return Difference("added" if before is None else "removed", uid, number, name, before=old, after=new)
    changes = [what for what in WHAT_COUNTS if before.get(what) != after.get(what)]
    iou = 1.0
    if before["segmentation"] != after["segmentation"]:
        changes.insert(0, "segmentation")
        iou = mask_iou(before["segmentation"], after["segmentation"])
    return Difference("changed", uid, number, name, iou, tuple(changes), old, new) if changes else None
