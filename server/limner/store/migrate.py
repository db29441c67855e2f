"""Bringing a database to this version's tables, at every start, and telling one from a database of something else."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DatabaseError, OperationalError

from limner.errors import Conflict, Unavailable
from limner.store.advisory import Only, wait_to_be
from limner.store.engine import BUSY_TIMEOUT_MS, Database
from limner.store.tables import Base
from limner.vocabulary.counted import counted

SCRIPTS = Path(__file__).parent / "migrations"
NEWEST = max(file.stem for file in (SCRIPTS / "versions").glob("[0-9]*.py"))  # they are called what they are
VERSION = re.compile(r"\d{4}(_|$)")  # how migrations are called, also those of versions to come
KEPT_ALL_ALONG = {"annotations", "images", "projects"}  # tables that every version has
_HISTORY = "alembic_version"  # the table in which Alembic notes what a database has seen
NAMED = 3  # tables of another program that a message names


def migrate(database: Database) -> None:
    """Run the missing migrations in one transaction, so that a start that is killed midway changes nothing.

    Two servers that start at once do not collide: SQLite's write lock, or an advisory lock on PostgreSQL, is held from
    the look at the current version to the commit. A database that is up to date is only read.

    Raises:
        Unavailable: the database does not answer, or cannot be opened.
        Conflict: it was brought up to date by a newer version, or is the database of something else.
    """
    if installed_version(database) != NEWEST:
        with _opening(database.name):
            upgrade(database)


def installed_version(database: Database) -> str | None:
    """The newest migration that a database has seen; None of an empty one. Nothing of it is changed.

    Raises:
        Unavailable: it does not answer, or cannot be opened.
        Conflict: it was brought up to date by a newer version, or is the database of something else.
    """
    if database.is_sqlite:
        path = Path(database.name)
        return version_of_file(path) if path.exists() else None
    with _opening(database.name), database.read() as session:
        tables = inspect(session.connection()).get_table_names()
        seen = [*session.scalars(text("SELECT version_num FROM alembic_version"))] if _HISTORY in tables else []
    return _recognised(database.name, seen, tables, Base.metadata.tables.keys())


def version_of_file(path: Path) -> str | None:
    """As :func:`installed_version`, of a SQLite file: looked at with a connection that turns nothing to WAL.

    Raises:
        Unavailable: it cannot be opened.
        Conflict: it was brought up to date by a newer version, or is the database of something else.
    """
    with _opening(str(path)):
        address = f"{path.absolute().as_uri()}?mode=rw"  # makes none where there is none
        with closing(sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_MS / 1000)) as connection:
            named = connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
            )
            tables = [str(name) for (name,) in named]
            history = "SELECT version_num FROM alembic_version" if _HISTORY in tables else "SELECT 1 WHERE false"
            seen = [str(number) for (number,) in connection.execute(history)]
    return _recognised(str(path), seen, tables, tables)


def _recognised(name: str, seen: Collection[str], tables: Collection[str], ours: Collection[str]) -> str | None:
    """The version of a database with these tables.

    Args:
        name: of the database.
        seen: migrations that it notes.
        tables: that it has.
        ours: names of tables that cannot be there before Limner makes them. PostgreSQL's extensions have some of
            their own; a SQLite file is for one program.
    """
    if not seen and set(tables).intersection(ours) <= {_HISTORY}:
        return None
    if seen and all(map(VERSION.match, seen)) and set(tables) >= KEPT_ALL_ALONG:
        newest = max(seen)
        if newest[:4] > NEWEST[:4]:
            raise _newer(name, f"it is at {newest}, and this version knows {NEWEST}")
        return newest
    others = set(tables) - {_HISTORY}
    raise Conflict(
        f"The database {name} belongs to another program: it has the tables {', '.join(sorted(others)[:NAMED])}"
        f"{' and others' if len(others) > NAMED else ''}.",
        hint="Name the home with --home or LIMNER_HOME, or a database that is empty with LIMNER_DATABASE_URL.",
    )


@contextmanager
def _opening(name: str) -> Iterator[None]:
    """What keeps a database from being opened, said with its name."""
    try:
        yield
    except (DatabaseError, sqlite3.Error) as error:
        if type(error) not in (OperationalError, DatabaseError) and not isinstance(error, sqlite3.Error):
            raise  # a fault of ours
        cause = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise Unavailable(
            f"The database {name} cannot be opened: {cause}.",
            hint="See that it runs, and that LIMNER_DATABASE_URL and its folder's permissions are right; "
            "a damaged one is restored from a backup.",
        ) from error


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
            wait_to_be(Only.MIGRATES, connection)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        raise _newer(database.name, str(error)) from error


def _newer(name: str, why: str) -> Conflict:
    return Conflict(
        f"The database {name} was brought up to date by a newer version of Limner: {why}.",
        hint="Start that version, or restore a backup that was made with this one.",
    )


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
                        f"The database {database.name} has {counted(len(lost), 'row')} without what they refer to, the "
                        f"first in the table {lost[0][0]}.",
                        hint="Restore a backup, or ask for help; nothing was changed.",
                    )
        finally:
            driver.execute("PRAGMA foreign_keys = ON")
