"""Identities at sign-in providers: whose they are, and sign-ins that were begun and not finished."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from limner.errors import Conflict, NotFound
from limner.store.accounts import hash_secret
from limner.store.tables import PendingSignIn, ProviderIdentity, User
from limner.store.types import utc_now

PENDING_LIFETIME = timedelta(minutes=10)
MAX_SHOWN = 255


class IdentityTaken(Conflict):
    """The identity signs somebody else in."""

    code = "identity_taken"


def user_of_identity(session: Session, issuer: str, subject: str) -> tuple[User, ProviderIdentity] | None:
    """Whom an identity signs in, disabled or not, if anybody."""
    found = session.execute(
        select(User, ProviderIdentity)
        .join(ProviderIdentity, ProviderIdentity.user_id == User.id)
        .where(ProviderIdentity.issuer == issuer, ProviderIdentity.subject == subject)
    ).first()
    return (found[0], found[1]) if found else None


def connect(session: Session, user: User, issuer: str, subject: str, shown_as: str) -> ProviderIdentity:
    """Have an identity sign a person in from now on.

    Raises:
        IdentityTaken: it signs somebody else in.
    """
    found = user_of_identity(session, issuer, subject)
    if found is not None and found[0].id != user.id:
        raise IdentityTaken(
            "This identity signs another account in already.", hint="Disconnect it there first, or use another one."
        )
    row = found[1] if found else ProviderIdentity(user_id=user.id, issuer=issuer, subject=subject, shown_as="")
    session.add(row)
    note_identity(row, shown_as)
    session.flush()
    return row


def note_identity(row: ProviderIdentity, shown_as: str) -> None:
    """Remember that somebody signed in with it, and what they are called there by now."""
    row.shown_as = shown_as[:MAX_SHOWN]
    row.last_used = utc_now()


def list_identities(session: Session, user_id: int) -> Sequence[ProviderIdentity]:
    """The identities that sign a person in, oldest first."""
    mine = select(ProviderIdentity).where(ProviderIdentity.user_id == user_id)
    return session.scalars(mine.order_by(ProviderIdentity.id)).all()


def disconnect(session: Session, user_id: int, identity_id: int) -> ProviderIdentity:
    """Have an identity sign its person in no more.

    Raises:
        NotFound: they have none of this number.
    """
    row = session.scalar(
        select(ProviderIdentity).where(ProviderIdentity.id == identity_id, ProviderIdentity.user_id == user_id)
    )
    if row is None:
        raise NotFound.row("identity", identity_id)
    session.delete(row)
    return row


def keep_pending(session: Session, pending: PendingSignIn) -> None:
    """Remember a sign-in that was begun. Those that nobody came back from are removed."""
    now = utc_now()
    session.execute(delete(PendingSignIn).where(PendingSignIn.expires < now))
    pending.expires = now + PENDING_LIFETIME
    session.add(pending)


def redeem_pending(session: Session, state: str, browser: str) -> PendingSignIn | None:
    """The sign-in that a browser comes back from, which it can once; None when it is none of its own, or over."""
    mine = select(PendingSignIn).where(
        PendingSignIn.state_sha256 == hash_secret(state), PendingSignIn.browser_sha256 == hash_secret(browser)
    )
    found = session.scalar(mine.with_for_update())
    if found is None:
        return None
    session.delete(found)
    session.flush()
    return found if found.expires >= utc_now() else None
