"""Deleting for good what has been in a trash for long enough."""

from __future__ import annotations

from datetime import datetime

from limner.jobs.sweep import unreference
from limner.store import Database
from limner.store.images import delete_image
from limner.store.trash import due

MOST_AT_ONCE = 200  # images in one transaction


def delete_expired(database: Database, now: datetime | None = None) -> int:
    """Delete what has been in any trash for longer than it is kept, in turns that leave room for who saves.

    Returns:
        How many images that were.
    """
    pace, courtesy = database.pace(MOST_AT_ONCE), database.courtesy()
    deleted = 0
    while True:
        with database.read() as session:
            if not due(session, 1, now, lock=False):
                return deleted
        with database.write(bulk=True) as session, pace.turn():
            images = due(session, pace.size, now)
            for image in images:
                unreference(session, delete_image(session, image), now)
        if not images:  # another process is about them
            return deleted
        deleted += len(images)
        courtesy.pause()
