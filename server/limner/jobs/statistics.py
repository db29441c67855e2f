"""What is kept up to date within seconds, in a thread of its own: figures, scores, and which leases are over.

How many images of large projects are encoded takes longer to count, and is counted less often.
"""

from __future__ import annotations

import threading

from limner.jobs.gold import score_submitted
from limner.jobs.leases import end_leases
from limner.jobs.overlap import compare_submitted
from limner.jobs.periodic import Periodic
from limner.store import Database
from limner.store.rollup import count_due, is_due, roll_up
from limner.store.sizes import count_encoded, due_for_encoded, note_encoded
from limner.store.types import utc_now

COUNT_EVERY = 5.0  # s
MOST_AT_ONCE = 500  # images in one transaction


def count_changes(database: Database, stopping: threading.Event | None = None) -> int:
    """Count all images that changed, or went, since they were counted; in turns that leave room for who saves.

    Returns:
        How many there were.
    """
    pace, courtesy = database.pace(MOST_AT_ONCE), database.courtesy()
    counted = 0
    while stopping is None or not stopping.is_set():
        most = pace.size
        with database.read() as session:  # an image of ten thousand masks takes longer than others should wait
            found = count_due(session, most, courtesy.pause)
        with database.write(bulk=True, durable=False) as session, pace.turn():  # what is lost is counted again
            done = roll_up(session, found, most)
        counted += done
        if done < most:  # while people save there is always one more: it is counted next time
            break
        courtesy.pause()
    return counted


def count_encoded_images(database: Database, stopping: threading.Event | None = None) -> int:
    """Count how many images of large projects are encoded, where that has not been done for a while.

    Returns:
        Of how many projects.
    """
    with database.read() as session:
        due = due_for_encoded(session, utc_now())
    for done, project_id in enumerate(due):
        if stopping is not None and stopping.is_set():
            return done
        with database.read() as session:
            counts, seconds = count_encoded(session, project_id)
        with database.write(bulk=True, durable=False) as session:
            note_encoded(session, project_id, counts, seconds, utc_now())
    return len(due)


class Counter:
    """Counts what changes, and ends leases, once in a while.

    Args:
        database: where images and sums are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._periodic = Periodic("statistics", self._count)

    def start(self) -> None:
        """Start; the first counting comes after one pause."""
        self._periodic.start(COUNT_EVERY, at_once=False)

    def stop(self) -> None:
        """End after the transaction in hand."""
        self._periodic.stop()

    def _count(self) -> None:
        end_leases(self._database)
        with self._database.read() as session:
            due = is_due(session)
        if due:
            count_changes(self._database, self._periodic.stopping)
        count_encoded_images(self._database, self._periodic.stopping)
        score_submitted(self._database, self._periodic.stopping)
        compare_submitted(self._database, self._periodic.stopping)
