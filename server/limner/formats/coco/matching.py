"""Which image of the project an image of a COCO file is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from sqlalchemy.orm import Session

from limner.errors import InvalidFile
from limner.formats.coco.reading import CocoImage
from limner.formats.coco.report import SkipList
from limner.store.annotations import iterate_images


@dataclass(frozen=True)
class FoundImage:
    """An image of the project; ``size`` is (height, width)."""

    id: int
    size: tuple[int, int]


@dataclass
class ImageIndex:
    """The images of a file.

    Attributes:
        known: ids that the file lists.
        found: by the file's id, those that the project has.
    """

    known: set[int] = field(default_factory=set)
    found: dict[int, FoundImage] = field(default_factory=dict)


def match_images(session: Session, project_id: int, entries: Mapping[int, CocoImage], skipped: SkipList) -> ImageIndex:
    """Find the images of a file in a project: by content, by name, by the last part of the name.

    Raises:
        InvalidFile: when an image is there in another size.
    """
    by_sha256: dict[str, FoundImage] = {}
    by_name: dict[str, list[FoundImage]] = defaultdict(list)
    by_last_part: dict[str, list[FoundImage]] = defaultdict(list)
    for image in iterate_images(session, project_id):
        found = FoundImage(image.id, (image.height, image.width))
        by_sha256[image.sha256] = found
        by_name[image.file_name].append(found)
        by_last_part[_last_part(image.file_name)].append(found)
    index = ImageIndex(set(entries))
    for entry in entries.values():
        if entry.sha256 in by_sha256:
            candidates = [by_sha256[entry.sha256]]
        else:
            name = entry.file_name
            candidates = by_name.get(name, []) or by_last_part.get(_last_part(name), [])
        if not candidates:
            skipped.add("image", entry.file_name, "the project has no image of this name")
        elif len(candidates) > 1:
            skipped.add("image", entry.file_name, "the project has several images of this name")
        else:
            _check_size(entry, candidates[0])
            index.found[entry.id] = candidates[0]
    return index


def _last_part(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).name


def _check_size(entry: CocoImage, found: FoundImage) -> None:
    if entry.size is not None and entry.size != found.size:
        (height, width), (our_height, our_width) = entry.size, found.size
        turned = " Sizes are those after EXIF orientation." if (width, height) == found.size else ""
        raise InvalidFile(
            f"Image {entry.id} ({entry.file_name!r}) has height {height} and width {width}.",
            hint=f"In the project it has height {our_height} and width {our_width}.{turned}",
        )
