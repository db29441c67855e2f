"""Leases whose time is over end, and pages are told: nobody has to load anything again to see that an image is free."""

from __future__ import annotations

from datetime import datetime

from limner.store import Database
from limner.store.leases import end_expired, has_expired


def end_leases(database: Database, now: datetime | None = None) -> int:
    """End all that are over; who would have to wait for a lock on an image is passed over until the next time.

    Returns:
        How many images that were.
    """
    ended = 0
    while True:
        with database.read() as session:
            if not has_expired(session, now):
                return ended
        with database.write(bulk=True, durable=False) as session:  # what is lost ends again
            found = end_expired(session, now)
        if not found:
            return ended
        ended += len(found)
