"""All ways to take a project out, by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from sqlalchemy import ColumnElement

from limner.blobs import BlobStore
from limner.errors import InvalidInput
from limner.formats.coco import Segmentations, export_coco, export_coco_folder
from limner.formats.dataset import Split, names_differ
from limner.formats.files import ExportFile
from limner.formats.label_maps import export_label_maps
from limner.formats.panoptic import export_panoptic
from limner.formats.sa1b import export_sa1b
from limner.formats.yolo import export_yolo
from limner.store import Database
from limner.store.annotations import EVERY_IMAGE
from limner.store.export_choice import chosen_images
from limner.vocabulary.listing import ALL_IMAGES, ImageChoice

FolderFormat = Literal["sa1b", "panoptic", "yolo", "png"]
ExportFormat = Literal["coco", FolderFormat]


class FolderExport(Protocol):
    """Gives the files of a project, one after the other."""

    def __call__(
        self, database: Database, project_id: int, *, chosen: ColumnElement[bool] = EVERY_IMAGE
    ) -> Iterator[ExportFile]:
        """Read the project in one snapshot.

        Args:
            database: where it is.
            project_id: which.
            chosen: what holds of the images that come along.

        Raises:
            NotFound: no such project; at the first file.
        """
        ...


FOLDER_FORMATS: dict[FolderFormat, FolderExport] = {
    "sa1b": export_sa1b,
    "panoptic": export_panoptic,
    "yolo": export_yolo,
    "png": export_label_maps,
}
MAX_TOLERANCE = 20.0  # px
WITH_IMAGES: tuple[ExportFormat, ...] = ("coco", "yolo", "png")


@dataclass(frozen=True)
class ExportChoice:
    """What is taken out, and how.

    Attributes:
        format: name of the form.
        segmentations: of COCO.
        tolerance: px that polygons, of COCO or YOLO, may be away from the masks' edges to have fewer corners; 0: exact.
        among: of which images.
        images: whether the images themselves do; None: where trainers need them, with YOLO always, with label maps
            when some image must be called otherwise than in the project.
        split: parts for training, validation and test; COCO, YOLO and label maps only.
    """

    format: ExportFormat = "coco"
    segmentations: Segmentations = "rle"
    tolerance: float = 0.0
    among: ImageChoice = ALL_IMAGES
    images: bool | None = None
    split: Split | None = None

    @property
    def is_one_file(self) -> bool:
        """COCO alone is a file and no folder; with images it is one."""
        return self.format == "coco" and not self.images and self.split is None

    @property
    def has_polygons(self) -> bool:
        """Masks are written as polygons."""
        return self.format == "yolo" or (self.format == "coco" and self.segmentations == "polygon")

    def for_person(self, person: int | None) -> ExportChoice:
        """The same, where "me" is this person."""
        return replace(self, among=replace(self.among, listing=replace(self.among.listing, person=person)))

    def check(self) -> None:
        """Make sure that the choice is one.

        Raises:
            InvalidInput: when the format knows no images, or the split needs them, or nothing has a tolerance.
        """
        if not 0 <= self.tolerance <= MAX_TOLERANCE:
            raise InvalidInput(
                f"The tolerance {self.tolerance:g} is not usable.", hint=f"Give pixels, from 0 to {MAX_TOLERANCE:g}."
            )
        if self.tolerance and not self.has_polygons:
            raise InvalidInput(
                "A tolerance is for polygons only.", hint="Choose COCO with polygons or YOLO, or leave it out."
            )
        if (self.images or self.split) and self.format not in WITH_IMAGES:
            raise InvalidInput(
                f"Images and splits do not go with {self.format}.", hint=f"They do with {', '.join(WITH_IMAGES)}."
            )
        if self.split is not None and self.format == "coco" and not self.images:
            raise InvalidInput("A split of COCO needs its images.", hint="Have the images exported too.")


def export_files(database: Database, blobs: BlobStore, project_id: int, choice: ExportChoice) -> Iterator[ExportFile]:
    """The files of a choice that is not one file.

    Raises:
        NotFound: no such project; at the first file.
    """
    chosen = chosen_images(project_id, choice.among)
    if choice.format == "coco":
        yield from export_coco_folder(
            database,
            project_id,
            choice.segmentations,
            tolerance=choice.tolerance,
            chosen=chosen,
            images=blobs,
            split=choice.split,
        )
    elif choice.format == "yolo":
        images = None if choice.images is False else blobs
        yield from export_yolo(
            database, project_id, chosen=chosen, images=images, split=choice.split, tolerance=choice.tolerance
        )
    elif choice.format == "png":
        wanted = choice.images
        if wanted is None:
            with database.read() as session:
                wanted = names_differ(session, project_id, chosen)
        images = blobs if wanted else None
        yield from export_label_maps(database, project_id, chosen=chosen, images=images, split=choice.split)
    else:
        yield from FOLDER_FORMATS[choice.format](database, project_id, chosen=chosen)


def export_document(database: Database, project_id: int, choice: ExportChoice) -> Iterator[bytes]:
    """The file of a choice that is one file.

    Raises:
        NotFound: no such project; at the first chunk.
    """
    chosen = chosen_images(project_id, choice.among)
    return export_coco(database, project_id, choice.segmentations, tolerance=choice.tolerance, chosen=chosen)
