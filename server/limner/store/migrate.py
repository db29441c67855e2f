"""Bringing a database to this version's tables, at every start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Error as SQLiteError
from typing import Any

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DatabaseError, OperationalError

from limner.errors import Conflict, Unavailable
from limner.store.engine import Database

SCRIPTS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 0x6C696D00  # PostgreSQL advisory lock
NEWEST = max(file.stem for file in (SCRIPTS / "versions").glob("[0-9]*.py"))  # they are called what they are


def migrate(database: Database) -> None:
    """Run the missing migrations in one transaction, so that a start that is killed midway changes nothing.

    Two servers that start at once do not collide: SQLite's write lock, or an advisory lock on PostgreSQL, is held from
    the look at the current version to the commit. A database that is up to date is only read.

    Raises:
        Unavailable: the database does not answer, or cannot be opened.
        Conflict: it was brought up to date by a newer version.
    """
    try:
        if version(database) != NEWEST:
            upgrade(database)
    except (DatabaseError, SQLiteError) as error:
        if type(error) not in (OperationalError, DatabaseError) and not isinstance(error, SQLiteError):
            raise  # a fault of ours
        cause = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise Unavailable(
            f"The database {database.name} cannot be opened: {cause}.",
            hint="See that it runs, and that LIMNER_DATABASE_URL and its folder's permissions are right; "
            "a damaged one is restored from a backup.",
        ) from error


def version(database: Database) -> str | None:
    """The newest migration that the database has seen; None of an empty one."""
    with database.read() as session:
        if not inspect(session.connection()).has_table("alembic_version"):
            return None
        newest: str | None = session.scalar(text("SELECT version_num FROM alembic_version"))
        return newest


def upgrade(database: Database) -> None:
    """Run what is missing.

    Raises:
        Conflict: the database was brought up to date by a newer version.
    """
    # Alembic takes 11 MB and a tenth of a second, which a start that finds nothing to do need not spend.
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    try:
        with migrating(database) as connection:
            if not database.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        raise Conflict(
            f"The database {database.name} was brought up to date by a newer version of Limner: {error}.",
            hint="Start that version, or restore a backup that was made with this one.",
        ) from error


@contextmanager
def migrating(database: Database) -> Iterator[Connection]:
    """A writing transaction in which tables may be built anew.

    On SQLite foreign keys are off in it, or dropping the old table would take along what refers to its rows. That all
    lead somewhere is looked at before the commit.

    Raises:
        Conflict: some would lead nowhere; nothing was changed.
    """
    with database.writing.connect() as connection:
        driver: Any = connection.connection.driver_connection
        if not database.is_sqlite:
            with connection.begin():
                yield connection
            return
        driver.execute("PRAGMA foreign_keys = OFF")  # does nothing once a transaction has begun
        try:
            with connection.begin():
                yield connection
                lost = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
                if lost:
                    raise Conflict(
                        f"The database {database.name} has {len(lost)} rows that refer to rows that do not exist, the "
                        f"first in the table {lost[0][0]}.",
                        hint="Restore a backup, or ask for help; nothing was changed.",
                    )
        finally:
            driver.execute("PRAGMA foreign_keys = ON")
