"""A COCO file into a project: read twice, every entry checked, then written a few annotations at a time.

Entries that cannot be used are left out and listed with their reasons, all at once; the others go in. Nothing is
written before the whole file has been read and checked against the project, so a file that is no COCO file changes
nothing. Then short transactions, sorted by image, let people who save masks at the same time go in between. Importing
the same file again adds nothing, which also makes up for an import that was cut off:

- An annotation with a ``uid`` (from an export) is the one of that uid. When it is there already it stays as it is; when
  it was deleted it is restored. When the uid belongs to another image (a second project on the same server), the
  annotation gets a uid derived from it and from its image.
- An annotation without a ``uid`` is there already when its image has one of the same category, crowd flag and mask.
"""

from __future__ import annotations

import io
import tempfile
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import IO

import numpy as np

from limner.errors import InvalidFile
from limner.formats.coco.exhaustivity import FileStatements, Statements, count_new, write_statements
from limner.formats.coco.matching import ImageIndex, ProjectImages, images_of_project
from limner.formats.coco.preview import Preview
from limner.formats.coco.reading import (
    BadEntry,
    Boxes,
    CocoAnnotation,
    CocoCategory,
    CocoImage,
    check_prompts_inside,
    mask_of,
    read_annotation,
    read_category,
    read_image,
    with_rectangle,
)
from limner.formats.coco.report import ImportReport, SkipList
from limner.formats.coco.tagging import put_tags
from limner.formats.coco.writing import Checked, Writer
from limner.formats.json_stream import iterate_arrays
from limner.store import Database
from limner.store.categories import announce_categories, create_category, list_categories
from limner.store.projects import get_project

SPOOL_BYTES = 1 << 24  # checked annotations beyond this go to a temporary file
MAX_CATEGORIES = 50_000  # of a file; they are kept in memory


@dataclass
class _Categories:
    """The categories of a file, by id; ``unusable`` are ids that it lists in a way that cannot be used."""

    usable: dict[int, CocoCategory] = field(default_factory=dict)
    unusable: set[int] = field(default_factory=set)


@dataclass
class _Spool:
    """Checked annotations on disk, one JSON object a line, and where the lines of each image are."""

    file: IO[bytes]
    images: array[int] = field(default_factory=lambda: array("q"))
    without_uid: array[int] = field(default_factory=lambda: array("b"))
    places: array[int] = field(default_factory=lambda: array("q"))

    def add(self, checked: Checked) -> None:
        """Write one behind the others."""
        self.images.append(checked.image_id)
        self.without_uid.append(checked.uid is None)
        self.places.append(self.file.tell())
        self.file.write(checked.to_json())

    def by_image(self) -> Iterator[Checked]:
        """All, image after image; within one those with a uid first, then in the order of the file."""
        if not self.images:
            return
        keys = (np.frombuffer(self.without_uid, np.int8), np.frombuffer(self.images, np.int64))
        order = np.lexsort(keys)
        for index in order.tolist():
            self.file.seek(self.places[index])
            yield Checked.from_json(self.file.readline())


