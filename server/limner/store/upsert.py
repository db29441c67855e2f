"""INSERT … ON CONFLICT, which both databases have in the same words."""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Session


def insert_for(session: Session, table: type[DeclarativeBase]) -> Any:
    """An INSERT into a table that has ``on_conflict_do_nothing`` and ``on_conflict_do_update``."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    return dialect.insert(table)
