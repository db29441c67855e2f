"""Suggestions for one image, which somebody looks at: asked for, told of, cancelled.

The item of one image stands for itself, without a job, and comes before those of jobs.
"""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from limner.jobs.kinds import SUGGEST, Priority, SuggestPayload, suggest_kind
from limner.store.tables import Image, JobItem
from limner.store.types import utc_now
from limner.store.upsert import insert_for
from limner.vocabulary.states import SuggestionActivity


def ask_for_image(session: Session, image: Image, payload: SuggestPayload) -> None:
    """Have suggestions made for one image, before those of jobs. Asking again changes what waits, not what runs."""
    now = utc_now()
    rows = insert_for(session, JobItem).values(
        kind=suggest_kind(payload.model_sha256),
        key=str(image.id),
        priority=int(Priority.SOON),
        state="waiting",
        not_before=now,
        attempts=0,
        crashes=0,
        payload=payload.model_dump(mode="json"),
        message="",
        created=now,
    )
    session.execute(
        rows.on_conflict_do_update(
            index_elements=["kind", "key"],
            index_where=JobItem.job_id.is_(None),
            set_={"payload": rows.excluded.payload, "state": "waiting", "holder": None, "lease_until": None}
            | {"not_before": now, "attempts": 0, "crashes": 0},
            where=JobItem.state != "running",
        )
    )


def activity_of(session: Session, image_id: int) -> SuggestionActivity | None:
    """Whether an image that somebody asked suggestions for waits or is being worked on; None when it is neither."""
    state = session.scalar(_asked(image_id, JobItem.state).where(JobItem.state.in_(("waiting", "running"))))
    return cast(SuggestionActivity | None, state)


def cancel_for_image(session: Session, image_id: int) -> bool:
    """Nobody wants these suggestions any more; whether there was something to cancel."""
    found = list(session.scalars(_asked(image_id, JobItem.id)))
    if found:
        session.execute(delete(JobItem).where(JobItem.id.in_(found)))
    return bool(found)


def _asked(image_id: int, column: Any) -> Any:
    return select(column).where(
        JobItem.kind.startswith(SUGGEST), JobItem.key == str(image_id), JobItem.job_id.is_(None)
    )
