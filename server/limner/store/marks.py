"""How far the work on images is, with the names of those who said so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from sqlalchemy.orm import Session

from limner.store.leases import end_lease
from limner.store.names import names_of_users
from limner.store.rows import AnyImage
from limner.vocabulary.events import ImageMark
from limner.vocabulary.states import ImageState, ReturnedTo


def mark_of(session: Session, image: AnyImage) -> ImageMark:
    """The mark of one image."""
    return marks_of(session, [image])[image.id]


def marks_of(session: Session, images: Sequence[AnyImage]) -> Mapping[int, ImageMark]:
    """The marks of some images, by the image's number; names are read together."""
    names = names_of_users(session, [image.state_user_id for image in images])
    return {
        image.id: ImageMark(
            state=cast(ImageState, image.state),
            note=image.state_note,
            by=None if image.state_user_id is None else names.get(image.state_user_id),
            at=image.state_changed,
        )
        for image in images
    }


def set_mark(
    image: AnyImage, state: ImageState, note: str, user_id: int | None, now: datetime, to: ReturnedTo | None = None
) -> None:
    """Say how far the work on an image is. Whoever has it has it no more, unless they are to go on.

    ``to`` says to whom it is assigned when it is returned; nothing said is as ``author``: an image that nobody has
    submitted stays with whom it was.
    """
    if state == "returned":
        of_author = image.assigned_user_id if image.author_id is None else image.author_id
        image.assigned_user_id = {"anyone": None, "me": user_id}.get(to or "author", of_author)
    if state == "submitted" and image.state not in ("submitted", "approved"):  # no approval that is taken back
        image.author_id = user_id
    image.state, image.state_note = state, note
    image.state_user_id, image.state_changed = user_id, now
    if state != "waiting":
        end_lease(image)
