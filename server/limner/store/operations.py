"""Applying an operation: one transaction that checks everything and then writes the edit and its effect together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from limner.errors import Conflict, InvalidInput, NotFound, OperationReused, StaleRevision
from limner.store import rows
from limner.store.annotations import AnnotationState, MaskFacts, mask_facts, state_of
from limner.store.copies import home_of
from limner.store.events import add_event
from limner.store.exhaustivity import reopen, say
from limner.store.history import annotation_at, apply_payload
from limner.store.marks import mark_of, set_mark
from limner.store.rows import AnnotationRow, AnyImage, EarlierEdit
from limner.store.suggestions import follow_annotation, set_refused
from limner.store.types import utc_now
from limner.store.webhooks import tell_mark
from limner.vocabulary import rle
from limner.vocabulary.events import AnnotationsEvent
from limner.vocabulary.geometry import Region
from limner.vocabulary.operations import (
    CreateOperation,
    ExhaustivityOperation,
    MarkOperation,
    Operation,
    UpdateOperation,
    VerdictOperation,
    body_sha256,
    payload_of,
)
from limner.vocabulary.prompts import Prompts
from limner.vocabulary.states import UNSETTLED


class UnknownCategory(InvalidInput):
    """The category is not one of the image's project."""

    code = "unknown_category"


class UnknownAnnotation(NotFound):
    """The image has no annotation of this uid."""

    code = "unknown_annotation"


EDITED_SINCE = "edited after it was approved"
_CONTENT = frozenset({"segmentation", "category_id", "iscrowd"})  # what somebody who verifies a mask looks at


@dataclass(frozen=True)
class Prepared:
    """An operation whose mask and prompts were checked against the size of its image, outside of any transaction.

    Attributes:
        operation: as it was sent.
        payload: as it is stored, with a canonical RLE.
        size: (height, width) of the image.
        mask: what is stored of the mask besides, when there is one.
        body_sha256: identifies what was sent, and the image.
    """

    operation: Operation
    payload: dict[str, Any]
    size: tuple[int, int]
    mask: MaskFacts | None
    body_sha256: str


def prepare(image_id: int, operation: Operation, height: int, width: int) -> Prepared:
    """Check all of an operation that needs no database: it may take seconds, for which nobody should hold a lock.

    Raises:
        InvalidRle, InvalidPrompt, InvalidInput: it does not fit an image of this size.
    """
    payload = payload_of(operation)
    digest = body_sha256(image_id, operation, payload)
    fields = payload.get("changes", payload)
    mask = None
    if "segmentation" in fields:
        canonical, runs = rle.validated(fields["segmentation"], (height, width))
        fields["segmentation"] = dict(canonical)
        mask = mask_facts(canonical, runs)
    if fields.get("provenance"):
        check_prompts(fields["provenance"]["prompts"], height, width)
        if fields["provenance"]["region"] is not None:
            Region(*fields["provenance"]["region"]).check(height, width)
    return Prepared(operation, payload, (height, width), mask, digest)


@dataclass(frozen=True)
class Applied:
    """What an operation led to.

    Attributes:
        revision: of the image, after the operation.
        annotation: as it stood after the operation; None when it is deleted, or the operation marked the image.
        replayed: whether the operation had been applied before and nothing was written now.
        reopened: categories of which others had said that all are annotated, which it has reopened.
    """

    revision: int
    annotation: AnnotationState | None
    replayed: bool
    reopened: Sequence[int] = ()


def apply_operation(
    session: Session,
    image: AnyImage,
    operation_id: str,
    operation: Operation,
    *,
    revision: int | None,
    user_id: int | None,
    prepared: Prepared | None = None,
    check: Callable[[AnyImage, Operation], None] = lambda image, operation: None,
) -> Applied:
    """Apply one operation to an image, exactly once, and tell the pages.

    Args:
        session: of a writing transaction; everything or nothing of the operation becomes part of it.
        image: the image, locked (:func:`limner.store.images.lock_image`, or without the ORM
            :func:`limner.store.rows.lock_image_row`).
        operation_id: UUID chosen by the client; the same one again gives the same answer.
        operation: what to do.
        revision: the revision that the operation is based on; None skips the check.
        user_id: who did it.
        prepared: the operation, checked before the transaction (:func:`prepare`); by default it is checked now.
        check: raises what speaks against it as the image is now; not asked about what was applied before.

    Raises:
        UnknownAnnotation: the image has no such annotation.
        OperationReused: this operation id stands for something else.
        StaleRevision: the image has other edits since.
        InvalidRle, InvalidPrompt, InvalidInput, UnknownCategory, Conflict: the operation cannot be applied.
    """
    on = _ImageOperations(session, image, [(operation_id, operation)], user_id)
    earlier = on.earlier(operation_id, operation)
    if earlier is not None:
        return Applied(earlier.revision, annotation_at(session, on.image, earlier.uid, earlier.revision), replayed=True)
    if revision is not None and revision != on.image.revision:
        raise StaleRevision(
            f"Image {image.id} is at revision {on.image.revision}, the operation is based on {revision}.",
            hint="Read the annotations again, then repeat the operation on them.",
        )
    check(image, operation)
    annotation = on.apply(operation_id, operation, prepared)
    on.write()
    announce_annotations(session, on.image)
    after = state_of(annotation, on.image.height, on.image.width) if annotation and not annotation.deleted else None
    return Applied(on.image.revision, after, replayed=False, reopened=on.reopened)


