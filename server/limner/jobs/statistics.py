"""Keeps the sums of statistics up to date, in a thread of its own: what changes is counted within seconds."""

from __future__ import annotations

import threading

import structlog
from sqlalchemy.exc import SQLAlchemyError

from limner.errors import Unavailable
from limner.store import Database
from limner.store.rollup import is_due, roll_up
from limner.store.turns import Courtesy, Pace

COUNT_EVERY = 5.0  # s
MOST_AT_ONCE = 500  # images in one transaction

logger = structlog.get_logger(__name__)


def count_changes(database: Database, stopping: threading.Event | None = None) -> int:
    """Count all images that changed, or went, since they were counted; in turns that leave room for who saves.

    Returns:
        How many there were.
    """
    pace, courtesy = Pace(MOST_AT_ONCE), Courtesy(lambda: database.saves)
    counted = 0
    while stopping is None or not stopping.is_set():
        with database.write(bulk=True, durable=False) as session, pace.turn():  # what is lost is counted again
            done = roll_up(session, pace.size)
        if not done:
            break
        counted += done
        courtesy.pause()
    return counted


class Counter:
    """Counts what changes, once in a while.

    Args:
        database: where images and sums are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start; the first counting comes after one pause."""
        self._thread = threading.Thread(target=self._run, name="statistics", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the transaction in hand."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(COUNT_EVERY):
            try:
                if self._is_due():
                    count_changes(self._database, self._stopping)
            except (Unavailable, SQLAlchemyError) as error:
                logger.warning("counting waits", reason=str(error), seconds=COUNT_EVERY)
            except Exception:
                logger.exception("counting failed; it is tried again", seconds=COUNT_EVERY)

    def _is_due(self) -> bool:
        with self._database.read() as session:
            return is_due(session)
