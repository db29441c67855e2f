"""The events that pages hear about, stored in the order in which they were committed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import structlog
from pydantic import ValidationError
from sqlalchemy import Table, bindparam, delete, exists, func, insert, or_, select, text
from sqlalchemy.event import listens_for
from sqlalchemy.orm import Session, SessionTransaction

from limner.store.advisory import Only, wait_to_be
from limner.store.tables import Event as EventRow
from limner.store.tables import Project
from limner.store.types import utc_now
from limner.vocabulary.events import Event, ProjectEvent, PublishedEvent

KEPT_EVENTS = 20_000
PRUNE_EVERY = 1_000  # events
ADDED = "limner_events"  # key in Session.info: those that wait for the end of the transaction
CHANNEL = "limner_events"  # of PostgreSQL's NOTIFY: the number of a stored event, or an event that is not stored

_EVENTS = cast(Table, EventRow.__table__)
_VALUES = {name: bindparam(name, type_=_EVENTS.c[name].type) for name in ("project_id", "kind", "payload", "created")}
_OF_NOBODY_OR_THERE = or_(_VALUES["project_id"].is_(None), exists().where(Project.id == _VALUES["project_id"]))
_NEW_EVENT = (  # none, when its project is gone
    insert(_EVENTS)
    .from_select([*_VALUES], select(*_VALUES.values()).where(_OF_NOBODY_OR_THERE))
    .returning(_EVENTS.c.id)
)
_NEW_EVENTS = insert(_EVENTS).returning(_EVENTS.c.id, sort_by_parameter_order=True)
_PROJECTS_THAT_STAY = (  # until the commit, which is the lock that rows naming them take
    select(Project.id)
    .where(Project.id.in_(bindparam("numbers", expanding=True)))
    .order_by(Project.id)
    .with_for_update(read=True, key_share=True)
)

logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Added:
    """An event that waits for the end of its transaction, and the part of it in which it was added."""

    event: Event
    project_id: int | None
    within: SessionTransaction | None


def add_event(session: Session, event: Event, project_id: int | None) -> None:
    """Make an event part of this transaction: stored at its end, published after the commit."""
    add_events(session, [(event, project_id)])


def add_events(session: Session, events: Sequence[tuple[Event, int | None]]) -> None:
    """Make several events, each with its project, part of this transaction in this order; as :func:`add_event`.

    Nothing is written yet, so that nobody waits (:func:`store_added`). What is added within a savepoint goes with it
    when it is rolled back.
    """
    within = session.get_nested_transaction() or session.get_transaction()
    added = session.info.setdefault(ADDED, [])
    added.extend(_Added(event, project_id, within) for event, project_id in events)


@listens_for(Session, "after_soft_rollback")
def _drop_undone(session: Session, undone: SessionTransaction) -> None:
    added: list[_Added] = session.info.get(ADDED, [])
    added[:] = [each for each in added if not _is_part(each.within, undone)]


def _is_part(transaction: SessionTransaction | None, whole: SessionTransaction) -> bool:
    while transaction is not None and transaction is not whole:
        transaction = transaction.parent
    return transaction is not None


def store_added(session: Session) -> list[PublishedEvent]:
    """Number and store the events of this transaction, in one statement. The last thing before its commit.

    On PostgreSQL other transactions with events wait from here to the commit, because numbers that become visible out
    of order would make a reconnecting page miss some. Whoever waited for something else meanwhile would make all of
    them wait, and those for whom it waits would wait for it: whatever the insertion needs is locked before. The commit
    has all processes told that there are events.

    Returns:
        The events; without those of a project that is gone, of which nobody can hear.
    """
    added: list[_Added] = session.info.pop(ADDED, [])
    if not added:
        return []
    session.flush()
    connection = session.connection()  # no objects: nobody needs them
    if connection.dialect.name == "postgresql" or len(added) > 1:  # SQLite has one writer: what is there stays
        projects = {each.project_id for each in added}
        there = {None, *connection.scalars(_PROJECTS_THAT_STAY, {"numbers": [*filter(None, projects)]})}
        added = [each for each in added if each.project_id in there]
        if not added:
            return []
    wait_to_be(Only.ORDERS_EVENTS, connection)
    now = utc_now()
    rows = [
        {
            "project_id": each.project_id,
            "kind": each.event.event,
            "payload": each.event.model_dump(mode="json", exclude={"event"}),
            "created": now,
        }
        for each in added
    ]
    one = len(rows) == 1  # as in every save, and cheaper than many
    ids = connection.scalars(*((_NEW_EVENT, rows[0]) if one else (_NEW_EVENTS, rows))).all()
    if not ids:
        return []
    if ids[-1] // PRUNE_EVERY > (ids[0] - 1) // PRUNE_EVERY:
        session.execute(delete(EventRow).where(EventRow.id <= ids[-1] - KEPT_EVENTS))
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_notify(:channel, :id)"), {"channel": CHANNEL, "id": str(ids[-1])})
    return [PublishedEvent(number, each.project_id, each.event) for number, each in zip(ids, added, strict=True)]


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
