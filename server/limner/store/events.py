"""The events that pages hear about, stored in the order in which they were committed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import structlog
from pydantic import ValidationError
from sqlalchemy import Table, delete, func, insert, or_, select, text
from sqlalchemy.orm import Session

from limner.store.advisory import Only, wait_to_be
from limner.store.tables import Event as EventRow
from limner.store.types import utc_now
from limner.vocabulary.events import Event, ProjectEvent, PublishedEvent

KEPT_EVENTS = 20_000
PRUNE_EVERY = 1_000  # events
PENDING = "limner_events"  # key in Session.info
CHANNEL = "limner_events"  # of PostgreSQL's NOTIFY: the number of a stored event, or an event that is not stored

_EVENTS = cast(Table, EventRow.__table__)
_NEW_EVENT = insert(_EVENTS).returning(_EVENTS.c.id)
_NEW_EVENTS = insert(_EVENTS).returning(_EVENTS.c.id, sort_by_parameter_order=True)

logger = structlog.get_logger(__name__)


def add_event(session: Session, event: Event, project_id: int | None) -> None:
    """Store an event as part of this transaction; it is published after the commit.

    Call it last in a transaction: on PostgreSQL other transactions with events wait from here to the commit, because
    numbers that become visible out of order would make a reconnecting page miss some.
    """
    add_events(session, [(event, project_id)])


def add_events(session: Session, events: Sequence[tuple[Event, int | None]]) -> None:
    """Store several events, each with its project, in this order and in one statement; else as :func:`add_event`."""
    if not events:
        return
    session.flush()
    connection = session.connection()  # no objects: nobody needs them
    wait_to_be(Only.ORDERS_EVENTS, connection)
    now = utc_now()
    rows = [
        {
            "project_id": project_id,
            "kind": event.event,
            "payload": event.model_dump(mode="json", exclude={"event"}),
            "created": now,
        }
        for event, project_id in events
    ]
    one = len(rows) == 1  # as in every save, and cheaper than many
    ids = connection.scalars(*((_NEW_EVENT, rows[0]) if one else (_NEW_EVENTS, rows))).all()
    session.info.setdefault(PENDING, []).extend(
        PublishedEvent(number, project_id, event) for number, (event, project_id) in zip(ids, events, strict=True)
    )
    if ids[-1] // PRUNE_EVERY > (ids[0] - 1) // PRUNE_EVERY:
        session.execute(delete(EventRow).where(EventRow.id <= ids[-1] - KEPT_EVENTS))


def notify_pending(session: Session) -> None:
    """Have the commit of this transaction tell all processes that there are events. PostgreSQL can."""
    pending: list[PublishedEvent] = session.info.get(PENDING, [])
    if pending:
        session.execute(text("SELECT pg_notify(:channel, :id)"), {"channel": CHANNEL, "id": str(pending[-1].id)})


def take_pending(session: Session) -> list[PublishedEvent]:
    """The events added in this session, once."""
    pending: list[PublishedEvent] = session.info.pop(PENDING, [])
    return pending


def latest_event_id(session: Session) -> int:
    """The number of the newest event, 0 when there is none."""
    return session.scalar(select(func.max(EventRow.id))) or 0


def events_after(
    session: Session, project_id: int, after: int, limit: int = 1000, also: int | None = None
) -> list[PublishedEvent] | None:
    """Stored events that concern a project, and another one if one is named, oldest first.

    Returns:
        Up to ``limit`` events with a number above ``after``, or None when some of them have been pruned already, or
        were written by another version in a form that this one does not know.
    """
    oldest = session.scalar(select(func.min(EventRow.id)))
    if oldest is not None and after + 1 < oldest and oldest > 1:
        return None
    rows = session.scalars(
        select(EventRow)
        .where(
            EventRow.id > after,
            or_(
                EventRow.project_id.in_([project_id] if also is None else [project_id, also]),
                EventRow.project_id.is_(None),
            ),
        )
        .order_by(EventRow.id)
        .limit(limit)
    )
    try:
        return [_read(row) for row in rows]
    except ValidationError as error:
        logger.warning("events of another version", after=after, error=str(error))
        return None


def all_events_after(session: Session, after: int, limit: int = 1000) -> list[PublishedEvent]:
    """Stored events of all projects with a number above ``after``, oldest first, at most ``limit``.

    Raises:
        ValidationError: another version has written one in a form that this one does not know.
    """
    rows = session.scalars(select(EventRow).where(EventRow.id > after).order_by(EventRow.id).limit(limit))
    return [_read(row) for row in rows]


def _read(row: EventRow) -> PublishedEvent:
    event = ProjectEvent.model_validate({"event": row.kind, **row.payload}).root
    return PublishedEvent(row.id, row.project_id, event)
