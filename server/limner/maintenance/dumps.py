"""A database in one file: SQLite by its own backup, PostgreSQL by pg_dump. The server may go on writing meanwhile."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import URL
from sqlalchemy.orm import Session

from limner.errors import Conflict, InvalidFile, LimnerError, NotFound
from limner.store import Database

LAST_WORDS = 3  # lines of a tool's error output that are told


@contextmanager
def dumped(database: Database, target: Path) -> Iterator[Session]:
    """Write a database into ``target`` and give a session that reads exactly what was written.

    Args:
        database: may be in use by any number of processes; none of them waits.
        target: an empty file that is there already.

    Raises:
        NotFound: PostgreSQL's pg_dump is not installed.
        LimnerError: pg_dump failed.
        OSError: the file cannot be written.
    """
    if database.is_sqlite:
        with closing(sqlite3.connect(database.name)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)  # all pages in one read transaction
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
        engine = create_engine(f"sqlite:///{target}")
        try:
            with Session(engine) as session:
                yield session
        finally:
            engine.dispose()
        return
    with database.read() as session:
        snapshot = str(session.scalar(text("SELECT pg_export_snapshot()")))
        options = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", f"--file={target}"]
        _run("pg_dump", options, database.engine.url)
        yield session


def load_sqlite(dump: Path, target: Path) -> None:
    """Copy a SQLite file, and see that it is a sound database.

    Raises:
        InvalidFile: it is none.
    """
    shutil.copyfile(dump, target)
    with closing(sqlite3.connect(target)) as connection:
        try:
            verdict = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
        except sqlite3.DatabaseError as error:
            verdict = str(error)
    if verdict != "ok":
        raise InvalidFile(f"The database {dump} is not sound: {verdict}.", hint="Take another backup.")


def load_postgresql(dump: Path, database: Database) -> None:
    """Fill an empty PostgreSQL database, wholly or not at all.

    Raises:
        NotFound: pg_restore is not installed.
        LimnerError: pg_restore failed.
    """
    options = [
        "--single-transaction",
        "--exit-on-error",
        "--no-owner",
        "--no-privileges",
        f"--dbname={_name(database)}",
    ]
    _run("pg_restore", [*options, str(dump)], database.engine.url)


def refuse_tables(database: Database) -> None:
    """Refuse a database that is in use.

    Raises:
        Conflict: it has tables, or is a file that is no database.
    """
    if _has_tables(Path(database.name)) if database.is_sqlite else inspect(database.engine).get_table_names():
        raise Conflict(
            f"The database {database.name} is not empty.", hint="Restore into an empty one: make it and name that."
        )


def _has_tables(path: Path) -> bool:
    """Whether a file holds anything of anybody's. It is only looked at: our own connections would turn it to WAL."""
    if not path.is_file():
        return path.exists()
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as connection:
        try:
            return connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None
        except sqlite3.DatabaseError:
            return True


def _name(database: Database) -> str:
    return str(database.engine.url.database)


def _run(tool: str, options: Sequence[str], url: URL) -> None:
    """Run one of PostgreSQL's tools; the password goes through the environment, where no list of processes shows it."""
    if shutil.which(tool) is None:
        raise NotFound(
            f"{tool} is not installed here.",
            hint="Install PostgreSQL's client tools (Debian: postgresql-client), of the server's version or newer.",
        )
    query = {name: value if isinstance(value, str) else value[-1] for name, value in url.query.items()}
    known = {"PGHOST": url.host or query.get("host"), "PGPORT": url.port or query.get("port")}
    known |= {"PGUSER": url.username, "PGPASSWORD": url.password, "PGDATABASE": url.database}
    known |= {"PGSSLMODE": query.get("sslmode"), "PGSSLROOTCERT": query.get("sslrootcert")}
    environment = {**os.environ, **{name: str(value) for name, value in known.items() if value is not None}}
    result = subprocess.run(  # noqa: S603  (a fixed tool; options are ours)
        [tool, *options], env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    if result.returncode:
        words = " ".join(result.stderr.strip().splitlines()[-LAST_WORDS:])
        raise LimnerError(f"{tool} failed: {words}", hint="Nothing was changed.")
