"""Links by which new people come in: each works once, for seven days, and names the role."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from limner.errors import InvalidInput, NotFound
from limner.store.accounts import SECRET_BYTES, hash_secret
from limner.store.people import add_person, set_member
from limner.store.tables import Invitation, User
from limner.store.types import utc_now

INVITATION_LIFETIME = timedelta(days=7)
KEPT = timedelta(days=30)  # after it was used or has expired


class InvalidInvitation(InvalidInput):
    """The invitation is unknown, was taken back, was used, or has expired."""

    code = "invalid_invitation"


def invite(
    session: Session,
    *,
    role: str,
    project_id: int | None,
    project_role: str | None,
    note: str,
    email: str = "",
    invited_by: int | None,
) -> tuple[Invitation, str]:
    """A new invitation and its token, which is shown once. Those that were long over are removed."""
    now = utc_now()
    session.execute(delete(Invitation).where((Invitation.expires < now - KEPT) | (Invitation.used < now - KEPT)))
    token = secrets.token_urlsafe(SECRET_BYTES)
    row = Invitation(
        token_sha256=hash_secret(token),
        role=role,
        project_id=project_id,
        project_role=project_role,
        note=note,
        email=email.casefold(),
        invited_by=invited_by,
        expires=now + INVITATION_LIFETIME,
    )
    session.add(row)
    session.flush()
    return row, token


def find_invitation(session: Session, token: str, *, lock: bool = False) -> Invitation:
    """The invitation that a link leads to, when it can still be accepted.

    Raises:
        InvalidInvitation: it cannot, and why.
    """
    return _acceptable(session, Invitation.token_sha256 == hash_secret(token), lock=lock)


def _acceptable(session: Session, which: ColumnElement[bool], *, lock: bool = False) -> Invitation:
    statement = select(Invitation).where(which)
    row = session.scalar(statement.with_for_update() if lock else statement)
    hint = "Ask who invited you for a new link."
    if row is None:
        raise InvalidInvitation(
            "This invitation does not exist: it was taken back, or the link is not whole.", hint=hint
        )
    if row.used is not None:
        raise InvalidInvitation(
            "This invitation was used already; each works once.", hint=f"If it was you, just sign in. If not: {hint}"
        )
    if row.expires < utc_now():
        raise InvalidInvitation(f"This invitation expired on {row.expires:%Y-%m-%d %H:%M} UTC.", hint=hint)
    return row


def accept_invitation(session: Session, token: str, name: str, password_hash: str | None) -> User:
    """The new person that an invitation makes, with its roles.

    Raises:
        InvalidInvitation: it cannot be accepted.
        NameTaken: somebody is called that; the invitation can still be accepted under another name.
    """
    return _accept(session, find_invitation(session, token, lock=True), name, password_hash)


def accept_found(session: Session, invitation_id: int, name: str) -> User:
    """The same for somebody who signs in with a provider and needs no password, by the invitation's number.

    Raises:
        InvalidInvitation, NameTaken: as for accepting it by its link.
    """
    return _accept(session, _acceptable(session, Invitation.id == invitation_id, lock=True), name, None)


def invitation_for(session: Session, email: str) -> Invitation | None:
    """The newest invitation that can still be accepted and names an e-mail address, however it is capitalised."""
    found = open_invitations(session, email=email)
    return found[0] if found else None


def _accept(session: Session, row: Invitation, name: str, password_hash: str | None) -> User:
    user = add_person(session, name, row.role, password_hash)
    row.used = utc_now()
    if row.project_id is not None and row.project_role is not None:
        set_member(session, row.project_id, user, row.project_role)
    return user


def open_invitations(
    session: Session, project_id: int | None = None, *, email: str | None = None
) -> Sequence[Invitation]:
    """Those that can still be accepted, the newest first; of one project or for one e-mail address only, or all."""
    statement = select(Invitation).where(Invitation.used.is_(None), Invitation.expires >= utc_now())
    if project_id is not None:
        statement = statement.where(Invitation.project_id == project_id)
    if email is not None:
        statement = statement.where(Invitation.email == email.casefold())
    return session.scalars(statement.order_by(Invitation.id.desc())).all()


def withdraw_invitation(session: Session, invitation_id: int, project_id: int | None = None) -> None:
    """Take an invitation back.

    Raises:
        NotFound: there is none, or it leads to another project.
    """
    row = session.get(Invitation, invitation_id)
    if row is None or (project_id is not None and row.project_id != project_id):
        raise NotFound.row("invitation", invitation_id)
    session.delete(row)
