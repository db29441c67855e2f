"""How far the work on images is, with the names of those who said so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from limner.store.tables import Image, User


@dataclass(frozen=True)
class Mark:
    """How far the work on an image is.

    Attributes:
        state: waiting, submitted or skipped.
        note: why it was skipped, or what is left to do after it was sent back.
        by: name of who set the state; None when nobody has, or their account is gone.
        at: when; None when nobody has.
    """

    state: str
    note: str
    by: str | None
    at: datetime | None

    def to_json(self) -> dict[str, Any]:
        """As events tell it."""
        return {"state": self.state, "note": self.note, "by": self.by, "at": self.at.isoformat() if self.at else None}


def mark_of(session: Session, image: Image) -> Mark:
    """The mark of one image."""
    return marks_of(session, [image])[image.id]


def marks_of(session: Session, images: Sequence[Image]) -> Mapping[int, Mark]:
    """The marks of some images, by the image's number; names are read together."""
    ids = {image.state_user_id for image in images if image.state_user_id is not None}
    names: dict[int, str] = {}
    if ids:
        rows = session.execute(select(User.id, User.name).where(User.id.in_(ids)))
        names = {row.id: row.name for row in rows}
    return {
        image.id: Mark(
            state=image.state,
            note=image.state_note,
            by=None if image.state_user_id is None else names.get(image.state_user_id),
            at=image.state_changed,
        )
        for image in images
    }
