"""People: signing in and out, sign-in links, tokens for scripts. Needs the database only, no model and no blobs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from limner.access import Actor, Credential
from limner.config import Settings, make_home
from limner.store import Database
from limner.store import accounts as store
from limner.store.accounts import LOCAL_ADMIN, SESSION_LIFETIME
from limner.store.migrate import migrate

__all__ = [
    "LOCAL_ADMIN",
    "SESSION_LIFETIME",
    "Token",
    "actor_of_session",
    "actor_of_token",
    "create_link",
    "create_token",
    "list_tokens",
    "local_actor",
    "open_accounts",
    "revoke_token",
    "sign_in",
    "sign_out",
]


@dataclass(frozen=True)
class Token:
    """A bearer token as it can be shown: never the secret itself."""

    name: str
    created: datetime


@contextmanager
def open_accounts(settings: Settings) -> Iterator[Database]:
    """The database of an installation, made or brought up to date, with its administrator."""
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
    """Whoever may read the home: its administrator."""
    with database.read() as session:
        return Actor.of(store.find_user(session, LOCAL_ADMIN), Credential.LOCAL)


def sign_in(database: Database, link_token: str) -> tuple[Actor, str]:
    """Exchange a sign-in link's token for a session, once.

    Returns:
        The person, and the session id for their cookie.

    Raises:
        NotSignedIn: the link is unknown, used or expired.
    """
    with database.write() as session:
        user, session_id = store.redeem_login_link(session, link_token)
        return Actor.of(user, Credential.SESSION), session_id


def sign_out(database: Database, session_id: str) -> None:
    """End a session: its id is worth nothing from now on."""
    with database.write() as session:
        store.end_session(session, session_id)


def actor_of_session(database: Database, session_id: str) -> Actor | None:
    """Who is signed in under this session id, if anybody."""
    with database.read() as session:
        user = store.user_of_session(session, session_id)
    return None if user is None else Actor.of(user, Credential.SESSION)


def actor_of_token(database: Database, token: str) -> Actor | None:
    """Whose bearer token this is, if anybody's."""
    with database.read() as session:
        user = store.user_of_api_token(session, token)
    return None if user is None else Actor.of(user, Credential.TOKEN)


def create_link(database: Database, person: str = LOCAL_ADMIN) -> str:
    """The token of a link that signs a person in, once and within a day.

    Raises:
        NotFound: there is nobody of this name.
    """
    with database.write() as session:
        return store.create_login_link(session, store.find_user(session, person))


def create_token(database: Database, person: str, name: str) -> str:
    """A bearer token for scripts of a person. It is given here and never again.

    Raises:
        NotFound: there is nobody of this name.
        Conflict: the person has a token of this name.
    """
    with database.write() as session:
        return store.create_api_token(session, store.find_user(session, person), name)


def list_tokens(database: Database, person: str) -> Sequence[Token]:
    """The tokens of a person, oldest first.

    Raises:
        NotFound: there is nobody of this name.
    """
    with database.read() as session:
        rows = store.list_api_tokens(session, store.find_user(session, person))
        return [Token(row.name, row.created) for row in rows]


def revoke_token(database: Database, person: str, name: str) -> None:
    """Make a token worthless.

    Raises:
        NotFound: there is nobody of this name, or no such token.
    """
    with database.write() as session:
        store.revoke_api_token(session, store.find_user(session, person), name)
