"""One's own account: name, password, where one is signed in, tokens for scripts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from limner.access import Actor, Scope
from limner.access.passwords import hash_password, is_password
from limner.errors import Conflict, Forbidden, InvalidInput, NotFound
from limner.service.audit import log_action
from limner.service.claimed_roles import withdraw_claimed
from limner.store import Database
from limner.store import accounts as store
from limner.store.identities import disconnect, list_identities
from limner.store.people import announce_access, get_user, rename_person
from limner.store.tables import ApiToken as ApiTokenRow
from limner.store.tables import LoginSession as LoginSessionRow
from limner.store.tables import ProviderIdentity, User

__all__ = [
    "MAX_TOKEN_DAYS",
    "SHOWN_KEY",
    "Account",
    "ApiTokenRow",
    "LoginSessionRow",
    "ProviderIdentity",
    "create_token",
    "disconnect_identity",
    "end_other_sessions",
    "end_session",
    "read_account",
    "rename",
    "revoke_token",
    "set_password",
]

SHOWN_KEY = 16  # characters of a session's key by which its owner names it
MAX_TOKEN_DAYS = 3650


@dataclass(frozen=True)
class Account:
    """Somebody, where they are signed in, their tokens, and the identities with which providers sign them in."""

    user: User
    sessions: Sequence[LoginSessionRow]
    tokens: Sequence[ApiTokenRow]
    identities: Sequence[ProviderIdentity]


def read_account(database: Database, actor: Actor) -> Account:
    """One's own account."""
    with database.read() as session:
        user = get_user(session, actor.user_id)
        return Account(
            user,
            store.list_sessions(session, user.id),
            store.list_api_tokens(session, user),
            list_identities(session, user.id),
        )


def rename(database: Database, actor: Actor, name: str) -> None:
    """Call oneself by another name.

    Raises:
        NameTaken: somebody else has it.
    """
    with database.write() as session:
        rename_person(session, get_user(session, actor.user_id), name)
        log_action(session, actor, "account.rename", "person", actor.user_id, before=actor.name, after=name)


def set_password(database: Database, actor: Actor, new: str, old: str | None) -> None:
    """Give oneself a password. All other sessions end: who knew the old one may have begun them.

    Raises:
        Forbidden: there is one already, and ``old`` is not it.
        WeakPassword: the new one could be guessed.
    """
    with database.read() as session:
        user = get_user(session, actor.user_id)
    if user.password_hash is not None and not is_password(user.password_hash, old or ""):
        raise Forbidden(
            "The old password is not right.",
            hint="Without it, an owner can make a link, and then disable the password.",
        )
    hashed = hash_password(new, name=user.name)
    with database.write() as session:
        get_user(session, actor.user_id).password_hash = hashed
        store.end_sessions(session, actor.user_id, but=[actor.key])
        log_action(session, actor, "account.password", "person", actor.user_id)
        session.flush()
        announce_access(session, actor.user_id)


def end_session(database: Database, actor: Actor, shown_key: str) -> None:
    """Sign a browser of one's own out.

    Raises:
        NotFound: one is not signed in there.
    """
    with database.write() as session:
        mine = store.list_sessions(session, actor.user_id)
        found = [row for row in mine if row.id_sha256[:SHOWN_KEY] == shown_key]
        if not found:
            raise NotFound.row("session", shown_key)
        for row in found:
            session.delete(row)
        log_action(session, actor, "session.end", "session", ended=shown_key)
        session.flush()
        announce_access(session, actor.user_id)


def end_other_sessions(database: Database, actor: Actor) -> None:
    """Sign out everywhere but here."""
    with database.write() as session:
        store.end_sessions(session, actor.user_id, but=[actor.key])
        log_action(session, actor, "session.end", "session", ended="all others")
        announce_access(session, actor.user_id)


def disconnect_identity(database: Database, actor: Actor, identity_id: int) -> None:
    """Have an identity at a provider sign one in no more, and give one no roles in projects.

    Raises:
        NotFound: one has none of this number.
        Conflict: one has no password, and could not sign in any more.
    """
    with database.write() as session:
        withdraw_claimed(session, actor, identity_id)
        row = disconnect(session, actor.user_id, identity_id)
        if get_user(session, actor.user_id).password_hash is None:
            raise Conflict("You have no password and could not sign in any more.", hint="Choose a password first.")
        log_action(session, actor, "identity.disconnect", "person", actor.user_id, issuer=row.issuer)


def create_token(database: Database, actor: Actor, name: str, scopes: Collection[Scope], days: int | None) -> str:
    """A token for scripts, shown once. It can do no more than the credential with which it is made.

    Raises:
        Conflict: one has a token of this name.
        InvalidInput: it would last too long, or be good for nothing.
        Forbidden: it could do more than the token with which it is made.
    """
    if not scopes:
        raise InvalidInput("The token has no scope.", hint=f"Give at least one of: {', '.join(Scope)}.")
    if days is not None and not 1 <= days <= MAX_TOKEN_DAYS:
        raise InvalidInput(f"A token cannot last {days} days.", hint=f"Give 1 to {MAX_TOKEN_DAYS}, or none for ever.")
    if not {Scope.ALL} & actor.scopes and not set(scopes) <= actor.scopes:
        raise Forbidden("A token cannot make one that may do more.", hint="Sign in with a browser, or ask for less.")
    lifetime = None if days is None else timedelta(days=days)
    with database.write() as session:
        log_action(session, actor, "token.create", "token", name=name, scopes=sorted(scopes), days=days)
        return store.create_api_token(session, get_user(session, actor.user_id), name, scopes, lifetime)


def revoke_token(database: Database, actor: Actor, name: str) -> None:
    """Make a token of one's own worthless.

    Raises:
        NotFound: one has none of this name.
    """
    with database.write() as session:
        store.revoke_api_token(session, get_user(session, actor.user_id), name)
        log_action(session, actor, "token.revoke", "token", name=name)
        session.flush()
        announce_access(session, actor.user_id)
