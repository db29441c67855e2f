"""PostgreSQL's advisory locks: one transaction at a time does something, whichever process it is of.

SQLite has one writer at a time anyway, and needs none.
"""

from __future__ import annotations

from enum import IntEnum

from sqlalchemy import Connection, func, select
from sqlalchemy.orm import Session


class Only(IntEnum):
    """What one transaction at a time does; the numbers are those that other versions know."""

    MIGRATES = 0x6C696D00
    ORDERS_EVENTS = 0x6C696D01  # from the numbering of an event to its commit
    CHANGES_SUMS = 0x6C696D03
    HANDS_OUT = 0x6C696D04  # images of one project


def wait_to_be(only: Only, connection: Session | Connection, row: int | None = None) -> None:
    """Wait until this transaction is the only one that does this, until its end; with ``row``, to this row."""
    if _is_postgres(connection):
        keys = (int(only),) if row is None else (int(only), row % 2**31)
        connection.execute(select(func.pg_advisory_xact_lock(*keys)))


def can_be(only: Only, connection: Session | Connection) -> bool:
    """Be the only one that does this, until the end of this transaction, unless another one is; whether it is."""
    if not _is_postgres(connection):
        return True
    return bool(connection.scalar(select(func.pg_try_advisory_xact_lock(int(only)))))


def _is_postgres(connection: Session | Connection) -> bool:
    bind = connection.get_bind() if isinstance(connection, Session) else connection
    return bind.dialect.name == "postgresql"
