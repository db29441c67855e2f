"""People, and the three ways to prove to be one: a link that works once, a browser's session, a bearer token.

Secrets are 256 random bits; the database keeps their SHA-256 only, which needs no salt at that length.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, literal, select, update
from sqlalchemy.orm import Session

from limner.errors import Conflict, NotFound, NotSignedIn
from limner.store.tables import ApiToken, LoginLink, LoginSession, User
from limner.store.types import utc_now
from limner.vocabulary.names import folded, one_line

LOCAL_ADMIN = "admin"
LINK_LIFETIME = timedelta(hours=24)
SESSION_LIFETIME = timedelta(days=30)
NOTED_EVERY = timedelta(minutes=5)  # that a session or a token was used
SECRET_BYTES = 32


def hash_secret(secret: str) -> str:
    """What the database keeps of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def ensure_local_admin(session: Session) -> User:
    """The owner who has been here longest and can sign in; created at the first start."""
    owner = session.scalar(select(User).where(User.role == "owner", User.disabled.is_(None)).order_by(User.id).limit(1))
    if owner is None:
        owner = User(name=LOCAL_ADMIN, role="owner", storage_key=LOCAL_ADMIN)
        session.add(owner)
        session.flush()
    return owner


def user_named(session: Session, name: str) -> User | None:
    """The person of this name, however it is capitalised or encoded; those who are disabled too."""
    exact = session.scalar(select(User).where(User.name == one_line(name)))
    if exact is not None:
        return exact
    wanted = folded(name)
    same = (number for number, known in session.execute(select(User.id, User.name)) if folded(known) == wanted)
    number = next(same, None)
    return None if number is None else session.get(User, number)


def find_user(session: Session, name: str) -> User:
    """The person of this name.

    Raises:
        NotFound: when there is none.
    """
    user = user_named(session, name)
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


def redeem_login_link(session: Session, token: str) -> User:
    """Use a link up: whom it signs in.

    Raises:
        NotSignedIn: when the link is unknown, used or expired, or the person disabled.
    """
    now = utc_now()
    user_id = session.scalar(
        update(LoginLink)
        .where(LoginLink.token_sha256 == hash_secret(token), LoginLink.used.is_(None), LoginLink.expires >= now)
        .values(used=now)
        .returning(LoginLink.user_id)
    )
    user = session.get(User, user_id) if user_id is not None else None
    if user is None or user.disabled is not None:
        raise NotSignedIn(
            "This sign-in link is not valid: it is unknown, used or expired.",
            hint="Ask an owner for a fresh one; `limner user link` prints it, and so does the server when it starts.",
        )
    return user


def begin_session(
    session: Session, user: User, *, address: str = "", browser: str = "", sign_out: str | None = None
) -> str:
    """Sign a person in. Sessions that have expired are removed.

    Args:
        session: of a writing transaction.
        user: who it is.
        address: where they sign in from.
        browser: what the browser calls itself.
        sign_out: the address at which signing out goes on, where there is one.

    Returns:
        The session id for their cookie.
    """
    now = utc_now()
    session.execute(delete(LoginSession).where(LoginSession.expires < now))
    session_id = secrets.token_urlsafe(SECRET_BYTES)
    session.add(
        LoginSession(
            id_sha256=hash_secret(session_id),
            user_id=user.id,
            expires=now + SESSION_LIFETIME,
            last_used=now,
            address=address[:64],
            browser=browser[:255],
            sign_out_address=sign_out,
        )
    )
    return session_id


@dataclass(frozen=True, slots=True)
class Proof:
    """A session or token that is good, and whose it is.

    Attributes:
        user_id: number of the person.
        name: what people read.
        role: in the installation.
        key: hash of the session's id, or of the token.
        scopes: of a token, between spaces; of a session empty.
        last_used: when that was noted last.
    """

    user_id: int
    name: str
    role: str
    key: str
    scopes: str
    last_used: datetime | None

    @property
    def is_to_be_noted(self) -> bool:
        """Whether it is worth a write that it was used."""
        return self.last_used is None or utc_now() - self.last_used > NOTED_EVERY


