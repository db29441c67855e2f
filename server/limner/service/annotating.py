"""Annotations and marks of an image: read, and changed by operations."""

from __future__ import annotations

from typing import cast

from sqlalchemy.orm import Session

from limner.access import (
    Actor,
    Permission,
    access_image,
    access_image_row,
    access_locked_image_row,
    may_annotate,
    permissions_on,
)
from limner.access.transitions import check_transition
from limner.service.audit import log_action
from limner.service.wiring import Services
from limner.store.annotations import AnnotationState, ImageAnnotations, annotations_of
from limner.store.exhaustivity import Said
from limner.store.leases import renew
from limner.store.operations import Applied, Prepared, prepare
from limner.store.operations import apply_operation as apply
from limner.store.people import get_user
from limner.store.rows import AnyImage, store_image
from limner.store.work import announce_work
from limner.tracing import log_step
from limner.vocabulary.operations import MarkOperation, Operation
from limner.vocabulary.states import ImageState

__all__ = ["AnnotationState", "Applied", "ImageAnnotations", "Said", "apply_operation", "list_annotations"]


def list_annotations(context: Services, actor: Actor, image_id: int) -> ImageAnnotations:
    """The annotations of an image from the bottom to the top, its mark and its revision.

    Raises:
        NotFound: there is no such image that the actor may see.
    """
    with context.database.read() as session:
        return annotations_of(session, access_image(session, actor, image_id, Permission.VIEW).id)


def apply_operation(
    context: Services, actor: Actor, image_id: int, operation_id: str, operation: Operation, revision: int
) -> Applied:
    """Apply one operation, exactly once however often it is sent, and tell the pages.

    Who saves a change has the image for a while: a save is what renews a lease.

    Args:
        context: the services.
        actor: who does it.
        image_id: the image.
        operation_id: UUID chosen by the client; the same one again gives the same answer.
        operation: what to do.
        revision: of the image, that the operation is based on.

    Raises:
        NotFound: there is no such image that the actor may see.
        Forbidden: the actor may not annotate it, or not say that it is in this state.
        StaleRevision: the image has other edits since.
        UnknownAnnotation, OperationReused, InvalidRle, InvalidPrompt, InvalidInput, UnknownCategory, Conflict: the
            operation cannot be applied.
    """
    with context.database.connect() as connection:
        image = access_image_row(connection, actor, image_id, Permission.ANNOTATE)
    prepared = prepare(image.id, operation, image.height, image.width)  # takes its time: nobody waits for it
    with context.database.write() as session:
        applied = apply_within(session, actor, image_id, operation_id, operation, revision, prepared)
    log_step("saved", image=image_id, operation=operation.kind, operation_id=operation_id)
    return applied


def apply_within(
    session: Session,
    actor: Actor,
    image_id: int,
    operation_id: str,
    operation: Operation,
    revision: int | None,
    prepared: Prepared | None = None,
    *,
    takes: bool = True,
) -> Applied:
    """As :func:`apply_operation`, as a part of a transaction; ``revision`` None: whatever edits the image has.

    Without ``takes`` the actor does not have the image afterwards, unless they had it before.
    """
    image = access_locked_image_row(session, actor, image_id, Permission.ANNOTATE)
    before = (image.lease_user_id, image.assigned_user_id)
    works = takes and not isinstance(operation, MarkOperation)
    changed = [*renew(session, image, actor.user_id)] if works else []

    def check(image: AnyImage, operation: Operation) -> None:
        if isinstance(operation, MarkOperation):
            granted = permissions_on(session, actor, image)
            check_transition(cast(ImageState, image.state), operation.state, granted)

    applied = apply(
        session,
        image,
        operation_id,
        operation,
        revision=revision,
        user_id=actor.user_id,
        prepared=prepared,
        check=check,
    )
    if isinstance(operation, MarkOperation) and operation.state == "returned" and not applied.replayed:
        said = {"to": operation.to, "note": operation.note, "author": image.author_id}
        log_action(session, actor, "image.return", "image", image.id, project_id=image.project_id, **said)
    if isinstance(operation, MarkOperation) and not applied.replayed:
        if image.assigned_user_id is not None and image.assigned_user_id != before[1]:
            person = get_user(session, image.assigned_user_id)
            if not may_annotate(session, person, image.project_id):  # gone meanwhile: anyone may go on
                image.assigned_user_id = None
        if (image.lease_user_id, image.assigned_user_id) != before:
            changed.append(image)
    store_image(session, image)  # whose it is now, also when the operation itself had been applied before
    announce_work(session, changed)
    return applied
