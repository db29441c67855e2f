"""A COCO file into a project: read twice, checked as a whole, then written a few annotations at a time.

Nothing is written before everything has been checked against the project, so an invalid file changes nothing. Then
short transactions let people who save masks at the same time go in between. Importing the same file again adds nothing,
which also makes up for an import that was cut off:

- An annotation with a ``uid`` (from an export) is the one of that uid. When it is there already it stays as it is; when
  it was deleted it is restored. When the uid belongs to another image (a second project on the same server), the
  annotation gets a uid derived from it and from its image.
- An annotation without a ``uid`` is there already when its image has one of the same category, crowd flag and mask.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from itertools import islice
from typing import IO

from limner.errors import InvalidFile
from limner.formats.coco.matching import ImageIndex, match_images
from limner.formats.coco.reading import (
    CocoAnnotation,
    CocoCategory,
    CocoImage,
    check_prompts_inside,
    mask_of,
    read_annotation,
    read_category,
    read_image,
)
from limner.formats.coco.report import ImportReport, SkipList
from limner.formats.coco.writing import Checked, Writer
from limner.formats.json_stream import iterate_arrays
from limner.store import Database
from limner.store.categories import create_category, list_categories
from limner.store.projects import get_project
from limner.store.turns import Pace

BATCH = 100  # annotations in one transaction
SPOOL_BYTES = 1 << 24  # checked annotations beyond this go to a temporary file

_Categories = dict[int, CocoCategory]


def import_coco(
    database: Database, project_id: int, source: bytes | IO[bytes], *, user_id: int | None = None
) -> ImportReport:
    """Add the annotations of a COCO file to the images that the project has.

    Images are found by ``sha256`` when the file tells it, by ``file_name``, or by the last part of that; categories by
    name, and created when they are missing. Masks may be polygons or RLE, compressed or not; ``iscrowd`` is kept
    whatever the encoding. Images that the project does not have, and annotations without a mask, are left out and
    reported.

    Args:
        database: where the project is.
        project_id: the project.
        source: the file; a stream must be seekable, and is read in bounded memory.
        user_id: who imports.

    Raises:
        NotFound: no such project.
        InvalidFile: the file is not valid; the message names the entry. Nothing has been written.
    """
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    skipped = SkipList()
    categories, entries = _read_tables(file)
    with database.read() as session:
        get_project(session, project_id)
        images = match_images(session, project_id, entries, skipped)
    with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as spool:
        _check_annotations(file, categories, images, skipped, spool)
        created, category_ids = _ensure_categories(database, project_id, categories)
        writer = Writer(database, user_id, category_ids, skipped)
        spool.seek(0)
        checked = (Checked.from_json(line) for line in spool)
        pace = Pace(BATCH)
        while batch := list(islice(checked, pace.size)):
            with pace.turn():
                writer.write(batch)
    return ImportReport(created, len(writer.images), writer.added, skipped.summary())


def _read_tables(file: IO[bytes]) -> tuple[_Categories, dict[int, CocoImage]]:
    """The categories and images of the file, by id."""
    categories: _Categories = {}
    images: dict[int, CocoImage] = {}
    counts = {"categories": 0, "images": 0}
    for name, entry in _arrays(file, counts):
        table: dict[int, CocoCategory] | dict[int, CocoImage]
        row: CocoCategory | CocoImage
        if name == "categories":
            table, row = categories, read_category(entry, counts[name])
        else:
            table, row = images, read_image(entry, counts[name])
        if row.id in table:
            raise InvalidFile(f"Two {name} have the id {row.id}.", hint="Ids are unique within a file.")
        table[row.id] = row  # type: ignore[assignment]
        counts[name] += 1
    return categories, images


def _check_annotations(
    file: IO[bytes], categories: _Categories, images: ImageIndex, skipped: SkipList, spool: IO[bytes]
) -> None:
    """Write what is to be imported to ``spool``, one JSON object a line, in the order of the file."""
    for index, (_, entry) in enumerate(_arrays(file, ("annotations",))):
        annotation = read_annotation(entry, index)
        checked = _check(annotation, categories, images, skipped)
        if checked is not None:
            spool.write(checked.to_json())


def _check(
    annotation: CocoAnnotation, categories: _Categories, images: ImageIndex, skipped: SkipList
) -> Checked | None:
    label, name = annotation.label, annotation.label.removeprefix("Annotation ")
    if annotation.image_id not in images.known:
        raise InvalidFile(f"{label} is of image {annotation.image_id}.", hint="The file lists no image of this id.")
    if annotation.category_id is not None and annotation.category_id not in categories:
        listed = ", ".join(map(str, islice(categories, 10))) or "none"
        raise InvalidFile(
            f"{label} has the category {annotation.category_id}.",
            hint=f"The file lists no such category; it lists {listed}{', …' if len(categories) > 10 else ''}.",
        )
    found = images.found.get(annotation.image_id)
    if found is None:
        skipped.add("annotation", name, "the image is not in the project")
        return None
    check_prompts_inside(annotation, found.size)
    mask = mask_of(annotation, found.size)
    if mask is None:
        skipped.add("annotation", name, "it has no mask")
        return None
    category = None if annotation.category_id is None else categories[annotation.category_id].name
    return Checked(
        name=name,
        image_id=found.id,
        category=category,
        mask=mask,
        iscrowd=annotation.iscrowd,
        uid=annotation.uid,
        attributes=annotation.attributes,
        provenance=annotation.provenance,
    )


def _ensure_categories(
    database: Database, project_id: int, categories: _Categories
) -> tuple[int, dict[str | None, int | None]]:
    """Create the categories that the project lacks.

    Returns:
        How many were created, and the project's categories: name -> id.
    """
    with database.write() as session:
        known: dict[str | None, int | None] = {c.name: c.id for c in list_categories(session, project_id)}
        before = len(known)
        for category in categories.values():
            if category.name is not None and category.name not in known:
                row = create_category(session, project_id, category.name, category.supercategory, category.color)
                known[category.name] = row.id
        return len(known) - before, known | {None: None}


def _arrays(file: IO[bytes], names: dict[str, int] | tuple[str, ...]) -> Iterator[tuple[str, object]]:
    file.seek(0)
    return iterate_arrays(file, names)
