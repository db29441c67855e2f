"""Panoptic COCO: a PNG of segment ids per image, and one JSON that says what they are.

Lossy where masks overlap: a pixel belongs to the mask that lies on top (``limner.formats.painting``). A mask that is
covered wholly is left out; ``area`` and ``bbox`` are those of what can be seen.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from limner.formats.coco.exporting import category_numbers, numbered_snapshot
from limner.formats.files import ExportFile, FileNames
from limner.formats.labels import Label, list_labels, rgb_of
from limner.formats.painting import paint, painting_order
from limner.store import Database
from limner.store.annotations import EVERY_IMAGE, annotations_of, iterate_images
from limner.store.projects import get_project
from limner.store.tables import Image
from limner.vocabulary import rle

FOLDER = "panoptic"


def export_panoptic(
    database: Database, project_id: int, *, chosen: ColumnElement[bool] = EVERY_IMAGE
) -> Iterator[ExportFile]:
    """``panoptic/<image name>.png`` for every image, then ``panoptic.json``.

    The id of a segment is its place in the painting order; a pixel of id n is coloured R + 256 G + 256² B = n, and 0 is
    where nothing is.

    Raises:
        NotFound: no such project; at the first file.
    """
    names = FileNames()
    images, annotations = list[dict[str, Any]](), list[dict[str, Any]]()
    with numbered_snapshot(database, project_id) as session:
        project = get_project(session, project_id)
        info = {"description": project.name, "version": "1.0"}
        categories = [_category(label) for label in list_labels(session, project_id)]
        numbers = category_numbers(session, project_id)
        for image in iterate_images(session, project_id, chosen=chosen):
            file_name = f"{names.of(image.file_name)}.png"
            facts = {"id": image.id, "file_name": image.file_name, "height": image.height, "width": image.width}
            images.append(facts)
            ids, segments = _segments(session, image, numbers)
            annotations.append({"image_id": image.id, "file_name": file_name, "segments_info": segments})
            yield ExportFile(f"{FOLDER}/{file_name}", _png(ids))
    content: Mapping[str, object] = {
        "info": info,
        "licenses": [],
        "categories": categories,
        "images": images,
        "annotations": annotations,
    }
    yield ExportFile("panoptic.json", json.dumps(content, sort_keys=True, ensure_ascii=False).encode() + b"\n")


def _segments(
    session: Session, image: Image, numbers: Mapping[int | None, int]
) -> tuple[NDArray[np.int32], list[dict[str, Any]]]:
    """The map of ids (H, W), and what can be seen of each."""
    states = painting_order(annotations_of(session, image.id).annotations)
    ids = paint(states, image.height, image.width)
    visible = np.bincount(ids.ravel(), minlength=len(states) + 1)
    segments = []
    for number, state in enumerate(states, start=1):
        if visible[number]:
            x, y, w, h = state.bbox
            left, top, width, height = rle.bbox(rle.encode(ids[y : y + h, x : x + w] == number))
            segments.append(
                {
                    "id": number,
                    "category_id": numbers[state.category_id],
                    "area": int(visible[number]),
                    "bbox": [x + left, y + top, width, height],
                    "iscrowd": state.iscrowd,
                }
            )
    return ids, segments


def _png(ids: NDArray[np.int32]) -> bytes:
    rgb = np.stack([ids & 255, ids >> 8 & 255, ids >> 16 & 255], axis=-1).astype(np.uint8)
    buffer = io.BytesIO()
    PillowImage.fromarray(rgb).save(buffer, "PNG")
    return buffer.getvalue()


def _category(label: Label) -> dict[str, Any]:
    return {
        "id": label.number,
        "name": label.name,
        "supercategory": label.supercategory,
        "isthing": 1,
        "color": list(rgb_of(label.color)),
    }
