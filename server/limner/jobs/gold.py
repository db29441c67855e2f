"""Compares submitted work on gold images with what is known of them, outside of any request."""

from __future__ import annotations

import threading

from limner.quality.matching import score
from limner.store import Database, gold


def score_submitted(database: Database, stopping: threading.Event | None = None) -> int:
    """Score all that was submitted since the last time; no lock is held while masks are compared.

    Returns:
        How many copies there were.
    """
    courtesy = database.courtesy()
    with database.read() as session:
        due = gold.unscored(session)
    scored = 0
    for copy_id in due:
        if stopping is not None and stopping.is_set():
            break
        with database.read() as session:
            work = gold.work_on(session, copy_id)
        if work is None:
            continue
        found = score(work.reference, work.given)
        with database.write(bulk=True, durable=False) as session:  # what is lost is scored again
            gold.keep_score(session, work, found)
        scored += 1
        courtesy.pause()
    return scored