def apply_operations(
    session: Session,
    image: AnyImage,
    operations: Sequence[tuple[str, Operation]],
    *,
    user_id: int | None,
    prepared: Mapping[str, Prepared] | None = None,
) -> None:
    """Apply operations, each with its id, to one locked image in their order, each exactly once, whatever its revision.

    What they need is read once for all of them and the rows are written together. Pages hear nothing: the caller
    announces when it is through with the image. Those that were ``prepared`` before, by operation id, are not checked
    again.

    Raises:
        As :func:`apply_operation`, but never StaleRevision. The transaction must then be rolled back.
    """
    on = _ImageOperations(session, image, operations, user_id)
    for operation_id, operation in operations:
        if on.earlier(operation_id, operation) is None:
            on.apply(operation_id, operation, prepared.get(operation_id) if prepared else None)
    on.write()


class _ImageOperations:
    """One image, locked, with all that the given operations need of the database, kept up to date as they apply."""

    def __init__(
        self, session: Session, image: AnyImage, operations: Sequence[tuple[str, Operation]], user_id: int | None
    ) -> None:
        self._session = session
        self._user_id = user_id
        self.image = image
        self._known = _known(session, image, operations)
        self._new: list[AnnotationRow] = []
        self._changed: dict[str, AnnotationRow] = {}
        self._edits: list[dict[str, Any]] = []
        self._touched: set[int] = set()  # categories of which the image has other objects now
        self.reopened: Sequence[int] = ()

    def earlier(self, operation_id: str, operation: Operation) -> EarlierEdit | None:
        """The edit that this operation left behind when it was applied before.

        Raises:
            OperationReused: this operation id stands for something else.
        """
        edit = self._known.edits.get(operation_id)
        if edit is not None and edit.body_sha256 != body_sha256(self.image.id, operation):
            raise OperationReused(
                f"The operation id {operation_id} was used for another operation.",
                hint="Give every operation an id of its own; repeat an id only with the same body.",
            )
        return edit

    def apply(self, operation_id: str, operation: Operation, prepared: Prepared | None = None) -> AnnotationRow | None:
        """Make the edit and its effect part of what :meth:`write` writes; the annotation, if it is on one."""
        image = self.image
        if prepared is None or prepared.size != (image.height, image.width):
            prepared = prepare(image.id, operation, image.height, image.width)
        payload = prepared.payload
        self._check_category(payload)
        now = utc_now()
        annotation = None
        if isinstance(operation, MarkOperation):
            before = image.state
            set_mark(image, operation.state, operation.note, self._user_id, now, operation.to)
            if operation.state != before:
                tell_mark(self._session, image, self._user_id, now)
        elif isinstance(operation, VerdictOperation):
            set_refused(self._session, image.id, str(operation.uid), refused=operation.refused)
        elif isinstance(operation, ExhaustivityOperation):
            self.write()  # what was done before it must not reopen it
            category_id, exhaustive = operation.category_id, operation.exhaustive
            payload["before"] = say(self._session, image.id, category_id, self._user_id, exhaustive=exhaustive)
        else:
            annotation = self._changed_annotation(operation, prepared, now)
            if image.state == "approved":  # what was approved is not what is there now
                set_mark(image, "submitted", EDITED_SINCE, self._user_id, now)
        if image.overlap in UNSETTLED and (annotation is not None or image.state != "waiting"):
            image.overlap = "settled"  # somebody says what is on it
        image.revision += 1
        uid = str(operation.uid)
        self._edits.append(
            {
                "image_id": image.id,
                "operation_id": operation_id,
                "body_sha256": prepared.body_sha256,
                "revision": image.revision,
                "kind": operation.kind,
                "uid": uid,
                "payload": payload,
                "user_id": self._user_id,
                "created": now,
            }
        )
        self._known.edits[operation_id] = EarlierEdit(prepared.body_sha256, image.revision, uid)
        return annotation

    def write(self) -> None:
        """Write down what was applied."""
        rows.insert_annotations(self._session, self._new)
        for annotation in self._changed.values():
            rows.store_annotation(self._session, annotation)
        rows.insert_edits(self._session, self._edits)
        if self._touched:
            self.reopened = reopen(self._session, self.image.id, self._touched, self._user_id)
            self._touched.clear()
        self._new.clear()
        self._changed.clear()
        self._edits.clear()
        rows.store_image(self._session, self.image)

    def _check_category(self, payload: dict[str, Any]) -> None:
        image, fields = self.image, payload.get("changes", payload)
        category_id = fields.get("category_id")
        if category_id is not None:
            project_id = self._project_of(category_id)
            if project_id is None or project_id != home_of(self._session, image):
                raise UnknownCategory(
                    f"There is no category {category_id} in the image's project.",
                    hint="Use the id of one of the project's categories, or null.",
                )

    def _project_of(self, category_id: int) -> int | None:
        categories = self._known.categories
        if category_id not in categories:
            inside = _is_row_number(category_id)
            categories[category_id] = rows.project_of_category(self._session, category_id) if inside else None
        return categories[category_id]

    def _changed_annotation(self, operation: Operation, prepared: Prepared, now: datetime) -> AnnotationRow:
        image, uid = self.image, str(operation.uid)
        if isinstance(operation, CreateOperation):
            annotation = self._new_annotation(uid, now)
            image.annotation_count += 1
        else:
            annotation = self._existing_annotation(uid, deleted=operation.kind == "restore")
        annotation.updated = now
        category_before = annotation.category_id
        if operation.kind == "delete":
            annotation.deleted = now
            image.annotation_count -= 1
        elif operation.kind == "restore":
            annotation.deleted = None
            image.annotation_count += 1
        else:
            apply_payload(annotation, operation.kind, prepared.payload, prepared.mask)
            if not _CONTENT.isdisjoint(prepared.payload.get("changes", prepared.payload)):
                annotation.content_revision = image.revision + 1  # this edit's
        if operation.kind != "update" or annotation.category_id != category_before:
            self._touched |= {each for each in (category_before, annotation.category_id) if each is not None}
        if operation.kind != "update":
            follow_annotation(self._session, annotation)
        known = self._known
        if operation.kind != "create":
            self._changed[uid] = annotation
        elif known.last_position is not None:
            known.last_position = max(known.last_position, annotation.position)
        if operation.kind == "update":
            known.last_position = None  # the one on top may have gone down
        return annotation

    def _new_annotation(self, uid: str, now: datetime) -> AnnotationRow:
        known = self._known
        if uid in known.annotations:
            raise Conflict(
                f"There is an annotation {uid} already.", hint="Choose a fresh uid, or update the annotation."
            )
        if known.last_position is None:
            self.write()
            known.last_position = rows.last_position(self._session, self.image.id)
        annotation = rows.new_annotation(uid, self.image.id, known.last_position + 1, now)
        self._new.append(annotation)
        known.annotations[uid] = annotation
        return annotation

    def _existing_annotation(self, uid: str, *, deleted: bool) -> AnnotationRow:
        image, annotation = self.image, self._known.annotations.get(uid)
        if annotation is not None and annotation.image_id != image.id:
            annotation = None
        if annotation is None or (annotation.deleted is not None and not deleted):
            raise UnknownAnnotation(
                f"Image {image.id} has no annotation {uid}{'' if annotation is None else ': it was deleted'}.",
                hint="Create it first." if annotation is None else "Restore it first.",
            )
        if deleted and annotation.deleted is None:
            raise Conflict(f"The annotation {uid} is not deleted.", hint="Only a deleted annotation can be restored.")
        return annotation


def _known(session: Session, image: AnyImage, operations: Sequence[tuple[str, Operation]]) -> rows.Known:
    """What operations have to know. Annotations of other images too: a uid is unique among all."""
    if len(operations) != 1:
        uids = {str(operation.uid) for _, operation in operations}
        return rows.known_of_many(session, [operation_id for operation_id, _ in operations], list(uids))
    ((operation_id, operation),) = operations
    fields = operation.changes if isinstance(operation, UpdateOperation) else operation
    category_id: int | None = getattr(fields, "category_id", None)
    asked = category_id if category_id is not None and _is_row_number(category_id) else None
    return rows.known_of_one(session, image.id, operation_id, str(operation.uid), asked)


def _is_row_number(number: int) -> bool:
    """Whether a database can have a row of this number at all."""
    return 0 < number < 2**63


def announce_annotations(session: Session, image: AnyImage) -> None:
    """Tell the pages of the project how an image and its annotations stand now."""
    event = AnnotationsEvent(
        image_id=image.id,
        revision=image.revision,
        annotation_count=image.annotation_count,
        mark=mark_of(session, image),
    )
    add_event(session, event, image.project_id)


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
