"""All ways to take a project out, by name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Protocol

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
