"""What rate limits count, where all processes count together."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import case, delete, select
from sqlalchemy.orm import Session

from limner.store.tables import RateCount
from limner.store.types import utc_now
from limner.store.upsert import insert_for

KEY_LENGTH = 255  # characters


def count_up(session: Session, key: str, seconds: float, amount: int) -> int:
    """Count ``amount`` more under a key, from nothing when its span of time is over; that span is ``seconds`` long.

    Returns:
        How many there are in this span now.
    """
    now = utc_now()
    session.execute(delete(RateCount).where(RateCount.expires <= now, RateCount.key != key))
    new = insert_for(session, RateCount).values(key=key, count=amount, expires=now + timedelta(seconds=seconds))
    over = RateCount.expires <= now
    count: int = session.scalar(
        new.on_conflict_do_update(
            index_elements=["key"],
            set_={
                "count": case((over, new.excluded.count), else_=RateCount.count + new.excluded.count),
                "expires": case((over, new.excluded.expires), else_=RateCount.expires),
            },
        ).returning(RateCount.count)
    )
    return count


def counted(session: Session, key: str) -> tuple[int, datetime]:
    """How many there are under a key in the present span of time, and when that ends."""
    now = utc_now()
    row = session.get(RateCount, key)
    return (row.count, row.expires) if row is not None and row.expires > now else (0, now)


def forget(session: Session, key: str | None = None) -> int:
    """Begin anew, under a key or under all; how many were forgotten."""
    found = session.scalars(select(RateCount.key) if key is None else select(RateCount.key).where(RateCount.key == key))
    keys = list(found)
    session.execute(delete(RateCount).where(RateCount.key.in_(keys)))
    return len(keys)