def import_coco(
    database: Database,
    project_id: int,
    source: bytes | IO[bytes],
    *,
    user_id: int | None = None,
    skipped: SkipList | None = None,
    preview: bool = False,
    named: bool = False,
    boxes: Boxes = "skip",
) -> ImportReport:
    """Add the annotations of a COCO file to the images that the project has.

    Images are found as :mod:`limner.formats.coco.matching` says, and get the tags that the file gives them; categories
    by name, and are created when they are missing.
    Masks may be polygons or RLE, compressed or not; ``iscrowd`` is kept whatever the encoding. Images that the project
    does not have, annotations without a mask and entries that cannot be used are left out and reported.

    Args:
        database: where the project is.
        project_id: the project.
        source: the file; a stream must be seekable, and is read in bounded memory.
        user_id: who imports.
        skipped: what was left out before, when the file was made from others.
        preview: write nothing, and report what would be added.
        named: every annotation has a ``name`` that says where it comes from, for messages.
        boxes: what becomes of annotations that have a box and no mask.

    Raises:
        NotFound: no such project.
        InvalidFile: the file is no COCO file, or cut. Nothing has been written.
    """
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    skipped = SkipList() if skipped is None else skipped
    with database.read() as session:
        get_project(session, project_id)
        project = images_of_project(session, project_id)
    courtesy = database.courtesy()
    with checked_coco(file, project, skipped, named=named, boxes=boxes, on_entry=courtesy.pause) as read:
        names = [category.name for category in read.categories if category.name is not None]
        if preview:
            seen = Preview(database, project_id, skipped)
            seen.see_all(read.by_image())
            created, result = seen.missing(names), seen.result
            statements = count_new(database, project_id, read.statements)
        else:
            created, category_ids = ensure_categories(database, project_id, read.categories)
            writer = Writer(database, user_id, category_ids, skipped)
            writer.write_all(read.by_image())
            result = writer.result
            statements = write_statements(database, category_ids, read.statements, user_id)
        tags = put_tags(database, project_id, read.tags, skipped, preview=preview)
    return ImportReport(
        created,
        len(result.images),
        result.added,
        skipped.summary(),
        unmatched=read.unmatched,
        by_category=dict(result.by_category),
        statements=statements,
        preview=preview,
        tags=tags,
    )


@dataclass(frozen=True)
class CheckedFile:
    """A COCO file that was read and checked.

    Attributes:
        categories: that can be used.
        unmatched: images of the file that are none of the project, or not clear.
        tags: of images of the project, by their number.
        by_image: all annotations that can be used, image after image.
        statements: what the file says of the exhaustivity of images.
    """

    categories: Sequence[CocoCategory]
    unmatched: int
    tags: Mapping[int, Sequence[str]]
    by_image: Callable[[], Iterator[Checked]]
    statements: Statements


@contextmanager
def checked_coco(
    file: IO[bytes],
    project: ProjectImages,
    skipped: SkipList,
    *,
    named: bool = False,
    boxes: Boxes = "skip",
    on_entry: Callable[[], None] = lambda: None,
) -> Iterator[CheckedFile]:
    """Read a whole COCO file, check it against these images, and keep what can be used until this is left.

    Args:
        file: seekable.
        project: the images.
        skipped: takes what cannot be used.
        named: as for :func:`import_coco`.
        boxes: likewise.
        on_entry: called after every annotation.

    Raises:
        InvalidFile: the file is no COCO file, or cut.
    """
    categories, said = _Categories(), FileStatements()
    images = ImageIndex(_read_tables(file, categories, skipped, said), project, skipped)
    with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as spooled:
        spool = _Spool(spooled)
        for checked in _checked_annotations(file, categories, images, skipped, said, named=named, boxes=boxes):
            spool.add(checked)
            on_entry()
        found = {number: image.id for number, image in images.found.items()}
        statements = said.statements(found, {each.id: each.name for each in categories.usable.values()}, skipped)
        yield CheckedFile(list(categories.usable.values()), images.unmatched, images.tags, spool.by_image, statements)


def _read_tables(
    file: IO[bytes], categories: _Categories, skipped: SkipList, said: FileStatements
) -> Iterator[CocoImage]:
    """The images of the file one after the other; on the way its categories are put into ``categories``."""
    counts = {"categories": 0, "images": 0}
    for name, entry in _arrays(file, counts):
        index, counts[name] = counts[name], counts[name] + 1
        try:
            if name == "images":
                image = read_image(entry, index)
                said.see_image(image.id, image.fields, skipped)
                yield image
            else:
                _add_category(categories, read_category(entry, index), skipped)
        except BadEntry as error:
            kind, named = ("image", error.label[6:]) if name == "images" else ("category", error.label[9:])
            skipped.add(kind, named, f"it {error.why}")
            number = entry.get("id") if isinstance(entry, dict) else None
            if name == "categories" and isinstance(number, int):
                categories.unusable.add(number)


