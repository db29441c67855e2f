"""How far the work on images is, with the names of those who said so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from limner.store.tables import Image, User
from limner.vocabulary.events import ImageMark
from limner.vocabulary.states import ImageState


def mark_of(session: Session, image: Image) -> ImageMark:
    """The mark of one image."""
    return marks_of(session, [image])[image.id]


def marks_of(session: Session, images: Sequence[Image]) -> Mapping[int, ImageMark]:
    """The marks of some images, by the image's number; names are read together."""
    ids = {image.state_user_id for image in images if image.state_user_id is not None}
    names: dict[int, str] = {}
    if ids:
        rows = session.execute(select(User.id, User.name).where(User.id.in_(ids)))
        names = {row.id: row.name for row in rows}
    return {
        image.id: ImageMark(
            state=cast(ImageState, image.state),
            note=image.state_note,
            by=None if image.state_user_id is None else names.get(image.state_user_id),
            at=image.state_changed,
        )
        for image in images
    }
