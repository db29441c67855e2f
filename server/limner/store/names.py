"""What people are called."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from limner.store.tables import User


def names_of_users(session: Session, user_ids: Iterable[int | None]) -> Mapping[int, str]:
    """What people are called now, by their numbers."""
    wanted = {user_id for user_id in user_ids if user_id is not None}
    if not wanted:
        return {}
    return {row.id: row.name for row in session.execute(select(User.id, User.name).where(User.id.in_(wanted)))}
