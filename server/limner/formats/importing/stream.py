"""What every reader of annotations gives: images one after the other, each with what the files say about it.

A reader names what it leaves out on the ``SkipList`` and goes on. It never looks at the project's rows; where a format
does not say which image or size it means, it asks :class:`ImageNames`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from limner.errors import InvalidFile
from limner.formats.coco.reading import Boxes
from limner.formats.coco.report import SkipList
from limner.formats.importing.names import ImageNames
from limner.formats.importing.sources import Sources

Size = tuple[int, int]  # height, width
BOX_WITHOUT_MASK = (
    "it is a box without a mask; import boxes as rectangles (--boxes rectangle) to get rectangular masks that have the "
    "box as their prompt"
)


@dataclass(frozen=True)
class ReadCategory:
    """A category that the files list, whether anything is of it or not; ``color`` is #rrggbb, when they tell one."""

    name: str
    color: str | None = None


@dataclass(frozen=True)
class ReadAnnotation:
    """One object on an image.

    Attributes:
        name: where it stands, for messages: "line 3 of labels/a.txt".
        category: by name, None without one.
        segmentation: as in COCO, polygons [[x0, y0, …], …] or an RLE; its image's size.
        attributes: kept with the annotation.
        provenance: how it came about, in Limner's form.
        iscrowd: as in COCO.
        uid: when the file tells one.
    """

    name: str
    category: str | None
    segmentation: Any
    attributes: dict[str, Any] = field(default_factory=dict)
    provenance: object = None
    iscrowd: object = 0
    uid: object = None


@dataclass(frozen=True)
class ReadImage:
    """An image that the files speak of.

    Attributes:
        file_name: as they call it; which of the project's images that is, is decided as for COCO.
        size: when they tell it.
        sha256: of its bytes, when they tell it.
        annotations: what they say about it.
    """

    file_name: str
    size: Size | None
    annotations: Sequence[ReadAnnotation]
    sha256: str | None = None


@dataclass(frozen=True)
class Reading:
    """What readers are given beside the files."""

    images: ImageNames
    skipped: SkipList
    boxes: Boxes = "skip"

    def is_of(self, file_name: str, size: Size) -> bool:
        """Whether the project has an image of this name and (height, width).

        What files say of any other is left out later. Its masks are therefore not read: files may tell any size, and a
        mask of a size takes the memory of the size.
        """
        return self.images.size_of(file_name) == size

    def leave_out(self, kind: str, name: str, why: str | InvalidFile) -> None:
        """Note something that is not usable, an "annotation" or a "document" for example."""
        self.skipped.add(kind, name, f"{why.message} {why.hint}".strip() if isinstance(why, InvalidFile) else why)


class Reader(Protocol):
    """Reads the files of one format."""

    def __call__(self, sources: Sources, reading: Reading) -> Iterator[ReadImage | ReadCategory]:
        """Go through the files once.

        Raises:
            InvalidFile: when they are not of this format as a whole.
        """
        ...
