"""The append-only history: any past state of an annotation can be read back from the edits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from limner.store.annotations import AnnotationState, MaskFacts, set_mask, state_of
from limner.store.tables import Annotation, Edit, Image

_EDIT_OF_OPERATION = select(Edit).where(Edit.operation_id == bindparam("operation_id"))
ON_NO_ANNOTATION = ("mark", "verdict")  # kinds of edits


def edits_of_operations(session: Session, operation_ids: Sequence[str]) -> dict[str, Edit]:
    """The edits that operations left behind, those that were acknowledged before: operation id -> edit."""
    if len(operation_ids) == 1:  # as in every save
        edits = session.scalars(_EDIT_OF_OPERATION, {"operation_id": operation_ids[0]})
    else:
        edits = session.scalars(select(Edit).where(Edit.operation_id.in_(operation_ids)))
    return {edit.operation_id: edit for edit in edits}


def annotation_at(session: Session, image: Image, uid: str, revision: int) -> AnnotationState | None:
    """An annotation as it stood at a revision of its image, from the edits alone.

    Returns:
        The state, or None when it was deleted then or did not exist yet.
    """
    edits = session.scalars(
        select(Edit)
        .where(
            Edit.uid == uid, Edit.image_id == image.id, Edit.revision <= revision, Edit.kind.not_in(ON_NO_ANNOTATION)
        )
        .order_by(Edit.revision)
    )
    current = session.scalar(select(Annotation).where(Annotation.uid == uid))
    if current is None:
        return None
    past: Annotation | None = None
    for edit in edits:
        if edit.kind == "create":
            past = Annotation(
                id=current.id, uid=uid, image_id=image.id, position=current.position, created=edit.created
            )
        assert past is not None, "a history starts with a creation"
        past.updated = edit.created
        apply_payload(past, edit.kind, edit.payload)
        past.deleted = edit.created if edit.kind == "delete" else None
    if past is None or past.deleted is not None:
        return None
    return state_of(past, image.height, image.width)


def apply_payload(annotation: Annotation, kind: str, payload: dict[str, Any], facts: MaskFacts | None = None) -> None:
    """Change an annotation as the stored payload of a create or update says.

    ``facts`` are those of its mask, when they are known already.
    """
    fields = payload["changes"] if kind == "update" else payload
    for name in ("category_id", "iscrowd", "attributes", "provenance", "position"):
        if name in fields:
            setattr(annotation, name, fields[name])
    if "segmentation" in fields:
        set_mask(annotation, fields["segmentation"], facts)
