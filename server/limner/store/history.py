"""The append-only history: any past state of an annotation can be read back from the edits."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from limner.store.annotations import AnnotationState, MaskFacts, set_mask, state_of
from limner.store.rows import AnyAnnotation, AnyImage, new_annotation
from limner.store.tables import Annotation, Edit, Image

ON_NO_ANNOTATION = ("mark", "verdict", "exhaustivity")  # kinds of edits
EDITS_AT_ONCE = 20  # in memory while a history is read
MAX_MASKS = 8_000_000  # characters of the masks in one page of a history


def annotation_at(session: Session, image: AnyImage, uid: str, revision: int) -> AnnotationState | None:
    """An annotation as it stood at a revision of its image, from the edits alone.

    Returns:
        The state, or None when it was deleted then or did not exist yet.
    """
    current = session.scalar(select(Annotation).where(Annotation.uid == uid))
    if current is None:
        return None
    edits = session.scalars(
        select(Edit)
        .where(
            Edit.uid == uid, Edit.image_id == image.id, Edit.revision <= revision, Edit.kind.not_in(ON_NO_ANNOTATION)
        )
        .order_by(Edit.revision)
    )
    past = None
    for edit in edits:
        past = _after(past, edit)
    return None if past is None or past.deleted else _state(past, current, image)


@dataclass(frozen=True)
class Change:
    """One edit of an image as people read it.

    Attributes:
        revision: of the image, after it.
        kind: what was done: create, update, delete, restore, mark or exhaustivity.
        uid: of the annotation; None when something was said of the image itself.
        changed: what of the annotation an update changed, by the names of the operation.
        user_id: who did it; None when nobody is known.
        created: when.
        annotation: as it stood after the edit, and one that was deleted as it stood before; None of a mark.
        mark: (state, note) that the image was given; None of anything else.
        exhaustivity: (category, whether all of it are annotated, None: not known) that was said; None of anything else.
    """

    revision: int
    kind: str
    uid: str | None
    changed: tuple[str, ...]
    user_id: int | None
    created: datetime
    annotation: AnnotationState | None
    mark: tuple[str, str] | None
    exhaustivity: tuple[int, bool | None] | None


def changes_of(
    session: Session, image: Image, uid: str | None = None, before: int | None = None, limit: int = 50
) -> tuple[Sequence[Change], int | None]:
    """What was done to an image, or to one annotation of it, newest first; verdicts on suggestions are left out.

    Args:
        session: where to look.
        image: whose history.
        uid: of the one annotation that is meant, deleted or not; None for all of them and the image's marks.
        before: only edits that led to a revision below this one.
        limit: most edits to give, ≥ 1. Fewer come where their masks are large: at most MAX_MASKS characters together.

    Returns:
        The edits, and what ``before`` is for those that come after them; None when there are none.
    """
    found = select(Edit.revision, Edit.kind, Edit.uid).where(Edit.image_id == image.id, Edit.kind != "verdict")
    if uid is not None:
        found = found.where(Edit.uid == uid, Edit.kind.not_in(ON_NO_ANNOTATION))
    if before is not None:
        found = found.where(Edit.revision < before)
    rows = session.execute(found.order_by(Edit.revision.desc()).limit(limit + 1)).all()
    more, rows = len(rows) > limit, rows[:limit]
    if not rows:
        return [], None
    shown = {row.revision for row in rows}
    uids = {row.uid for row in rows}
    current = {row.uid: row for row in session.scalars(select(Annotation).where(Annotation.uid.in_(uids)))}
    edits = session.scalars(  # a few at a time: each has a whole mask
        select(Edit)
        .where(Edit.image_id == image.id, Edit.uid.in_(uids), Edit.revision <= rows[0].revision)
        .order_by(Edit.revision)
        .execution_options(yield_per=EDITS_AT_ONCE)
    )
    past: dict[str, _Past] = {}
    kept: deque[tuple[Edit, _Past | None]] = deque()
    characters = 0
    for edit in edits:
        if edit.kind not in ON_NO_ANNOTATION:
            past[edit.uid] = _after(past.get(edit.uid), edit)
        if edit.revision in shown:
            kept.append((edit, past.get(edit.uid)))
            characters += _size(kept[-1])
            while characters > MAX_MASKS and len(kept) > 1:  # the oldest go: they are on the next page
                characters -= _size(kept.popleft())
                more = True
    changes = [_change(edit, state, current.get(edit.uid), image) for edit, state in reversed(kept)]
    return changes, changes[-1].revision if more else None


@dataclass(frozen=True)
class _Past:
    """The fields of an annotation after an edit, as payloads have them. Nothing is computed until it is looked at."""

    fields: dict[str, Any]
    created: datetime
    updated: datetime
    deleted: bool


def _after(before: _Past | None, edit: Edit) -> _Past:
    fields = edit.payload["changes"] if edit.kind == "update" else edit.payload
    if before is None:
        assert edit.kind == "create", "a history starts with a creation"
        return _Past(fields, edit.created, edit.created, deleted=False)
    return _Past(before.fields | fields, before.created, edit.created, deleted=edit.kind == "delete")


def _state(past: _Past, current: Annotation, image: AnyImage) -> AnnotationState:
    # Edits from before there were positions name none.
    annotation = new_annotation(current.uid, image.id, current.position, past.created)
    annotation.id, annotation.updated = current.id, past.updated
    apply_payload(annotation, "create", past.fields)
    return state_of(annotation, image.height, image.width)


def _size(kept: tuple[Edit, _Past | None]) -> int:
    return len(kept[1].fields["segmentation"]["counts"]) if kept[1] else 0


def _change(edit: Edit, past: _Past | None, current: Annotation | None, image: Image) -> Change:
    mark, exhaustivity = edit.kind == "mark", edit.kind == "exhaustivity"
    return Change(
        revision=edit.revision,
        kind=edit.kind,
        uid=None if mark or exhaustivity else edit.uid,
        changed=tuple(sorted(edit.payload["changes"])) if edit.kind == "update" else (),
        user_id=edit.user_id,
        created=edit.created,
        annotation=_state(past, current, image) if past and current else None,
        mark=(edit.payload["state"], edit.payload["note"]) if mark else None,
        exhaustivity=(edit.payload["category_id"], edit.payload["exhaustive"]) if exhaustivity else None,
    )


def apply_payload(
    annotation: AnyAnnotation, kind: str, payload: dict[str, Any], facts: MaskFacts | None = None
) -> None:
    """Change an annotation as the stored payload of a create or update says.

    ``facts`` are those of its mask, when they are known already.
    """
    fields = payload["changes"] if kind == "update" else payload
    for name in ("category_id", "iscrowd", "attributes", "provenance", "position"):
        if name in fields:
            setattr(annotation, name, fields[name])
    if "segmentation" in fields:
        set_mask(annotation, fields["segmentation"], facts)
