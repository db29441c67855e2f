"""Rows as plain objects, and the statements of a save, which is what a server does most.

Why not the ORM: with one object a row that is loaded, watched, sorted and flushed by a unit of work, SQLAlchemy took
most of the processor time of a save. Here a statement is put together once, so that its compiled form is found by its
identity; a row is a plain object with the attributes of its table's class; and what is to be written is found by
comparing it with what was read. Everything that is done less often goes through the ORM.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Column, FromClause, Table, bindparam, func, insert, literal, select, update
from sqlalchemy.orm import Session

from limner.store.tables import Annotation, Category, Edit, Image

IMAGES, ANNOTATIONS = cast(Table, Image.__table__), cast(Table, Annotation.__table__)
EDITS, CATEGORIES = cast(Table, Edit.__table__), cast(Table, Category.__table__)


@dataclass(slots=True)
class ImageRow:
    """What of an image decides about a save, and what a save changes; :class:`limner.store.tables.Image` explains."""

    id: int
    project_id: int
    file_name: str
    width: int
    height: int
    revision: int
    annotation_count: int
    state: str
    state_note: str
    state_user_id: int | None
    state_changed: datetime | None
    author_id: int | None
    assigned_user_id: int | None
    lease_user_id: int | None
    lease_until: datetime | None
    lease_renewed: datetime | None
    lease_reserved: bool
    copy_of: int | None
    is_gold: bool
    overlap: str | None
    trashed: datetime | None
    stored: tuple[Any, ...] = field(default=(), repr=False, compare=False)  # the same, as the database has it


@dataclass(slots=True)
class AnnotationRow:
    """An annotation; :class:`limner.store.tables.Annotation` explains. ``id`` is None until it is inserted."""

    id: int | None
    uid: str
    image_id: int
    category_id: int | None
    counts: str
    area: int
    bbox_x: int
    bbox_y: int
    bbox_width: int
    bbox_height: int
    iscrowd: int
    attributes: dict[str, Any]
    provenance: dict[str, Any] | None
    position: int
    content_revision: int
    created: datetime
    updated: datetime
    deleted: datetime | None
    stored: tuple[Any, ...] = field(default=(), repr=False, compare=False)  # the same, as the database has it


AnyImage = Image | ImageRow
AnyAnnotation = Annotation | AnnotationRow


@dataclass(frozen=True, slots=True)
class EarlierEdit:
    """Of an edit that an operation left behind: what tells whether it is the same one, and where it led to."""

    body_sha256: str
    revision: int
    uid: str


def _names(row: type[ImageRow] | type[AnnotationRow]) -> tuple[str, ...]:
    return tuple(each.name for each in fields(row) if each.name != "stored")


IMAGE_NAMES, ANNOTATION_NAMES = _names(ImageRow), _names(AnnotationRow)
IMAGE_COLUMNS: Sequence[Column[Any]] = [IMAGES.c[name] for name in IMAGE_NAMES]
_ANNOTATION_COLUMNS: Sequence[Column[Any]] = [ANNOTATIONS.c[name] for name in ANNOTATION_NAMES]
_EDIT_COLUMNS: Sequence[Column[Any]] = [EDITS.c[each.name] for each in fields(EarlierEdit)]

# --- the statements ---------------------------------------------------------------------------------------------------

_LOCKED_IMAGE = select(*IMAGE_COLUMNS).where(IMAGES.c.id == bindparam("image_id")).with_for_update()
_LAST_POSITION = (
    select(func.max(ANNOTATIONS.c.position)).where(ANNOTATIONS.c.image_id == bindparam("image_id")).scalar_subquery()
)
_NOTHING = select(literal(1).label("one")).subquery()  # one row, that all others are joined to: any may be missing
_ASKED: FromClause = (
    _NOTHING.outerjoin(EDITS, EDITS.c.operation_id == bindparam("operation_id"))
    .outerjoin(ANNOTATIONS, ANNOTATIONS.c.uid == bindparam("uid"))
    .outerjoin(CATEGORIES, CATEGORIES.c.id == bindparam("category_id"))
)
# All that one operation has to know besides its image. On PostgreSQL it must be asked after the lock is there, and not
# with it: a statement that has waited for a lock sees other rows as they were before.
_OF_ONE_OPERATION = select(
    CATEGORIES.c.project_id, _LAST_POSITION, *_EDIT_COLUMNS, *_ANNOTATION_COLUMNS
).select_from(_ASKED)  # fmt: skip
_NEW_ANNOTATION = insert(ANNOTATIONS).returning(ANNOTATIONS.c.id)
_NEW_ANNOTATIONS = insert(ANNOTATIONS)
_NEW_EDITS = insert(EDITS)
_CHANGED_ANNOTATION = update(ANNOTATIONS).where(ANNOTATIONS.c.uid == bindparam("of_uid"))
_CHANGED_IMAGE = update(IMAGES).where(IMAGES.c.id == bindparam("of_id"))


# --- reading ----------------------------------------------------------------------------------------------------------


def image_row(values: Sequence[Any]) -> ImageRow:
    """From what ``IMAGE_COLUMNS`` gave."""
    image = ImageRow(*values)
    image.stored = tuple(values)
    return image


def lock_image_row(session: Session, image_id: int) -> ImageRow | None:
    """An image, locked until the end of the transaction, as it is once the lock is ours; None: there is none."""
    found = session.connection().execute(_LOCKED_IMAGE, {"image_id": image_id}).first()
    return None if found is None else image_row(found)


@dataclass
class Known:
    """What operations have to know of the database besides their image.

    Attributes:
        edits: that were left behind when operations were applied before, by operation id.
        annotations: of the operations' uids, wherever they are, deleted ones too.
        categories: the number of the project of each category that was asked for; None: there is no such category.
        last_position: the highest one of the image's annotations, −1 when it has none; None: not known.
    """

    edits: dict[str, EarlierEdit]
    annotations: dict[str, AnnotationRow]
    categories: dict[int, int | None]
    last_position: int | None


def known_of_one(session: Session, image_id: int, operation_id: str, uid: str, category_id: int | None) -> Known:
    """What a single operation has to know, in one statement. ``category_id`` is a number that the database can have."""
    asked = {"image_id": image_id, "operation_id": operation_id, "uid": uid, "category_id": category_id}
    row = session.connection().execute(_OF_ONE_OPERATION, asked).one()
    of_edit, of_annotation = row[2 : 2 + len(_EDIT_COLUMNS)], row[2 + len(_EDIT_COLUMNS) :]
    return Known(
        edits={} if of_edit[0] is None else {operation_id: EarlierEdit(*of_edit)},
        annotations={} if of_annotation[0] is None else {uid: _annotation_row(of_annotation)},
        categories={} if category_id is None else {category_id: row[0]},
        last_position=-1 if row[1] is None else row[1],
    )


def known_of_many(session: Session, operation_ids: Sequence[str], uids: Sequence[str]) -> Known:
    """What many operations have to know; categories and positions are read when they are needed."""
    edits = select(EDITS.c.operation_id, *_EDIT_COLUMNS).where(EDITS.c.operation_id.in_(operation_ids))
    annotations = select(*_ANNOTATION_COLUMNS).where(ANNOTATIONS.c.uid.in_(uids))
    connection = session.connection()
    return Known(
        edits={row[0]: EarlierEdit(*row[1:]) for row in connection.execute(edits)},
        annotations={row.uid: _annotation_row(row) for row in connection.execute(annotations)},
        categories={},
        last_position=None,
    )


def last_position(session: Session, image_id: int) -> int:
    """The highest position of an image's annotations, deleted ones too; −1 when there are none."""
    found = session.connection().scalar(select(_LAST_POSITION), {"image_id": image_id})
    return -1 if found is None else found


