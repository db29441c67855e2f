"""Connections and transactions: SQLite that never loses an acknowledged write, or PostgreSQL.

SQLite runs in WAL mode with ``synchronous=FULL`` (WAL with NORMAL may roll back acknowledged commits on power loss).
Writing transactions start with ``BEGIN IMMEDIATE``, so that they never fail when they turn from reading to writing, and
the writers of one process queue for a lock, first come first served, instead of polling SQLite's.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, PoolProxiedConnection, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.orm import Session

from limner.atomic import PRIVATE
from limner.errors import InvalidInput, Unavailable
from limner.store.events import store_added
from limner.store.lost_hosts import client_options, tell_server
from limner.store.turns import Courtesy, FairLock, Pace
from limner.vocabulary.events import PublishedEvent

BUSY_TIMEOUT_MS = 30_000
PATIENCE = 1.5  # s, for one's turn to write; with a second for a thread, who saves is told within three to try again
BULK_PATIENCE = 60.0  # s
WAL_RETRY_S = 0.02
FULL, NORMAL = "PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL"  # in WAL mode NORMAL never waits at a commit
POOL_SIZE = 32  # connections kept open
POOL_OVERFLOW = 64  # more under load: as many as the server has threads
SERVED_POOL_SIZE, SERVED_POOL_OVERFLOW = 5, 15  # with PostgreSQL, which has a hundred for all processes of all hosts

DEADLOCK_DETECTED = "40P01"  # PostgreSQL's SQLSTATE

EventListener = Callable[[Sequence[PublishedEvent]], None]


class Deadlocked(Unavailable):
    """Transactions waited for each other in a circle, and the database ended this one: it can be done again at once."""


class Database:
    """One database and the two ways to talk to it.

    Args:
        url: SQLAlchemy URL, ``sqlite:///…`` or ``postgresql+psycopg://…``.
        on_commit: called with the events of every transaction, after its commit and in the thread that committed it.

    Attributes:
        engine: connections that see one snapshot and cannot write.
        writing: connections for what :meth:`write` is too little for, such as migrations.

    Raises:
        InvalidInput: the URL is none.
    """

    def __init__(self, url: str, on_commit: EventListener | None = None) -> None:
        try:
            if is_sqlite_url(url):
                self.engine = _sqlite_engine(url, "BEGIN", FULL, "PRAGMA query_only = ON")
                self.writing = _sqlite_engine(url, "BEGIN IMMEDIATE", FULL)
                self._noting = _sqlite_engine(url, "BEGIN IMMEDIATE", NORMAL)
            else:
                served = _served_engine(url)
                self.engine = served.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                self.writing = self._noting = served
        except (ArgumentError, ModuleNotFoundError, ValueError) as error:
            raise InvalidInput(
                f"The database URL cannot be used: {error}.",
                hint="Give sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME; "
                "PostgreSQL needs `pip install limner[postgres]`.",
            ) from error
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._turns = FairLock()
        self.saves = 0  # about how many transactions there were, but for those of work in bulk
        self._on_commit = on_commit

    @property
    def name(self) -> str:
        """Where it is, for messages: a file, or a URL without its password."""
        url = self.engine.url
        return str(url.database) if self.is_sqlite else url.render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one snapshot and cannot write."""
        with Session(self.engine, autoflush=False, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """As :meth:`read`, without a session: for what every request asks, for which a session costs more than that."""
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self, patience: float | None = None, *, bulk: bool = False, durable: bool = True) -> Iterator[Session]:
        """A transaction: committed at the end of the block, rolled back by an exception. Must not be nested.

        Events that were added inside are told after the commit, never before.

        Args:
            patience: seconds to wait for the writers before, at most; by default what a person has, or work in bulk.
            bulk: it is part of work in bulk, which gives way to all other writers of this process, and has much
                patience: an import that has begun is not to end in the middle because many people save.
            durable: False for what is worth nothing after a power cut (who holds a lease until when): the commit does
                not wait for the disk, and a power cut may undo it until the next one that does.

        Raises:
            Unavailable: the writers before took longer; nothing was done.
            Deadlocked: others have what this transaction waited for, and wait for it; nothing was done.
        """
        patience = (BULK_PATIENCE if bulk else PATIENCE) if patience is None else patience
        lock = self._turns.hold(patience) if self.is_sqlite else nullcontext()
        engine = self.writing if durable else self._noting
        with _telling_deadlocks(), lock, Session(engine, expire_on_commit=False) as session, session.begin():
            if not durable and not self.is_sqlite:
                session.execute(text("SET LOCAL synchronous_commit TO off"))
            yield session
            events = store_added(session)
        self.saves += not bulk
        if events and self._on_commit is not None:
            self._on_commit(events)

    def pace(self, most: int) -> Pace:
        """How much of work in bulk fits into one transaction, of ``most`` items at most."""
        return Pace(most, lambda: self.saves)

    def courtesy(self) -> Courtesy:
        """Lets work in bulk give way to who saves."""
        return Courtesy(lambda: self.saves)

    def ping(self) -> None:
        """Make sure that the database answers.

        Raises:
            DBAPIError: it does not.
        """
        with self.engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        """Close all connections."""
        for engine in {self.engine, self.writing, self._noting}:
            engine.dispose()


