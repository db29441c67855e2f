"""All ways to take a project out, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from limner.formats.files import ExportFile
from limner.formats.label_maps import export_label_maps
from limner.formats.panoptic import export_panoptic
from limner.formats.sa1b import export_sa1b
from limner.formats.yolo import export_yolo
from limner.store import Database

FolderFormat = Literal["sa1b", "panoptic", "yolo", "png"]

FOLDER_FORMATS: dict[FolderFormat, Callable[[Database, int], Iterator[ExportFile]]] = {
    "sa1b": export_sa1b,
    "panoptic": export_panoptic,
    "yolo": export_yolo,
    "png": export_label_maps,
}