def project_of_category(session: Session, category_id: int) -> int | None:
    """The number of a category's project; None: there is no such category."""
    found = select(CATEGORIES.c.project_id).where(CATEGORIES.c.id == category_id)
    return session.connection().scalar(found)


def _annotation_row(values: Sequence[Any]) -> AnnotationRow:
    annotation = AnnotationRow(*values)
    annotation.stored = tuple(values)
    return annotation


def new_annotation(uid: str, image_id: int, position: int, now: datetime) -> AnnotationRow:
    """An annotation that is not written down yet, without a mask."""
    return AnnotationRow(
        id=None,
        uid=uid,
        image_id=image_id,
        category_id=None,
        counts="",
        area=0,
        bbox_x=0,
        bbox_y=0,
        bbox_width=0,
        bbox_height=0,
        iscrowd=0,
        attributes={},
        provenance=None,
        position=position,
        content_revision=0,
        created=now,
        updated=now,
        deleted=None,
    )


# --- writing ----------------------------------------------------------------------------------------------------------


def insert_annotations(session: Session, rows: Sequence[AnnotationRow]) -> None:
    """Add annotations; a single one learns its number."""
    values = [{name: getattr(row, name) for name in ANNOTATION_NAMES if name != "id"} for row in rows]
    if len(rows) == 1:
        rows[0].id = session.connection().execute(_NEW_ANNOTATION, values[0]).scalar_one()
    elif rows:
        session.connection().execute(_NEW_ANNOTATIONS, values)
    for row in rows:
        row.stored = _values(row, ANNOTATION_NAMES)


def store_annotation(session: Session, row: AnnotationRow) -> None:
    """Write down what has changed of an annotation."""
    changed = _changes(row, ANNOTATION_NAMES)
    if changed:
        session.connection().execute(_CHANGED_ANNOTATION, {"of_uid": row.uid, **changed})
        row.stored = _values(row, ANNOTATION_NAMES)


def insert_edits(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add edits, each a mapping with all columns of the table but its number."""
    if rows:
        session.connection().execute(_NEW_EDITS, rows[0] if len(rows) == 1 else rows)


def store_image(session: Session, image: AnyImage) -> None:
    """Write down what has changed of an image."""
    if isinstance(image, Image):
        session.flush()
        return
    changed = _changes(image, IMAGE_NAMES)
    if changed:
        session.connection().execute(_CHANGED_IMAGE, {"of_id": image.id, **changed})
        image.stored = _values(image, IMAGE_NAMES)


def _values(row: ImageRow | AnnotationRow, names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in names)


def _changes(row: ImageRow | AnnotationRow, names: Sequence[str]) -> dict[str, Any]:
    return {name: now for name, was, now in zip(names, row.stored, _values(row, names), strict=True) if now != was}
