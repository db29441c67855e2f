"""Signing in: by a one-time link, by name and password, or as somebody new by an invitation."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from limner.access import Actor, Credential
from limner.access.passwords import hash_password, is_password
from limner.errors import NotSignedIn
from limner.service.audit import log_action
from limner.store import Database
from limner.store.accounts import begin_session, end_session, hash_secret, redeem_login_link, user_named
from limner.store.invitations import accept_invitation, find_invitation
from limner.store.names import names_of_users
from limner.store.people import announce_access
from limner.store.projects import names_of_projects
from limner.store.tables import Invitation, User


@dataclass(frozen=True)
class Origin:
    """Where somebody signs in from: an address, what the browser calls itself, and the request that asks for it."""

    address: str = ""
    browser: str = ""
    request_id: str = ""


@dataclass(frozen=True)
class SignedIn:
    """Somebody who has just signed in, and the session id for their cookie."""

    actor: Actor
    session_id: str


def by_link(database: Database, token: str, origin: Origin) -> SignedIn:
    """Exchange a one-time link's token for a session.

    Raises:
        NotSignedIn: when it is unknown, used or expired.
    """
    with database.write() as session:
        user = redeem_login_link(session, token)
        return begin(session, user, origin, by="link")


def by_password(database: Database, name: str, password: str, origin: Origin) -> SignedIn:
    """Exchange a name, however it is capitalised or encoded, and a password for a session.

    Raises:
        NotSignedIn: they do not belong together, in the same words whether the name exists; or the person is disabled.
    """
    with database.read() as session:
        user = user_named(session, name)
    if not is_password(user.password_hash if user else None, password) or user is None:  # slow: outside of transactions
        raise NotSignedIn(
            "The name and the password do not belong together.",
            hint="Who has no password yet, or has forgotten it, signs in with a link: an owner can make one.",
        )
    if user.disabled is not None:
        raise NotSignedIn("This account is disabled.", hint="Ask an owner. What you did is kept.")
    with database.write() as session:
        return begin(session, user, origin, by="password")


@dataclass(frozen=True)
class Invited:
    """What an invitation offers, before it is accepted."""

    invitation: Invitation
    project: str | None
    invited_by: str | None


def look_at_invitation(database: Database, token: str) -> Invited:
    """What an invitation offers.

    Raises:
        InvalidInvitation: it cannot be accepted, and why.
    """
    with database.read() as session:
        row = find_invitation(session, token)
        project = names_of_projects(session, [row.project_id]).get(row.project_id or 0)
        return Invited(row, project, names_of_users(session, [row.invited_by]).get(row.invited_by or 0))


def by_invitation(database: Database, token: str, name: str, password: str, origin: Origin) -> SignedIn:
    """Make the new person that an invitation is for, and sign them in.

    Raises:
        InvalidInvitation, WeakPassword, NameTaken: in that order; the invitation is used up by success alone.
    """
    with database.read() as session:
        find_invitation(session, token)
    hashed = hash_password(password, name=name)
    with database.write() as session:
        user = accept_invitation(session, token, name, hashed)
        return begin(session, user, origin, by="invitation")


def sign_out(database: Database, actor: Actor) -> str | None:
    """End the session with which somebody is signed in: its id is worth nothing from now on.

    Returns:
        The address at which signing out goes on: at the provider with which they signed in, if it offers that.
    """
    with database.write() as session:
        log_action(session, actor, "sign_out", "session")
        goes_on = end_session(session, actor.key)
        announce_access(session, actor.user_id)
        return goes_on


def begin(
    session: Session,
    user: User,
    origin: Origin,
    *,
    by: str,
    provider: str | None = None,
    sign_out: str | None = None,
) -> SignedIn:
    """Sign somebody in who has shown who they are.

    Args:
        session: of a writing transaction.
        user: who it is.
        origin: where from.
        by: how, for the audit log; an invitation was accepted.
        provider: by which, if by one.
        sign_out: the address at which signing out goes on, where there is one.
    """
    session_id = begin_session(session, user, address=origin.address, browser=origin.browser, sign_out=sign_out)
    actor = replace(Actor.of(user, Credential.SESSION, hash_secret(session_id)), request_id=origin.request_id)
    if by == "invitation":
        log_action(session, actor, "invitation.accept", "person", user.id)
    log_action(session, actor, "sign_in", "session", by=by, provider=provider, address=origin.address)
    return SignedIn(actor, session_id)
