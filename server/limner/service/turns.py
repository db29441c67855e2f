"""The same done to many images: in transactions that leave room for who saves, each image for itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from limner.errors import LimnerError, Unavailable
from limner.store import Database

MOST_AT_ONCE = 200  # images in one transaction
MOST = 10_000  # images in one request
SECONDS = 5.0  # after which a request answers with what it has come to


@dataclass(frozen=True)
class Refusal:
    """Why something was not done to some images."""

    error: LimnerError
    image_ids: Sequence[int]


@dataclass(frozen=True)
class Outcome:
    """What became of many images.

    Attributes:
        done: numbers of those that were changed, ascending.
        refused: those that could not be, by reason, the most frequent first.
        next: number of the last image that was looked at, when not all were: go on after it; None: all were.
    """

    done: Sequence[int]
    refused: Sequence[Refusal]
    next: int | None


def in_turns(
    database: Database,
    image_ids: Sequence[int],
    change: Callable[[Session, int], bool],
    *,
    more: bool = False,
    end_turn: Callable[[Session], None] = lambda session: None,
) -> Outcome:
    """Change images one after the other. One that is refused stays as it is; the others are changed all the same.

    Args:
        database: where they are.
        image_ids: their numbers, ascending.
        change: changes one; says whether there was anything to change, or raises what speaks against it.
        more: whether there are more after these.
        end_turn: the last thing in each transaction.
    """
    pace, courtesy = database.pace(MOST_AT_ONCE), database.courtesy()
    done: list[int] = []
    refused: dict[tuple[str, str], tuple[LimnerError, list[int]]] = {}
    place, end = 0, time.monotonic() + SECONDS
    while place < len(image_ids) and (place == 0 or time.monotonic() < end):
        some = image_ids[place : place + pace.size]
        try:
            with database.write(bulk=True) as session, pace.turn():
                changed, against = _turn(session, some, change)
                end_turn(session)
        except Unavailable:
            if place == 0:
                raise
            break  # what was done is done: who asked goes on from here
        done += changed
        for image_id, error in against:
            refused.setdefault((error.code, error.hint), (error, []))[1].append(image_id)
        place += len(some)
        courtesy.pause()
    reasons = sorted((Refusal(error, ids) for error, ids in refused.values()), key=lambda each: -len(each.image_ids))
    stopped = place < len(image_ids) or more
    return Outcome(done, reasons, image_ids[place - 1] if stopped and place else None)


def _turn(
    session: Session, image_ids: Sequence[int], change: Callable[[Session, int], bool]
) -> tuple[list[int], list[tuple[int, LimnerError]]]:
    changed, against = [], []
    for image_id in image_ids:
        try:
            with session.begin_nested():
                if change(session, image_id):
                    changed.append(image_id)
        except Unavailable:
            raise
        except LimnerError as error:
            against.append((image_id, error))
    return changed, against
