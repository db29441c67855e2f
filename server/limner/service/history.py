"""What was done to an image and its annotations. Bringing back what once was is an operation like any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from limner.access import Actor, Permission, access_image
from limner.errors import NotFound
from limner.service.wiring import Services
from limner.store.history import Change, changes_of
from limner.store.names import names_of_users

__all__ = ["Change", "History", "list_changes"]


@dataclass(frozen=True)
class History:
    """Edits of an image, newest first.

    Attributes:
        changes: the edits.
        names: what the people who made them are called now, by number.
        next: the revision before which the next ones are; None when there are no more.
    """

    changes: Sequence[Change]
    names: Mapping[int, str]
    next: int | None


def list_changes(
    context: Services, actor: Actor, image_id: int, uid: str | None = None, before: int | None = None, limit: int = 50
) -> History:
    """Who changed what of an image, or of one annotation of it, and when; with each state as it was.

    Args:
        context: the services.
        actor: who asks.
        image_id: the image.
        uid: of one annotation of the image, deleted or not; None for all that was done to the image.
        before: only edits that led to a revision below this one.
        limit: most edits, ≥ 1; fewer come where masks are large.

    Raises:
        NotFound: there is no such image that the actor may see, or it never had such an annotation.
    """
    with context.database.read() as session:
        image = access_image(session, actor, image_id, Permission.VIEW)
        changes, following = changes_of(session, image, uid, before, limit)
        if uid is not None and not changes and before is None:
            raise NotFound(
                f"Image {image.id} never had an annotation {uid}.",
                hint="GET /images/N/history without uid lists all that was done to the image.",
            )
        return History(changes, names_of_users(session, [each.user_id for each in changes]), following)
