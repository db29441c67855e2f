"""Who is asking: from a session id, a token or the command line to an actor. Needs the database only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from limner import access
from limner.access import Actor, Credential
from limner.config import Settings, make_home
from limner.errors import Unavailable
from limner.store import Database
from limner.store import accounts as store
from limner.store.accounts import SESSION_LIFETIME, hash_secret
from limner.store.migrate import migrate
from limner.store.tables import ApiToken, LoginSession

__all__ = ["SESSION_LIFETIME", "actor_of_session", "actor_of_token", "local_actor", "open_accounts"]

BRIEFLY = 0.05  # s, that a request waits to note that its credential was used

logger = structlog.get_logger(__name__)


@contextmanager
def open_accounts(settings: Settings) -> Iterator[Database]:
    """The database of an installation, made or brought up to date, with an owner."""
    make_home(settings.home)
    database = Database(settings.resolved_database_url)
    try:
        migrate(database)
        with database.write() as session:
            store.ensure_local_admin(session)
        yield database
    finally:
        database.close()


def local_actor(database: Database) -> Actor:
    """Whoever may read the home: its first owner."""
    with database.read() as session:
        return Actor.of(store.ensure_local_admin(session), Credential.LOCAL)


def actor_of_session(database: Database, session_id: str) -> Actor | None:
    """Who is signed in under this session id, if anybody."""
    with database.connect() as connection:
        found = store.find_login_session(connection, hash_secret(session_id))
    if found is None:
        return None
    if found.is_to_be_noted:
        _note(database, LoginSession, found.key)
    return access.actor_of_session(found)


def actor_of_token(database: Database, token: str) -> Actor | None:
    """Whose bearer token this is, if anybody's."""
    with database.connect() as connection:
        found = store.find_token(connection, hash_secret(token))
    if found is None:
        return None
    if found.is_to_be_noted:
        _note(database, ApiToken, found.key)
    return access.actor_of_token(found)


def _note(database: Database, table: type[LoginSession] | type[ApiToken], key: str) -> None:
    """Remember that a session or token was used, unless so many people save that it would have to wait for long."""
    try:
        with database.write(patience=BRIEFLY) as session:
            store.note_use(session, table, key)
    except Unavailable:
        logger.debug("not noted that a credential was used", reason="the database is busy")
