"""Events: what pages hear about, in the order in which it was committed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, or_, select, text
from sqlalchemy.orm import Session

from limner.store.tables import Event

KEPT_EVENTS = 20_000
PRUNE_EVERY = 1_000  # events
PENDING = "limner_events"  # key in Session.info
ORDER_LOCK = 0x6C696D01  # PostgreSQL advisory lock, held from the numbering of an event to its commit


@dataclass(frozen=True)
class PublishedEvent:
    """An event on its way to the pages.

    Attributes:
        id: its number, increasing in commit order; None for passing news that a page may miss.
        project_id: the project it concerns; None for everybody.
        kind: the name under which pages listen.
        payload: JSON-serialisable facts.
    """

    id: int | None
    project_id: int | None
    kind: str
    payload: Mapping[str, Any]


def add_event(session: Session, kind: str, payload: Mapping[str, Any], project_id: int | None) -> None:
    """Store an event as part of this transaction; it is published after the commit.

    Call it last in a transaction: on PostgreSQL other transactions with events wait from here to the commit, because
    numbers that become visible out of order would make a reconnecting page miss some.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ORDER_LOCK})
    row = Event(project_id=project_id, kind=kind, payload=dict(payload))
    session.add(row)
    session.flush()
    session.info.setdefault(PENDING, []).append(PublishedEvent(row.id, project_id, kind, row.payload))
    if row.id % PRUNE_EVERY == 0:
        session.execute(delete(Event).where(Event.id <= row.id - KEPT_EVENTS))


def take_pending(session: Session) -> list[PublishedEvent]:
    """The events added in this session, once."""
    pending: list[PublishedEvent] = session.info.pop(PENDING, [])
    return pending


def latest_event_id(session: Session) -> int:
    """The number of the newest event, 0 when there is none."""
    return session.scalar(select(func.max(Event.id))) or 0


def events_after(session: Session, project_id: int, after: int, limit: int = 1000) -> list[PublishedEvent] | None:
    """Stored events that concern a project, oldest first.

    Returns:
        Up to ``limit`` events with a number above ``after``, or None when some of them have been pruned already.
    """
    oldest = session.scalar(select(func.min(Event.id)))
    if oldest is not None and after + 1 < oldest and oldest > 1:
        return None
    rows = session.scalars(
        select(Event)
        .where(Event.id > after, or_(Event.project_id == project_id, Event.project_id.is_(None)))
        .order_by(Event.id)
        .limit(limit)
    )
    return [PublishedEvent(row.id, row.project_id, row.kind, row.payload) for row in rows]
