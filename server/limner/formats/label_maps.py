"""PNG label maps: for every image one picture of classes, one of instances, and one JSON that names the classes.

Lossy where masks overlap: a pixel belongs to the mask that lies on top (``limner.formats.painting``).
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from sqlalchemy import ColumnElement

from limner.blobs import BlobStore
from limner.errors import InvalidInput
from limner.formats.coco.exporting import numbered_snapshot
from limner.formats.dataset import Places, Split, image_file
from limner.formats.files import ExportFile
from limner.formats.labels import Label, list_labels, rgb_of
from limner.formats.painting import paint, painting_order
from limner.store import Database
from limner.store.annotations import EVERY_IMAGE, annotations_of, iterate_images
from limner.store.projects import get_project

MAX_PALETTE = 255  # classes, beside the background, that an indexed PNG holds; more make a grey one of 16 bits
MAX_NUMBER = 65_535


def export_label_maps(
    database: Database,
    project_id: int,
    *,
    chosen: ColumnElement[bool] = EVERY_IMAGE,
    images: BlobStore | None = None,
    split: Split | None = None,
) -> Iterator[ExportFile]:
    """``classes/<image name>.png`` and ``instances/<image name>.png`` for every image, then ``labels.json``.

    Classes are numbered from 1 in the order of the categories, instances of one image from 1 in the painting order;
    0 is where nothing is. Class maps are indexed, in the colours of the categories; instance maps are grey, 16 bits.
    With ``images`` these lie beside under the same names.

    Raises:
        NotFound: no such project; at the first file.
        InvalidInput: when an image has more than 65,535 annotations.
    """
    places = Places(split, with_images=images is not None)
    with numbered_snapshot(database, project_id) as session:
        get_project(session, project_id)
        labels = list_labels(session, project_id)
        number_of = {label.category_id: number for number, label in enumerate(labels, start=1)}
        for image in iterate_images(session, project_id, chosen=chosen):
            placed = places.of(image)
            states = painting_order(annotations_of(session, image.id).annotations)
            if len(states) > MAX_NUMBER:
                raise InvalidInput(
                    f"{image.file_name} has {len(states)} annotations.",
                    hint=f"A label map holds {MAX_NUMBER}; export COCO instead.",
                )
            instances = paint(states, image.height, image.width)
            classes = np.asarray([0, *(number_of[state.category_id] for state in states)], np.int32)[instances]
            yield ExportFile(placed.under("classes", ".png"), _classes_png(classes, labels))
            yield ExportFile(
                placed.under("instances", ".png"), _png(PillowImage.fromarray(instances.astype(np.uint16)))
            )
            if images is not None:
                yield image_file(images, image, placed)
        yield from places.names_file()
    content = {"0": "background", **{str(number): label.name for number, label in enumerate(labels, start=1)}}
    yield ExportFile("labels.json", json.dumps(content, ensure_ascii=False, indent=2).encode() + b"\n")


def _classes_png(classes: NDArray[np.int32], labels: Sequence[Label]) -> bytes:
    if len(labels) > MAX_PALETTE:
        return _png(PillowImage.fromarray(classes.astype(np.uint16)))
    picture = PillowImage.fromarray(classes.astype(np.uint8)).convert("P")
    picture.putpalette([0, 0, 0, *(value for label in labels for value in rgb_of(label.color))])
    return _png(picture)


def _png(picture: PillowImage.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
