"""Which installation this is."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from limner.store.tables import Installation


def installation_id(session: Session) -> str:
    """UUID that was given when the database was made, and stays: a browser keeps its unsent work under it."""
    return session.scalars(select(Installation.id)).one()
