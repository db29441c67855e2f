"""What a process does in the background: all of it, or only some, so that machines can be divided among it."""

from __future__ import annotations

from typing import Literal, get_args

from limner.errors import InvalidInput

Duty = Literal["looks", "encoding", "suggestions", "learning", "exports", "upkeep"]
"""``looks``: encode what somebody waits for, and nothing else; ``encoding``: that and jobs; ``suggestions``:
everything, similar objects, detectors, ranks; ``learning``: training; ``exports``: parts of exports; ``upkeep``: sweep,
count, deliver webhooks, fetch models."""

DUTIES: tuple[Duty, ...] = get_args(Duty)
ALL: frozenset[Duty] = frozenset(DUTIES)
NONE: frozenset[Duty] = frozenset()


def read_duties(text: str) -> frozenset[Duty]:
    """Names with commas between them; all of them when there is none.

    Raises:
        InvalidInput: there is no such duty.

    >>> sorted(read_duties("learning, looks"))
    ['learning', 'looks']
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := [name for name in names if name not in DUTIES]:
        raise InvalidInput(f"A worker has no duty {unknown[0]!r}.", hint=f"Name some of: {', '.join(DUTIES)}.")
    return frozenset(duty for duty in DUTIES if duty in names) or ALL
