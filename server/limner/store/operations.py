"""Applying an operation: one transaction that checks everything and then writes the edit and its effect together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from limner import rle
from limner.errors import Conflict, InvalidInput, NotFound, OperationReused, StaleRevision
from limner.prompts import Prompts
from limner.store.annotations import AnnotationState, state_of
from limner.store.events import add_event
from limner.store.history import annotation_at, apply_payload, edit_of_operation
from limner.store.images import lock_image, mark_facts
from limner.store.operation import CreateOperation, MarkOperation, Operation, body_sha256, payload_of
from limner.store.tables import Annotation, Category, Edit, Image, User
from limner.store.types import utc_now


class UnknownCategory(InvalidInput):
    """The category is not one of the image's project."""

    code = "unknown_category"


class UnknownAnnotation(NotFound):
    """The image has no annotation of this uid."""

    code = "unknown_annotation"


@dataclass(frozen=True)
class Applied:
    """What an operation led to.

    Attributes:
        revision: of the image, after the operation.
        annotation: as it stood after the operation; None when it is deleted, or the operation marked the image.
        replayed: whether the operation had been applied before and nothing was written now.
    """

    revision: int
    annotation: AnnotationState | None
    replayed: bool


def apply_operation(
    session: Session,
    image_id: int,
    operation_id: str,
    operation: Operation,
    *,
    revision: int | None,
    user_id: int | None,
    announce: bool = True,
) -> Applied:
    """Apply one operation to an image, exactly once.

    Args:
        session: of a writing transaction; everything or nothing of the operation becomes part of it.
        image_id: the image.
        operation_id: UUID chosen by the client; the same one again gives the same answer.
        operation: what to do.
        revision: the revision that the operation is based on; None skips the check, for imports.
        user_id: who did it.
        announce: whether pages hear about it; an import announces once per image.

    Raises:
        NotFound: no such image, or no such annotation on it.
        OperationReused: this operation id stands for something else.
        StaleRevision: the image has other edits since.
        InvalidRle, InvalidPrompt, UnknownCategory, Conflict: the operation cannot be applied.
    """
    image = lock_image(session, image_id)
    body = body_sha256(image_id, operation)
    earlier = edit_of_operation(session, operation_id)
    if earlier is not None:
        return _replay(session, image, earlier, body)
    if revision is not None and revision != image.revision:
        raise StaleRevision(
            f"Image {image_id} is at revision {image.revision}, the operation is based on {revision}.",
            hint="Read the annotations again, then repeat the operation on them.",
        )
    payload = _checked_payload(session, image, operation)
    now = utc_now()
    annotation = None
    if isinstance(operation, MarkOperation):
        user = session.get(User, user_id) if user_id is not None else None
        image.state, image.state_note = operation.state, operation.note
        image.state_by, image.state_changed = user.name if user else None, now
    else:
        annotation = _changed_annotation(session, image, operation, payload, now)
    image.revision += 1
    session.add(
        Edit(
            image_id=image_id,
            operation_id=operation_id,
            body_sha256=body,
            revision=image.revision,
            kind=operation.kind,
            uid=str(operation.uid),
            payload=payload,
            user_id=user_id,
            created=now,
        )
    )
    session.flush()
    if announce:
        announce_annotations(session, image)
    after = state_of(annotation, image.height, image.width) if annotation and not annotation.deleted else None
    return Applied(image.revision, after, replayed=False)


def announce_annotations(session: Session, image: Image) -> None:
    """Tell the pages of the project how an image and its annotations stand now. The last thing in a transaction."""
    facts = {
        "image_id": image.id,
        "revision": image.revision,
        "annotation_count": image.annotation_count,
        "mark": mark_facts(image),
    }
    add_event(session, "annotations", facts, image.project_id)


def _replay(session: Session, image: Image, earlier: Edit, body: str) -> Applied:
    if earlier.body_sha256 != body:
        raise OperationReused(
            f"The operation id {earlier.operation_id} was used for another operation.",
            hint="Give every operation an id of its own; repeat an id only with the same body.",
        )
    then = annotation_at(session, image, earlier.uid, earlier.revision)
    return Applied(earlier.revision, then, replayed=True)


def _checked_payload(session: Session, image: Image, operation: Operation) -> dict[str, Any]:
    """The operation's payload with a canonical RLE, after checking mask and category against the image."""
    payload = payload_of(operation)
    fields = payload.get("changes", payload)
    if "segmentation" in fields:
        fields["segmentation"] = dict(rle.validate(fields["segmentation"], (image.height, image.width)))
    if fields.get("provenance"):
        check_prompts(fields["provenance"]["prompts"], image.height, image.width)
    category_id = fields.get("category_id")
    if category_id is not None:
        category = session.get(Category, category_id) if 0 < category_id < 2**63 else None
        if category is None or category.project_id != image.project_id:
            raise UnknownCategory(
                f"There is no category {category_id} in the image's project.",
                hint="Use the id of one of the project's categories, or null.",
            )
    return payload


def check_prompts(prompts: dict[str, Any] | None, height: int, width: int) -> None:
    """Make sure that stored prompts make sense on an image of this size.

    Raises:
        InvalidPrompt: when they lie outside, or a box has no area.
    """
    if prompts is not None:
        given = Prompts(
            points=tuple((x, y) for x, y, _ in prompts["points"]),
            labels=tuple(label for _, _, label in prompts["points"]),
            box=tuple(prompts["box"]) if prompts["box"] else None,
            has_mask=prompts["mask"],
        )
        given.check_inside(height, width)


def _changed_annotation(
    session: Session, image: Image, operation: Operation, payload: dict[str, Any], now: datetime
) -> Annotation:
    uid = str(operation.uid)
    if isinstance(operation, CreateOperation):
        annotation = _new_annotation(session, image, uid)
        annotation.created = now
        image.annotation_count += 1
    else:
        annotation = _existing_annotation(session, image, uid, deleted=operation.kind == "restore")
    annotation.updated = now
    if operation.kind == "delete":
        annotation.deleted = now
        image.annotation_count -= 1
    elif operation.kind == "restore":
        annotation.deleted = None
        image.annotation_count += 1
    else:
        apply_payload(annotation, operation.kind, payload)
    session.add(annotation)
    return annotation


def _new_annotation(session: Session, image: Image, uid: str) -> Annotation:
    if session.scalar(select(Annotation.id).where(Annotation.uid == uid)) is not None:
        raise Conflict(f"There is an annotation {uid} already.", hint="Choose a fresh uid, or update the annotation.")
    last = session.scalar(select(func.max(Annotation.position)).where(Annotation.image_id == image.id))
    return Annotation(uid=uid, image_id=image.id, position=0 if last is None else last + 1, deleted=None)


def _existing_annotation(session: Session, image: Image, uid: str, *, deleted: bool) -> Annotation:
    annotation = session.scalar(select(Annotation).where(Annotation.uid == uid, Annotation.image_id == image.id))
    if annotation is None or (annotation.deleted is not None and not deleted):
        raise UnknownAnnotation(
            f"Image {image.id} has no annotation {uid}{'' if annotation is None else ': it was deleted'}.",
            hint="Create it first." if annotation is None else "Restore it first.",
        )
    if deleted and annotation.deleted is None:
        raise Conflict(f"The annotation {uid} is not deleted.", hint="Only a deleted annotation can be restored.")
    return annotation
