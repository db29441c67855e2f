"""All ways to take a project out, by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from limner.blobs import BlobStore
from limner.errors import InvalidInput
from limner.formats.coco import Segmentations, export_coco_folder
from limner.formats.dataset import Split, names_differ
from limner.formats.files import ExportFile
from limner.formats.label_maps import export_label_maps
from limner.formats.panoptic import export_panoptic
from limner.formats.sa1b import export_sa1b
from limner.formats.yolo import export_yolo
from limner.store import Database

FolderFormat = Literal["sa1b", "panoptic", "yolo", "png"]
ExportFormat = Literal["coco", FolderFormat]


class FolderExport(Protocol):
    """Gives the files of a project, one after the other."""

    def __call__(self, database: Database, project_id: int, *, skipped: bool = True) -> Iterator[ExportFile]:
        """Read the project in one snapshot.

        Args:
            database: where it is.
            project_id: which.
            skipped: whether images that were skipped come along.

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
WITH_IMAGES: tuple[ExportFormat, ...] = ("coco", "yolo", "png")


@dataclass(frozen=True)
class ExportChoice:
    """What is taken out, and how.

    Attributes:
        format: name of the form.
        segmentations: of COCO.
        skipped: whether images that were skipped come along.
        images: whether the images themselves do; None: where trainers need them, with YOLO always, with label maps
            when some image must be called otherwise than in the project.
        split: parts for training, validation and test; COCO, YOLO and label maps only.
    """

    format: ExportFormat = "coco"
    segmentations: Segmentations = "rle"
    skipped: bool = True
    images: bool | None = None
    split: Split | None = None

    @property
    def is_one_file(self) -> bool:
        """COCO alone is a file and no folder; with images it is one."""
        return self.format == "coco" and not self.images and self.split is None

    def check(self) -> None:
        """Make sure that the choice is one.

        Raises:
            InvalidInput: when the format knows no images, or the split needs them.
        """
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
    if choice.format == "coco":
        yield from export_coco_folder(
            database, project_id, choice.segmentations, skipped=choice.skipped, images=blobs, split=choice.split
        )
    elif choice.format in ("yolo", "png"):
        wanted = choice.images
        if wanted is None and choice.format == "png":
            with database.read() as session:
                wanted = names_differ(session, project_id)
        images = blobs if wanted is None or wanted else None
        export = export_yolo if choice.format == "yolo" else export_label_maps
        yield from export(database, project_id, skipped=choice.skipped, images=images, split=choice.split)
    else:
        yield from FOLDER_FORMATS[choice.format](database, project_id, skipped=choice.skipped)