def _add_category(categories: _Categories, category: CocoCategory, skipped: SkipList) -> None:
    """Note a category; one that comes twice under one id with two names is not usable.

    Raises:
        InvalidFile: when there are too many.
    """
    other = categories.usable.get(category.id)
    if other is None and category.id not in categories.unusable:
        categories.usable[category.id] = category
    elif other is None or other.name != category.name:
        categories.usable.pop(category.id, None)
        categories.unusable.add(category.id)
        skipped.add("category", f"{category.name} (id {category.id})", "the file lists several categories of this id")
    if len(categories.usable) + len(categories.unusable) > MAX_CATEGORIES:
        raise InvalidFile("The file lists too many categories.", hint=f"At most {MAX_CATEGORIES} are read.")


def _checked_annotations(
    file: IO[bytes],
    categories: _Categories,
    images: ImageIndex,
    skipped: SkipList,
    said: FileStatements,
    *,
    named: bool,
    boxes: Boxes,
) -> Iterator[Checked]:
    """What is to be imported, in the order of the file."""
    for index, (_, entry) in enumerate(_arrays(file, ("annotations",))):
        annotation = checked = None
        try:
            annotation = read_annotation(entry, index, named=named)
            checked = _check(annotation, categories, images, skipped, boxes)
        except BadEntry as error:
            skipped.add("annotation", error.label.removeprefix("Annotation "), f"it {error.why}")
        if annotation is not None:
            said.see_annotation(annotation.image_id, annotation.category_id, usable=checked is not None)
        if checked is not None:
            yield checked


def _check(
    annotation: CocoAnnotation, categories: _Categories, images: ImageIndex, skipped: SkipList, boxes: Boxes
) -> Checked | None:
    name = annotation.label.removeprefix("Annotation ")
    category = None if annotation.category_id is None else categories.usable.get(annotation.category_id)
    found = images.found.get(annotation.image_id)
    why = None
    if found is None and not images.lists(annotation.image_id):
        why = f"it is of image {annotation.image_id}, and the file lists no image of this id"
    elif annotation.category_id in categories.unusable:
        why = f"its category {annotation.category_id} cannot be used"
    elif annotation.category_id is not None and category is None:
        listed = ", ".join(map(str, islice(categories.usable, 10))) or "none"
        more = ", …" if len(categories.usable) > 10 else ""
        number = annotation.category_id
        why = f"it has the category {number}, and the file lists no such category; it lists {listed}{more}"
    elif found is None:
        why = "its image was left out"
    if why is not None or found is None:
        skipped.add("annotation", name, why or "")
        return None
    check_prompts_inside(annotation, found.size)
    mask, dropped = mask_of(annotation, found.size)
    if mask is None and not annotation.segmentation and boxes == "rectangle":
        annotation = with_rectangle(annotation, found.size)
        mask, dropped = mask_of(annotation, found.size)
    if mask is None:
        covers = "its polygons cover no pixel of the image" if annotation.segmentation else "it has no mask"
        skipped.add("annotation", name, covers)
        return None
    if dropped:
        skipped.add("part", f"of annotation {name}", "a polygon of fewer than three points beside others was dropped")
    return Checked(
        name=name,
        image_id=found.id,
        category=category.name if category else None,
        mask=mask,
        iscrowd=annotation.iscrowd,
        uid=annotation.uid,
        attributes=annotation.attributes,
        provenance=annotation.provenance,
    )


def ensure_categories(
    database: Database, project_id: int, categories: Sequence[CocoCategory]
) -> tuple[int, dict[str | None, int | None]]:
    """Create the categories that the project lacks.

    Returns:
        How many were created, and the project's categories: name -> id.
    """
    with database.write() as session:
        known: dict[str | None, int | None] = {c.name: c.id for c in list_categories(session, project_id)}
        before = len(known)
        for category in categories:
            if category.name is not None and category.name not in known:
                row = create_category(session, project_id, category.name, category.supercategory, category.color)
                known[category.name] = row.id
        created = len(known) - before
        if created:
            announce_categories(session, project_id)
        return created, known | {None: None}


def _arrays(file: IO[bytes], names: dict[str, int] | tuple[str, ...]) -> Iterator[tuple[str, object]]:
    file.seek(0)
    return iterate_arrays(file, names)
