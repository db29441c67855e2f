"""A project as a COCO file, streamed.

The same content gives the same bytes: ids of images and annotations are those of the database, those of categories
their numbers in the project, 1 to N; keys are sorted, nothing tells the time. The whole file is read from one snapshot,
whatever is edited meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import tee
from typing import Any, Literal

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from limner.formats.coco.exhaustivity import with_exhaustivity
from limner.formats.coco.polygons import polygons_of
from limner.store import Database
from limner.store.annotations import EVERY_IMAGE, AnnotationState, iterate_annotations, iterate_images
from limner.store.categories import ensure_unlabelled_number, list_categories
from limner.store.exhaustivity import is_said_in
from limner.store.projects import get_project
from limner.store.tables import Annotation, Category, Image
from limner.store.tags import with_tags
from limner.vocabulary import rle

Segmentations = Literal["rle", "polygon"]

UNLABELLED_NAME = "unlabelled"
CHUNK_BYTES = 1 << 16

_Entry = dict[str, Any]


def export_coco(
    database: Database,
    project_id: int,
    segmentations: Segmentations = "rle",
    *,
    tolerance: float = 0.0,
    chosen: ColumnElement[bool] = EVERY_IMAGE,
) -> Iterator[bytes]:
    """The COCO file of a project, in chunks.

    Masks are compressed RLE, bit by bit those of the store, whether ``iscrowd`` or not. As polygons they go along the
    edges of pixels, holes joined to the outline by a cut of no width (``limner.formats.coco.polygons``): pycocotools
    gives back the same pixels, unless a ``tolerance`` in pixels lets them be simpler. Empty masks stay RLE. Annotations
    without a category have a category of their own, which is listed only when it is needed. Of all images those come
    along of which ``chosen`` holds; what people said of their exhaustivity stands in them as LVIS says it
    (``limner.formats.coco.exhaustivity``).

    Raises:
        NotFound: no such project; at the first chunk.
    """
    with numbered_snapshot(database, project_id) as session:
        yield from coco_chunks(session, project_id, segmentations, tolerance=tolerance, chosen=chosen)


def coco_chunks(
    session: Session,
    project_id: int,
    segmentations: Segmentations,
    *,
    tolerance: float = 0.0,
    chosen: ColumnElement[bool] = EVERY_IMAGE,
    files: Mapping[int, str] | None = None,
) -> Iterator[bytes]:
    """The file, from a :func:`numbered_snapshot`; of the images in ``files`` only, called as there, when given."""
    chunk = bytearray()
    for line in _lines(session, project_id, _Masks(segmentations, tolerance), chosen, files):
        chunk += line.encode()
        if len(chunk) >= CHUNK_BYTES:
            yield bytes(chunk)
            chunk.clear()
    yield bytes(chunk)


@dataclass(frozen=True)
class _Masks:
    """How masks are written."""

    segmentations: Segmentations
    tolerance: float  # px


def _lines(
    session: Session, project_id: int, masks: _Masks, chosen: ColumnElement[bool], files: Mapping[int, str] | None
) -> Iterator[str]:
    project = get_project(session, project_id)
    info = {"description": project.name, "version": "1.0"}
    yield f'{{\n"info":{_json(info)},\n"licenses":[],\n'
    yield from _array("categories", _categories(session, project_id))
    yield ",\n"
    numbers = category_numbers(session, project_id)
    found = iterate_images(session, project_id, chosen=chosen)
    images = (image for image in found if files is None or image.id in files)
    yield from _array("images", _image_entries(session, project_id, images, numbers, files))
    yield ",\n"
    states = iterate_annotations(session, project_id, chosen=chosen)
    kept = (state for state in states if files is None or state.image_id in files)
    yield from _array("annotations", (_annotation(state, numbers, masks) for state in kept))
    yield "\n}\n"


def _image_entries(
    session: Session,
    project_id: int,
    images: Iterable[Image],
    numbers: Mapping[int | None, int],
    files: Mapping[int, str] | None,
) -> Iterator[_Entry]:
    """With their tags and, in a project in which anybody has said so, the categories that are complete on them."""
    if not is_said_in(session, project_id):
        yield from (_image(image, tags, files) for image, tags in with_tags(session, images))
        return
    first, second = tee(images)  # both read a batch ahead, no more
    said = with_exhaustivity(session, second, numbers)
    for (image, tags), (_, lists) in zip(with_tags(session, first), said, strict=True):
        yield {**_image(image, tags, files), **lists}


def _array(name: str, entries: Iterable[_Entry]) -> Iterator[str]:
    separator = f'"{name}":[\n'
    empty = True
    for entry in entries:
        yield separator + _json(entry)
        separator, empty = ",\n", False
    yield f'"{name}":[]' if empty else "\n]"


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def unlabelled_category(number: int) -> _Entry:
    """The category of annotations without one, as an import knows it again."""
    return {"id": number, "name": UNLABELLED_NAME, "supercategory": "", "unlabelled": True}


@contextmanager
def numbered_snapshot(database: Database, project_id: int) -> Iterator[Session]:
    """A reading session in which everything has a number: what has no category too, if there is anything.

    Raises:
        NotFound: no such project.
    """
    while True:
        with database.read() as session:
            project = get_project(session, project_id)
            if project.unlabelled_number is not None or not is_anything_unlabelled(session, project_id):
                yield session
                return
        with database.write() as session:
            ensure_unlabelled_number(session, project_id)


def category_numbers(session: Session, project_id: int) -> Mapping[int | None, int]:
    """By what annotations say, an id in the database or None, the number that exports give it."""
    numbers: dict[int | None, int] = {c.id: c.number for c in list_categories(session, project_id)}
    unlabelled = get_project(session, project_id).unlabelled_number
    return numbers if unlabelled is None else {**numbers, None: unlabelled}


def is_anything_unlabelled(session: Session, project_id: int) -> bool:
    """Whether a project has annotations without a category."""
    unlabelled = (
        select(Annotation.id)
        .join(Image, Image.id == Annotation.image_id)
        .where(Image.project_id == project_id, Annotation.category_id.is_(None), Annotation.deleted.is_(None))
        .limit(1)
    )
    return session.scalar(unlabelled) is not None


def _categories(session: Session, project_id: int) -> list[_Entry]:
    entries = [_category(category) for category in list_categories(session, project_id)]
    if is_anything_unlabelled(session, project_id):
        entries.append(unlabelled_category(category_numbers(session, project_id)[None]))
    return entries


def _category(category: Category) -> _Entry:
    return {
        "id": category.number,
        "name": category.name,
        "supercategory": category.supercategory,
        "color": category.color,
    }


def _image(image: Image, tags: Sequence[str], files: Mapping[int, str] | None) -> _Entry:
    entry: _Entry = {
        "id": image.id,
        "file_name": image.file_name if files is None else files[image.id],
        "width": image.width,
        "height": image.height,
        "sha256": image.sha256,
    }
    return {**entry, "tags": list(tags)} if tags else entry  # no part of COCO, as the hash


def _annotation(state: AnnotationState, numbers: Mapping[int | None, int], masks: _Masks) -> _Entry:
    entry: _Entry = {
        "id": state.id,
        "image_id": state.image_id,
        "category_id": numbers[state.category_id],
        "segmentation": dict(state.segmentation),
        "area": state.area,
        "bbox": list(state.bbox),
        "iscrowd": state.iscrowd,
        "uid": state.uid,
        "attributes": state.attributes,
    }
    if masks.segmentations == "polygon" and state.area:
        entry["segmentation"] = polygons_of(rle.decode(state.segmentation), masks.tolerance)
    if state.provenance is not None:
        entry["provenance"] = state.provenance
    return entry
