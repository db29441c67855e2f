"""The same done to many images: in transactions that leave room for who saves, each image for itself."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy.orm import Session

from limner.errors import LimnerError, Unavailable
from limner.store import Database, Deadlocked

MOST_AT_ONCE = 200  # images in one transaction
MOST = 10_000  # images in one request
SECONDS = 5.0  # after which a request answers with what it has come to
ATTEMPTS = 5  # to do a turn while it is in the way of others and they in its
REST = 0.1  # s, more after each attempt: who begins again at once may be before those who were let go

Change = TypeVar("Change")


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


@dataclass(frozen=True)
class Turn(Generic[Change]):
    """What one transaction has done.

    Attributes:
        changed: what is to be known of each image that was changed, by its number, ascending.
        against: numbers of those that could not be, and why.
    """

    changed: Mapping[int, Change]
    against: Sequence[tuple[int, LimnerError]]


def in_turns(
    database: Database,
    image_ids: Sequence[int],
    change: Callable[[Session, int], Change | None],
    *,
    more: bool = False,
    end_turn: Callable[[Session, Sequence[Change]], None] = lambda session, changes: None,
) -> tuple[Outcome, Sequence[Change]]:
    """Change images one after the other. One that is refused stays as it is; the others are changed all the same.

    Args:
        database: where they are.
        image_ids: their numbers, ascending.
        change: changes one; says what it has changed, None if there was nothing to change, or raises what speaks
            against it. It is asked again about images of a transaction that was undone: it keeps nothing itself.
        more: whether there are more after these.
        end_turn: comes last in each transaction, with what ``change`` said in it.

    Returns:
        What became of them, and what ``change`` said of each that was changed, in the same order.

    Raises:
        Unavailable: others were in the way for so long that nothing could be done.
    """

    def turn(session: Session, some: Sequence[int]) -> Turn[Change]:
        done = _each(session, some, change)
        end_turn(session, list(done.changed.values()))
        return done

    return _run(database, image_ids, turn, more, SECONDS)


def all_in_turns(
    database: Database,
    image_ids: Sequence[int],
    change: Callable[[Session, Sequence[int]], Turn[Change]],
    *,
    more: bool = False,
) -> tuple[Outcome, Sequence[Change]]:
    """As :func:`in_turns`, without an end before the last of them: for what is decided about all of them together.

    ``change`` changes many at once, in a few statements.
    """
    return _run(database, image_ids, change, more, math.inf)


def _run(
    database: Database,
    image_ids: Sequence[int],
    turn: Callable[[Session, Sequence[int]], Turn[Change]],
    more: bool,
    seconds: float,
) -> tuple[Outcome, Sequence[Change]]:
    pace, courtesy = database.pace(MOST_AT_ONCE), database.courtesy()
    changed: dict[int, Change] = {}
    refused: dict[tuple[str, str], tuple[LimnerError, list[int]]] = {}
    place, end, attempts = 0, time.monotonic() + seconds, 0
    while place < len(image_ids) and (place == 0 or time.monotonic() < end):
        some = image_ids[place : place + pace.size]
        try:
            with database.write(bulk=True) as session, pace.turn():
                done = turn(session, some)
        except Unavailable as busy:
            attempts += 1
            if isinstance(busy, Deadlocked) and attempts < ATTEMPTS:
                time.sleep(REST * attempts)
                continue
            if place == 0:
                raise
            break  # what was done is done: who asked goes on from here
        attempts = 0
        changed |= done.changed
        for image_id, error in done.against:
            refused.setdefault((error.code, error.hint), (error, []))[1].append(image_id)
        place += len(some)
        courtesy.pause()
    reasons = sorted((Refusal(error, ids) for error, ids in refused.values()), key=lambda each: -len(each.image_ids))
    stopped = place < len(image_ids) or more
    outcome = Outcome(list(changed), reasons, image_ids[place - 1] if stopped and place else None)
    return outcome, list(changed.values())


def _each(session: Session, image_ids: Sequence[int], change: Callable[[Session, int], Change | None]) -> Turn[Change]:
    changed: dict[int, Change] = {}
    against = []
    for image_id in image_ids:
        try:
            with session.begin_nested():
                found = change(session, image_id)
        except Unavailable:
            raise
        except LimnerError as error:
            against.append((image_id, error))
        else:
            if found is not None:
                changed[image_id] = found
    return Turn(changed, against)
