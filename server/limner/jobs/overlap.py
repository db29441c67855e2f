"""Compares the work of people who are done with the same image, outside of any request."""

from __future__ import annotations

import threading

from limner.quality.overlap import compare
from limner.store import Database, agreement


def compare_submitted(database: Database, stopping: threading.Event | None = None) -> int:
    """Compare all that was submitted, or changed, since the last time; no lock is held while masks are compared.

    Returns:
        How many copies there were.
    """
    courtesy = database.courtesy()
    with database.read() as session:
        due = agreement.uncompared(session)
    compared = 0
    for copy_id in due:
        if stopping is not None and stopping.is_set():
            break
        with database.read() as session:
            answers = agreement.answers_beside(session, copy_id)
        by_copy = {each.copy_id: each for each in answers}
        mine = by_copy.pop(copy_id, None)
        found = {}
        for other in by_copy.values():
            if mine is not None and {mine.state, other.state} == {"submitted"}:  # who skips says nothing about masks
                first, second = sorted((mine, other), key=lambda each: each.user_id)
                found[other.copy_id] = compare(first.masks, second.masks)
        with database.write(bulk=True, durable=False) as session:  # what is lost is compared again
            agreement.keep(session, copy_id, answers, found)
        compared += 1
        courtesy.pause()
    return compared
