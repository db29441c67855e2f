"""Which image of the project an image of a COCO file is.

What the bytes say (``sha256``) is the truth: an entry that tells them is the image that has them or none. Without,
names decide: the whole path, or else its last part where one side knows no folders and the part occurs once on either
side. Two entries that are one image by name are neither, since one of them would bring the masks of another picture.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from limner.errors import InvalidInput
from limner.formats.coco.reading import CocoImage
from limner.formats.coco.report import SkipList
from limner.formats.coco.tagging import usable_tags
from limner.store.tables import Image
from limner.vocabulary.names import clean_file_name

BY_CONTENT, BY_NAME, BY_LAST_PART = range(3)  # the surest first

NOT_THERE = "the project has no image of this name"
SEVERAL = "the project has several images of this name"
SEVERAL_IN_FILE = "the file lists several images that are this one of the project"
OTHER_CONTENT = "the project has no image of these bytes (sha256); the one of this name is another picture"
NOT_THERE_BY_CONTENT = "the project has no image of these bytes (sha256)"
SAME_ID = "the file lists several images of this id"


@dataclass(frozen=True)
class FoundImage:
    """An image of the project; ``size`` is (height, width)."""

    id: int
    size: tuple[int, int]


@dataclass
class ProjectImages:
    """The images of a project by what a file may say of them.

    Attributes:
        by_sha256: by content.
        by_name: by path, NFC.
        by_last_part: by the last part of the path, with the path.
    """

    by_sha256: dict[str, FoundImage] = field(default_factory=dict)
    by_name: dict[str, FoundImage] = field(default_factory=dict)
    by_last_part: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


@dataclass
class _Claim:
    rank: int
    entries: list[tuple[int, str]]
    ambiguous: bool = False


def images_of_project(session: Session, project_id: int) -> ProjectImages:
    """Read what is needed to find images; memory grows with the project, not with any file."""
    images = ProjectImages()
    columns = select(Image.id, Image.file_name, Image.sha256, Image.height, Image.width)
    for image_id, name, sha256, height, width in session.execute(
        columns.where(Image.project_id == project_id).order_by(Image.id)
    ):
        found = FoundImage(image_id, (height, width))
        images.by_sha256[sha256] = images.by_name[name] = found
        images.by_last_part[last_part(name)].append(name)
    return images


class ImageIndex:
    """The images of a file: which ids it lists, and which of them the project has."""

    def __init__(self, entries: Iterable[CocoImage], project: ProjectImages, skipped: SkipList) -> None:
        self._project = project
        self._skipped = skipped
        self._claims: dict[int, _Claim] = {}
        self._occurrences: Counter[str] = Counter()  # of last parts that the project knows
        self._tags: dict[int, Sequence[str]] = {}  # by the file's id, of images that have any
        ids = array("q")
        for entry in entries:
            ids.append(entry.id)
            if entry.tags:
                self._tags[entry.id] = usable_tags(entry.file_name, entry.tags, skipped)
            self._claim(entry)
        self._known, counts = np.unique(np.frombuffer(ids, np.int64), return_counts=True)
        self.found = self._settle()
        for number in self._known[counts > 1].tolist():
            skipped.add("image", f"of id {number}", SAME_ID)
            self.found.pop(number, None)

    @property
    def unmatched(self) -> int:
        """How many images of the file are none of the project, or not clear."""
        return len(self._known) - len(self.found)

    @property
    def tags(self) -> Mapping[int, Sequence[str]]:
        """The tags that the file gives to images of the project, by their number there."""
        found: dict[int, dict[str, None]] = {}
        for number, tags in self._tags.items():
            if number in self.found:
                found.setdefault(self.found[number].id, {}).update(dict.fromkeys(tags))
        return {number: list(tags) for number, tags in found.items() if tags}

    def lists(self, image_id: int) -> bool:
        """Whether the file lists an image of this id."""
        place = int(np.searchsorted(self._known, image_id))
        return place < len(self._known) and int(self._known[place]) == image_id

    def _claim(self, entry: CocoImage) -> None:
        """Put an entry down for the image that it may be."""
        try:
            name = clean_file_name(entry.file_name)
        except InvalidInput as error:
            self._skipped.add("image", entry.file_name, error.message)
            return
        project, last = self._project, last_part(name)
        alike = project.by_last_part.get(last, [])
        if alike:
            self._occurrences[last] += 1
        if entry.sha256 is not None:
            found, rank = project.by_sha256.get(entry.sha256), BY_CONTENT
        elif name in project.by_name:
            found, rank = project.by_name[name], BY_NAME
        else:
            near = [each for each in alike if "/" not in name or "/" not in each]
            found, rank = (project.by_name[near[0]], BY_LAST_PART) if near and len(alike) == 1 else (None, BY_LAST_PART)
            if near and found is None:
                self._skipped.add("image", entry.file_name, SEVERAL)
                return
        if found is None:
            if entry.sha256 is None:
                why = NOT_THERE
            else:
                why = OTHER_CONTENT if name in project.by_name else NOT_THERE_BY_CONTENT
            self._skipped.add("image", entry.file_name, why)
        elif entry.size is not None and entry.size != found.size:
            self._skipped.add("image", entry.file_name, _other_size(entry.size, found.size))
        else:
            self._put(found.id, rank, entry)

    def _put(self, image_id: int, rank: int, entry: CocoImage) -> None:
        claim = self._claims.get(image_id)
        if claim is None or rank < claim.rank:
            for _, name in claim.entries if claim else ():
                self._skipped.add("image", name, SEVERAL_IN_FILE)
            self._claims[image_id] = _Claim(rank, [(entry.id, entry.file_name)])
        elif rank > claim.rank or claim.ambiguous:
            self._skipped.add("image", entry.file_name, SEVERAL_IN_FILE)
        elif rank == BY_CONTENT:
            claim.entries.append((entry.id, entry.file_name))  # the same picture, whatever it is called
        else:
            for _, name in claim.entries:
                self._skipped.add("image", name, SEVERAL_IN_FILE)
            self._skipped.add("image", entry.file_name, SEVERAL_IN_FILE)
            claim.entries, claim.ambiguous = [], True

    def _settle(self) -> dict[int, FoundImage]:
        """By the file's id, the images that are sure."""
        by_id = {image.id: image for image in self._project.by_sha256.values()}
        found: dict[int, FoundImage] = {}
        for image_id, claim in self._claims.items():
            for entry_id, name in claim.entries:
                if claim.rank == BY_LAST_PART and self._occurrences[last_part(clean_file_name(name))] > 1:
                    self._skipped.add("image", name, SEVERAL_IN_FILE)
                else:
                    found[entry_id] = by_id[image_id]
        return found


def last_part(name: str) -> str:
    """The file's own name, without its folders."""
    return PurePosixPath(name).name


def _other_size(size: tuple[int, int], ours: tuple[int, int]) -> str:
    turned = " Sizes are those after EXIF orientation." if size[::-1] == ours else ""
    return f"it has height {size[0]} and width {size[1]}, in the project {ours[0]} and {ours[1]}.{turned}"
