"""Images that are deleted, restored, and deleted for good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from limner.access import Actor, Permission, access_image, access_project, may_annotate
from limner.errors import NotFound
from limner.jobs.control import withdraw_image
from limner.jobs.sweep import unreference
from limner.service.audit import log_action
from limner.service.turns import MOST, Outcome, in_turns
from limner.service.wiring import Services
from limner.store import trash as store
from limner.store.images import delete_image
from limner.store.names import names_of_users
from limner.store.people import get_user
from limner.store.tables import Image

DAYS = store.KEPT_FOR.days


@dataclass(frozen=True)
class TrashedImage:
    """An image in the trash: its name before, who put it there and since when, and when it is deleted for good."""

    row: Image
    file_name: str
    by: str | None
    trashed: datetime
    until: datetime


@dataclass(frozen=True)
class Withdrawn:
    """An image that went into the trash: its hash when nobody else uses its bytes, and whether a job had it to do."""

    sha256: str | None
    of_a_job: bool


@dataclass(frozen=True)
class TrashPage:
    """Some of what is in a trash, the last that came first, and how much that is in all."""

    images: Sequence[TrashedImage]
    total: int


def delete(context: Services, actor: Actor, image_id: int) -> None:
    """Put an image into the trash of its project.

    Raises:
        NotFound: there is none that the actor may see.
        Forbidden: the actor may not delete it.
    """
    with context.database.write() as session:
        withdrawn = put_in_trash(session, actor, image_id)
    forget(context, [withdrawn])


def put_in_trash(session: Session, actor: Actor, image_id: int) -> Withdrawn:
    """As :func:`delete`, as a part of a transaction; what it returns is for :func:`forget` after it."""
    row = access_image(session, actor, image_id, Permission.MANAGE_IMAGES, lock=True)
    home, sha256 = row.project_id, row.sha256
    log_action(session, actor, "image.delete", "image", row.id, project_id=home, name=row.file_name)
    withdrawn = withdraw_image(session, home, sha256, row.id)
    store.put_in_trash(session, row, actor.user_id)
    return Withdrawn(None if store.is_used_outside_trash(session, sha256) else sha256, withdrawn)


def forget(context: Services, withdrawn: Sequence[Withdrawn]) -> None:
    """Who works ahead hears of images that went into the trash."""
    for each in withdrawn:
        if each.sha256 is not None:
            context.encoder.cancel(each.sha256)
    if any(each.of_a_job for each in withdrawn):
        context.encoder.look_again()
        context.suggester.look_again()


def list_trash(context: Services, actor: Actor, project_id: int, limit: int, skip: int = 0) -> TrashPage:
    """What is in the trash of a project.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not delete images of it.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.MANAGE_IMAGES)
        rows, total = store.page_trash(session, project_id, limit, skip)
        names = names_of_users(session, [row.trashed_user_id for row in rows])
        return TrashPage([_described(row, names.get(row.trashed_user_id or 0)) for row in rows], total)


def trashed_row(context: Services, actor: Actor, project_id: int, image_id: int) -> Image:
    """What is stored of an image in the trash, for whoever wants to see it.

    Raises:
        NotFound: there is none in the trash of a project that the actor may see.
        Forbidden: the actor may not delete images of it.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.MANAGE_IMAGES)
        return _in_trash(session, project_id, image_id)


def restore(
    context: Services, actor: Actor, project_id: int, image_ids: Sequence[int] | None, after: int = 0
) -> Outcome:
    """Bring images back from the trash with all that is on them.

    Args:
        context: the services.
        actor: who does it.
        project_id: from whose trash.
        image_ids: which; None: all.
        after: only those of higher numbers.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not delete images of it.
    """

    def one(session: Session, image_id: int) -> Image:
        access_project(session, actor, project_id, Permission.MANAGE_IMAGES)
        row = store.restore(session, project_id, image_id)
        if row is None:
            raise _missing()
        _assign_to_who_may(session, row)
        log_action(session, actor, "image.restore", "image", row.id, project_id=project_id, name=row.file_name)
        return row

    numbers, more = _chosen(context, actor, project_id, image_ids, after)
    return in_turns(context.database, numbers, one, more=more)[0]


def delete_for_good(
    context: Services, actor: Actor, project_id: int, image_ids: Sequence[int] | None, after: int = 0
) -> Outcome:
    """Delete images in the trash for good; as :func:`restore`. Files that no other project needs go a day later."""

    def one(session: Session, image_id: int) -> int:
        access_project(session, actor, project_id, Permission.MANAGE_IMAGES)
        row = _in_trash(session, project_id, image_id)
        name = row.trashed_name
        log_action(session, actor, "image.delete_for_good", "image", row.id, project_id=project_id, name=name)
        unreference(session, delete_image(session, row))
        return image_id

    numbers, more = _chosen(context, actor, project_id, image_ids, after)
    return in_turns(context.database, numbers, one, more=more)[0]


def _chosen(
    context: Services, actor: Actor, project_id: int, image_ids: Sequence[int] | None, after: int
) -> tuple[Sequence[int], bool]:
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.MANAGE_IMAGES)
        if image_ids is None:
            found = store.numbers_in_trash(session, project_id, after, MOST + 1)
        else:
            found = sorted({number for number in image_ids if number > after})
    return found[:MOST], len(found) > MOST


def _in_trash(session: Session, project_id: int, image_id: int) -> Image:
    row = store.in_trash(session, project_id, image_id)
    if row is None:
        raise _missing()
    return row


def _missing() -> NotFound:
    return NotFound(
        "The image is not in the project's trash.", hint="It was restored, or deleted for good: look at the list again."
    )


def _assign_to_who_may(session: Session, row: Image) -> None:
    """Whoever it is assigned to may have left while it was in the trash: anyone may go on then."""
    if row.assigned_user_id is None:
        return
    if not may_annotate(session, get_user(session, row.assigned_user_id), row.project_id):
        row.assigned_user_id = None
        session.flush()


def _described(row: Image, by: str | None) -> TrashedImage:
    since = row.trashed
    assert since is not None
    return TrashedImage(row, row.trashed_name or row.file_name, by, since, since + store.KEPT_FOR)