# What every request asks: put together once, and no objects of the ORM.
_SESSION_OF = (
    select(User.id, User.name, User.role, LoginSession.id_sha256, literal(""), LoginSession.last_used)
    .join(LoginSession, LoginSession.user_id == User.id)
    .where(
        LoginSession.id_sha256 == bindparam("sha256"),
        LoginSession.expires >= bindparam("now", type_=LoginSession.expires.type),
        User.disabled.is_(None),
    )
)
_TOKEN_OF = (
    select(User.id, User.name, User.role, ApiToken.token_sha256, ApiToken.scopes, ApiToken.last_used)
    .join(ApiToken, ApiToken.user_id == User.id)
    .where(
        ApiToken.token_sha256 == bindparam("sha256"),
        ApiToken.expires.is_(None) | (ApiToken.expires >= bindparam("now", type_=ApiToken.expires.type)),
        User.disabled.is_(None),
    )
)


def find_login_session(session: Session | Connection, id_sha256: str) -> Proof | None:
    """The session whose id has this hash, when it is good: not ended, not expired, of somebody who is not disabled."""
    found = session.execute(_SESSION_OF, {"sha256": id_sha256, "now": utc_now()}).first()
    return Proof(*found) if found else None


def note_use(session: Session, table: type[LoginSession] | type[ApiToken], key: str) -> None:
    """Remember that the session or token of this hash was used just now."""
    column = LoginSession.id_sha256 if table is LoginSession else ApiToken.token_sha256
    session.execute(update(table).where(column == key).values(last_used=utc_now()))


def list_sessions(session: Session, user_id: int) -> Sequence[LoginSession]:
    """Where a person is signed in, the newest first."""
    mine = select(LoginSession).where(LoginSession.user_id == user_id, LoginSession.expires >= utc_now())
    return session.scalars(mine.order_by(LoginSession.created.desc())).all()


def end_session(session: Session, id_sha256: str) -> str | None:
    """Sign out: the session id of this hash is worth nothing from now on. Where signing out goes on, if anywhere."""
    ended = delete(LoginSession).where(LoginSession.id_sha256 == id_sha256)
    return session.scalar(ended.returning(LoginSession.sign_out_address))


def end_sessions(session: Session, user_id: int, *, but: Collection[str] = ()) -> None:
    """End all sessions of a person but those whose ids have these hashes."""
    session.execute(
        delete(LoginSession).where(LoginSession.user_id == user_id, LoginSession.id_sha256.not_in(list(but)))
    )


def create_api_token(
    session: Session, user: User, name: str, scopes: Collection[str] = ("all",), lifetime: timedelta | None = None
) -> str:
    """A bearer token for scripts; it is shown once and kept as a hash.

    Args:
        session: of a writing transaction.
        user: whose it is.
        name: distinct among the person's.
        scopes: names of what it may be used for (``limner.access.Scope``).
        lifetime: how long it is good; None is for ever.

    Raises:
        Conflict: when the person has a token of this name.
    """
    if session.scalar(select(ApiToken.id).where(ApiToken.user_id == user.id, ApiToken.name == name)):
        raise Conflict(
            f"{user.name} has a token called {name!r} already.", hint="Choose another name, or revoke it first."
        )
    token = f"limner_{secrets.token_urlsafe(SECRET_BYTES)}"
    expires = None if lifetime is None else utc_now() + lifetime
    session.add(
        ApiToken(
            user_id=user.id,
            name=name,
            token_sha256=hash_secret(token),
            scopes=" ".join(sorted(scopes)),
            expires=expires,
        )
    )
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


def find_token(session: Session | Connection, token_sha256: str) -> Proof | None:
    """The token that has this hash, when it is good: not revoked, not expired, of somebody who is not disabled."""
    found = session.execute(_TOKEN_OF, {"sha256": token_sha256, "now": utc_now()}).first()
    return Proof(*found) if found else None
