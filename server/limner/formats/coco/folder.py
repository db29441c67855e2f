"""COCO with its images, in one folder.

torchvision's ``CocoDetection``, pycocotools, supervision and datumaro open it as it is and find every mask
(``tests/loaders/README.md`` says by which versions that was tried). A file of annotations and the folder in which its
images are is also what detectron2's documentation describes (``register_coco_instances``); that was not tried.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement

from limner.blobs import BlobStore
from limner.formats.coco.exporting import Segmentations, coco_chunks, numbered_snapshot
from limner.formats.dataset import Places, Split, image_file
from limner.formats.files import ExportFile
from limner.store import Database
from limner.store.annotations import EVERY_IMAGE, iterate_images


def export_coco_folder(
    database: Database,
    project_id: int,
    segmentations: Segmentations = "rle",
    *,
    tolerance: float = 0.0,
    chosen: ColumnElement[bool] = EVERY_IMAGE,
    images: BlobStore,
    split: Split | None = None,
) -> Iterator[ExportFile]:
    """``images/…``, then ``annotations.json``, whose file names are paths below ``images``.

    With a split ``images/train/…`` and ``annotations/instances_train.json``, whose names are below ``images/train``,
    and so on for each part. Images that are called otherwise in the project are listed in ``names.csv``.

    Raises:
        NotFound: no such project; at the first file.
    """
    places = Places(split)
    with numbered_snapshot(database, project_id) as session:
        files: dict[int, str] = {}
        parts: dict[int, str | None] = {}
        for image in iterate_images(session, project_id, chosen=chosen):
            placed = places.of(image)
            files[image.id], parts[image.id] = placed.file, placed.part
            yield image_file(images, image, placed)
        for part in split.parts if split else (None,):
            of_part = {image_id: name for image_id, name in files.items() if parts[image_id] == part}
            path = "annotations.json" if part is None else f"annotations/instances_{part}.json"
            chunks = coco_chunks(session, project_id, segmentations, tolerance=tolerance, chosen=chosen, files=of_part)
            yield ExportFile(path, chunks)
        yield from places.names_file()
