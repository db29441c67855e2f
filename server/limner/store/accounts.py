"""People, and the three ways to prove to be one: a link that works once, a browser's session, a bearer token.

Secrets are 256 random bits; the database keeps their SHA-256 only, which needs no salt at that length.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from limner.errors import Conflict, NotFound, NotSignedIn
from limner.store.tables import ApiToken, LoginLink, LoginSession, User
from limner.store.types import utc_now

LOCAL_ADMIN = "admin"
LINK_LIFETIME = timedelta(hours=24)
SESSION_LIFETIME = timedelta(days=30)
SECRET_BYTES = 32


def hash_secret(secret: str) -> str:
    """What the database keeps of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def ensure_local_admin(session: Session) -> User:
    """The local administrator, created at the first start."""
    user = session.scalar(select(User).where(User.name == LOCAL_ADMIN))
    if user is None:
        user = User(name=LOCAL_ADMIN, role="admin")
        session.add(user)
        session.flush()
    return user


def find_user(session: Session, name: str) -> User:
    """The person of this name.

    Raises:
        NotFound: when there is none.
    """
    user = session.scalar(select(User).where(User.name == name))
    if user is None:
        known = ", ".join(session.scalars(select(User.name).order_by(User.name))) or "nobody"
        raise NotFound(f"There is no user called {name!r}.", hint=f"Known: {known}.")
    return user


def create_login_link(session: Session, user: User) -> str:
    """The token of a fresh link that signs ``user`` in once. Links that can no longer be used are removed."""
    now = utc_now()
    session.execute(delete(LoginLink).where((LoginLink.expires < now) | LoginLink.used.is_not(None)))
    token = secrets.token_urlsafe(SECRET_BYTES)
    session.add(LoginLink(user_id=user.id, token_sha256=hash_secret(token), expires=now + LINK_LIFETIME))
    return token


def redeem_login_link(session: Session, token: str) -> tuple[User, str]:
    """Exchange a link's token for a session.

    Returns:
        The person and the session id for their cookie.

    Raises:
        NotSignedIn: when the link is unknown, used or expired.
    """
    now = utc_now()
    user_id = session.scalar(
        update(LoginLink)
        .where(LoginLink.token_sha256 == hash_secret(token), LoginLink.used.is_(None), LoginLink.expires >= now)
        .values(used=now)
        .returning(LoginLink.user_id)
    )
    user = session.get(User, user_id) if user_id is not None else None
    if user is None:
        raise NotSignedIn(
            "This sign-in link is not valid: it is unknown, used or expired.",
            hint="Start the server again, or run `limner user link`, to get a fresh link.",
        )
    session.execute(delete(LoginSession).where(LoginSession.expires < now))
    session_id = secrets.token_urlsafe(SECRET_BYTES)
    session.add(LoginSession(id_sha256=hash_secret(session_id), user_id=user.id, expires=now + SESSION_LIFETIME))
    return user, session_id


def user_of_session(session: Session, session_id: str) -> User | None:
    """Who is signed in under this session id, if anybody."""
    return session.scalar(
        select(User)
        .join(LoginSession, LoginSession.user_id == User.id)
        .where(LoginSession.id_sha256 == hash_secret(session_id), LoginSession.expires >= utc_now())
    )


def end_session(session: Session, session_id: str) -> None:
    """Sign out: the session id is worth nothing from now on."""
    session.execute(delete(LoginSession).where(LoginSession.id_sha256 == hash_secret(session_id)))


def create_api_token(session: Session, user: User, name: str) -> str:
    """A bearer token for scripts; it is shown once and kept as a hash.

    Raises:
        Conflict: when the person has a token of this name.
    """
    if session.scalar(select(ApiToken.id).where(ApiToken.user_id == user.id, ApiToken.name == name)):
        raise Conflict(
            f"{user.name} has a token called {name!r} already.", hint="Choose another name, or revoke it first."
        )
    token = f"limner_{secrets.token_urlsafe(SECRET_BYTES)}"
    session.add(ApiToken(user_id=user.id, name=name, token_sha256=hash_secret(token)))
    return token


def list_api_tokens(session: Session, user: User) -> list[ApiToken]:
    """The tokens of a person, oldest first."""
    return list(session.scalars(select(ApiToken).where(ApiToken.user_id == user.id).order_by(ApiToken.id)))


def revoke_api_token(session: Session, user: User, name: str) -> None:
    """Remove a token.

    Raises:
        NotFound: when the person has none of this name.
    """
    token = session.scalar(select(ApiToken).where(ApiToken.user_id == user.id, ApiToken.name == name))
    if token is None:
        raise NotFound(f"{user.name} has no token called {name!r}.", hint="See: limner user token list")
    session.delete(token)


def user_of_api_token(session: Session, token: str) -> User | None:
    """Whose bearer token this is, if anybody's."""
    return session.scalar(
        select(User).join(ApiToken, ApiToken.user_id == User.id).where(ApiToken.token_sha256 == hash_secret(token))
    )
