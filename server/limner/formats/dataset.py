"""Images beside what is exported about them, under names that trainers find them by, and divided into parts.

The images are the pictures that people annotated: upright, 8 bits, as the page shows them (the file itself where
browsers show it right). So masks fit them in every loader, whatever it makes of EXIF or of deep greys.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from limner.blobs import BlobStore, display_key
from limner.errors import InvalidInput
from limner.formats.files import ExportFile, FileNames
from limner.store.tables import Image

IMAGES = "images"
SUFFIXES = {
    "image/jpeg": (".jpg", ".jpeg"),
    "image/png": (".png",),
    "image/webp": (".webp",),
    "image/bmp": (".bmp",),
}  # of a display file: the usual one first
PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Split:
    """Shares of the images for training, validation and, maybe, test.

    An image's part follows from its bytes alone: it stays when images are added, and twins are never in two parts.
    """

    shares: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Split:
        """``80/10/10`` or ``80/20``.

        Raises:
            InvalidInput: when it is neither, or adds up to something else than 100.
        """
        if not re.fullmatch(r"[0-9]{1,3}/[0-9]{1,3}(/[0-9]{1,3})?", text, re.ASCII):
            raise InvalidInput(f"The split {text!r} is not usable.", hint="Give percentages, as 80/20 or 80/10/10.")
        shares = tuple(map(int, text.split("/")))
        if sum(shares) != 100 or shares[0] == 0:
            raise InvalidInput(
                f"The split {text} adds up to {sum(shares)}.", hint="Give percentages that add up to 100, as 80/10/10."
            )
        return cls(shares)

    @property
    def parts(self) -> Sequence[str]:
        """Their names."""
        return PARTS[: len(self.shares)]

    @property
    def bounds(self) -> Sequence[str]:
        """For every part, what the hash of its images is smaller than, if those of the parts before are not."""
        ends = (sum(self.shares[: count + 1]) for count in range(len(self.shares)))
        return ["g" if end == 100 else f"{-(-end * 16**12 // 100):012x}" for end in ends]  # "g" comes after all digits

    def part_of(self, sha256: str) -> str:
        """The part of the image with these bytes."""
        return next(part for part, bound in zip(self.parts, self.bounds, strict=True) if sha256 < bound)


@dataclass(frozen=True)
class Placed:
    """Where an image goes: ``stem`` is its path without suffix, ``file`` with it, both below its part's folder."""

    stem: str
    file: str
    part: str | None

    def under(self, folder: str, suffix: str | None = None) -> str:
        """A path for the image itself, or for what belongs to it with another suffix."""
        name = self.file if suffix is None else self.stem + suffix
        return "/".join(each for each in (folder, self.part, name) if each)


@dataclass
class Places:
    """Gives images their places, in the order of asking.

    Attributes:
        split: parts of the images.
        with_images: the images come along; otherwise they keep their suffixes.
        renamed: names in the project and here, where they differ.
    """

    split: Split | None = None
    with_images: bool = True
    renamed: list[tuple[str, str]] = field(default_factory=list)
    _names: FileNames = field(default_factory=FileNames)

    def of(self, image: Image) -> Placed:
        """The place of an image."""
        stem = self._names.of(image.file_name)
        suffixes = SUFFIXES[image.display_type]
        own = PurePosixPath(image.file_name).suffix
        suffix = own if own.lower() in suffixes or not self.with_images else suffixes[0]
        placed = Placed(stem, stem + suffix, self.split.part_of(image.sha256) if self.split else None)
        if placed.file != image.file_name:
            self.renamed.append((image.file_name, placed.file))
        return placed

    def names_file(self) -> Iterator[ExportFile]:
        """``names.csv`` with the images that are called otherwise in the project, if there are any."""
        if self.renamed:
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerows([("name in the project", "name here"), *self.renamed])
            yield ExportFile("names.csv", text.getvalue().encode())


def names_differ(session: Session, project_id: int, chosen: ColumnElement[bool]) -> bool:
    """Whether some of these images must be called otherwise than in the project: its suffix at least, or for a twin."""
    places = Places(with_images=False)
    names = session.scalars(select(Image).where(Image.project_id == project_id, chosen).order_by(Image.id)).yield_per(
        1000
    )
    return any(places.of(image) and places.renamed for image in names)


def image_file(blobs: BlobStore, image: Image, placed: Placed) -> ExportFile:
    """The picture of an image, under ``images/``."""
    return ExportFile(placed.under(IMAGES), blobs.get(display_key(image.sha256)))
