"""Bringing a database to this version's tables, at every start."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from limner.store.engine import WRITES, Database

SCRIPTS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x6C696D00  # PostgreSQL advisory lock


def migrate(database: Database) -> None:
    """Run the missing migrations in one transaction, so that a start that is killed midway changes nothing.

    Two servers that start at once do not collide: SQLite's write lock, or an advisory lock on PostgreSQL, is held from
    the look at the current version to the commit.
    """
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    with database.engine.execution_options(**{WRITES: True}).begin() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