@contextmanager
def _telling_deadlocks() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != DEADLOCK_DETECTED:
            raise
        raise Deadlocked(
            "Somebody else was changing the same at the same time.", hint="Nothing was stored; try again in a moment."
        ) from error


def is_sqlite_url(url: str) -> bool:
    """Whether a URL names a SQLite database; one that is no URL does not."""
    try:
        return make_url(url).get_backend_name() == "sqlite"
    except (ArgumentError, ValueError):
        return False


def _served_engine(url: str) -> Engine:
    engine = create_engine(
        url,
        pool_size=SERVED_POOL_SIZE,
        max_overflow=SERVED_POOL_OVERFLOW,
        pool_timeout=PATIENCE,
        pool_pre_ping=True,
        connect_args=client_options(make_url(url)),
    )
    event.listen(engine, "connect", tell_server)
    return engine


def _sqlite_engine(url: str, begin: str, *pragmas: str) -> Engine:
    """Connections that begin a transaction in one way and never change theirs.

    SQLAlchemy has an event for the beginning of a transaction, but an engine with one goes through all events at every
    statement, which makes each a third dearer.
    """
    if make_url(url).database in (None, "", ":memory:"):
        raise ValueError("it names no file")
    engine = create_engine(
        url,
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_use_lifo=True,  # those that were used last have pages and statements ready
        connect_args={"timeout": BUSY_TIMEOUT_MS / 1000, "factory": _PrivateConnection},
    )

    def do_begin(dbapi_connection: PoolProxiedConnection) -> None:
        driver: Any = dbapi_connection.driver_connection
        driver.execute(begin)

    engine.dialect.do_begin = do_begin  # type: ignore[method-assign]
    event.listen(engine, "connect", partial(_configure_sqlite, pragmas))  # of the pool: it costs no statement anything
    return engine


class _PrivateConnection(sqlite3.Connection):
    """A new database is its owner's alone; SQLite gives the files beside it the permissions that it has."""

    def __init__(self, database: str, *arguments: Any, **named: Any) -> None:
        if database != ":memory:":
            with suppress(OSError):  # it is there, or SQLite says why it cannot be
                os.close(os.open(database, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))
        super().__init__(database, *arguments, **named)


def _configure_sqlite(pragmas: Sequence[str], connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin transactions: the dialect does
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    _use_wal(connection)
    connection.execute("PRAGMA foreign_keys = ON")
    for pragma in pragmas:
        connection.execute(pragma)


def _use_wal(connection: sqlite3.Connection) -> None:
    """Turn a new database to WAL. SQLite does not wait for others while it does so, whatever its busy timeout says.

    Where WAL is impossible (some network folders) SQLite keeps its rollback journal, which is as safe but slower.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(WAL_RETRY_S)
