"""Where the parts of a running Limner are put together."""

from __future__ import annotations

from limner.service.events import Events, InMemoryEvents
from limner.service.postgres_events import PostgresEvents
from limner.store import Database


def open_events(database: Database) -> Events:
    """What brings a database's events to pages; on PostgreSQL to those of all processes."""
    if not database.is_sqlite:
        return PostgresEvents(database)
    events = InMemoryEvents()
    database.listen(events.publish)
    return events
