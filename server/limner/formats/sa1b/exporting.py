"""A project as SA-1B documents, one per image."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement

from limner.formats.files import ExportFile, FileNames
from limner.formats.sa1b.document import Entry, annotation_entry, document_bytes, image_entry
from limner.store import Database
from limner.store.annotations import EVERY_IMAGE, AnnotationState, annotations_of, iterate_images
from limner.store.categories import list_categories
from limner.store.projects import get_project


def export_sa1b(
    database: Database, project_id: int, *, chosen: ColumnElement[bool] = EVERY_IMAGE
) -> Iterator[ExportFile]:
    """``<image name>.json`` for every image, images without annotations too. Masks are bit by bit those of the store.

    Raises:
        NotFound: no such project; at the first file.
    """
    names = FileNames()
    with database.read() as session:
        get_project(session, project_id)
        categories = {category.id: category.name for category in list_categories(session, project_id)}
        for image in iterate_images(session, project_id, chosen=chosen):
            found = annotations_of(session, image.id).annotations
            entry = image_entry(image.id, image.file_name, image.height, image.width, sha256=image.sha256)
            data = document_bytes(entry, [_annotation(state, categories) for state in found])
            yield ExportFile(f"{names.of(image.file_name)}.json", data)


def _annotation(state: AnnotationState, categories: dict[int, str]) -> Entry:
    entry = annotation_entry(
        state.id,
        state.segmentation,
        category=None if state.category_id is None else categories[state.category_id],
        uid=state.uid,
        iscrowd=state.iscrowd,
        attributes=state.attributes,
    )
    provenance = state.provenance
    if provenance is not None:
        entry["provenance"] = provenance
        if provenance.get("predicted_iou") is not None:
            entry["predicted_iou"] = provenance["predicted_iou"]
        points = (provenance.get("prompts") or {}).get("points")
        if points:
            entry["point_coords"] = [[x, y] for x, y, label in points if label == 1]
    return entry
