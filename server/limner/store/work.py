"""Who is to work on images and who has them, with names, as pages are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from limner.store.events import add_events
from limner.store.names import names_of_users
from limner.store.rows import AnyImage
from limner.store.types import utc_now
from limner.vocabulary.events import ChangedWork, ImageWork, WorkEvent

MOST_NAMED = 500  # images that are named at once; pages read their lists again when more have changed


def works_of(session: Session, images: Sequence[AnyImage], now: datetime | None = None) -> Mapping[int, ImageWork]:
    """Who is to work on some images and who has them now, by the image's number; names are read together."""
    now = now or utc_now()
    held = {image.id for image in images if image.lease_until is not None and image.lease_until > now}
    names = names_of_users(
        session,
        [image.assigned_user_id for image in images] + [image.lease_user_id for image in images if image.id in held],
    )
    return {
        image.id: ImageWork(
            assigned_to=names.get(image.assigned_user_id or 0),
            held_by=names.get(image.lease_user_id or 0) if image.id in held else None,
            held_until=image.lease_until if image.id in held else None,
            reserved=image.lease_reserved and image.id in held,
        )
        for image in images
    }


def announce_work(session: Session, images: Sequence[AnyImage]) -> None:
    """Tell pages who has, or is to work on, these images now, project by project."""
    works = works_of(session, images) if 0 < len(images) <= MOST_NAMED else {}
    events = []
    for project_id in sorted({image.project_id for image in images}):
        of_project = [image for image in images if image.project_id == project_id]
        told = [ChangedWork(image_id=each.id, **works[each.id].model_dump()) for each in of_project if each.id in works]
        events.append((WorkEvent(images=told), project_id))
    add_events(session, events)
