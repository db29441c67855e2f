"""People, and how they sign in; what they did is in the audit log."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from limner.store.tables.base import NEVER_REUSE_IDS, Base
from limner.store.types import (
    BIG_INTEGER,
    Created,
    Id,
    JsonObject,
    Moment,
    Name,
    Sha256,
    Uuid,
)


class Installation(Base):
    """Which installation this database belongs to: one row, written when the tables are made."""

    __tablename__ = "installation"

    id: Mapped[Uuid] = mapped_column(primary_key=True)


class User(Base):
    """A person who may sign in. Rows stay for ever: work names people by their number, whoever they are by then."""

    __tablename__ = "users"
    __table_args__ = (CheckConstraint("role IN ('owner', 'member')", name="role"), NEVER_REUSE_IDS)

    id: Mapped[Id]
    name: Mapped[Name] = mapped_column(unique=True)
    role: Mapped[str] = mapped_column(String(16))
    created: Mapped[Created]
    password_hash: Mapped[str | None] = mapped_column(String(255))  # none: signs in by links only
    disabled: Mapped[datetime | None]  # since when nobody can sign in as this person
    storage_key: Mapped[str] = mapped_column(String(255))  # names what browsers keep of their work, whatever the name


class LoginLink(Base):
    """A link that signs in once. Only the hash of its token is kept."""

    __tablename__ = "login_links"

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    token_sha256: Mapped[Sha256] = mapped_column(unique=True)
    created: Mapped[Created]
    expires: Mapped[Moment]
    used: Mapped[datetime | None]


class LoginSession(Base):
    """A signed-in browser, known by the hash of the id in its cookie."""

    __tablename__ = "sessions"

    id_sha256: Mapped[Sha256] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created: Mapped[Created]
    expires: Mapped[Moment] = mapped_column(index=True)
    last_used: Mapped[datetime | None]  # to some minutes
    address: Mapped[str] = mapped_column(String(64), default="", server_default="")  # where it signed in from
    browser: Mapped[str] = mapped_column(String(255), default="", server_default="")  # as it calls itself
    sign_out_address: Mapped[str | None] = mapped_column(Text)  # where signing out goes on: at the provider


class ProviderIdentity(Base):
    """Somebody as a sign-in provider knows them: issuer and subject together mean one person for ever."""

    __tablename__ = "provider_identities"
    __table_args__ = (UniqueConstraint("issuer", "subject"), NEVER_REUSE_IDS)

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    issuer: Mapped[str] = mapped_column(String(512))
    subject: Mapped[str] = mapped_column(String(255))
    shown_as: Mapped[str] = mapped_column(String(255))  # an e-mail or a name there, for people
    created: Mapped[Created]
    last_used: Mapped[datetime | None]


class PendingSignIn(Base):
    """A sign-in that was begun with a provider, until the browser comes back; it can come back once.

    The hashes are of what the browser brings: the state in the address, and its cookie.
    """

    __tablename__ = "pending_sign_ins"

    state_sha256: Mapped[Sha256] = mapped_column(primary_key=True)
    browser_sha256: Mapped[Sha256]
    provider: Mapped[str] = mapped_column(String(32))
    nonce: Mapped[str] = mapped_column(String(64))
    verifier: Mapped[str] = mapped_column(String(64))
    redirect_uri: Mapped[str] = mapped_column(Text)
    invitation_id: Mapped[int | None] = mapped_column(
        BIG_INTEGER, ForeignKey("invitations.id", ondelete="CASCADE"), index=True
    )
    session_sha256: Mapped[Sha256 | None] = mapped_column(  # of who connects their account to an identity
        ForeignKey("sessions.id_sha256", ondelete="CASCADE"), index=True
    )
    created: Mapped[Created]
    expires: Mapped[Moment] = mapped_column(index=True)


class ApiToken(Base):
    """A bearer token for scripts, known by its hash."""

    __tablename__ = "api_tokens"
    __table_args__ = (UniqueConstraint("user_id", "name"),)

    id: Mapped[Id]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[Name]
    token_sha256: Mapped[Sha256] = mapped_column(unique=True)
    created: Mapped[Created]
    scopes: Mapped[str] = mapped_column(String(255), default="all", server_default="all")  # names, between spaces
    expires: Mapped[datetime | None]
    last_used: Mapped[datetime | None]  # to some minutes


class Membership(Base):
    """What somebody is in a project. Owners of the installation need none."""

    __tablename__ = "memberships"
    __table_args__ = (
        CheckConstraint("role IN ('manager', 'reviewer', 'annotator', 'viewer')", name="role"),
        Index("ix_memberships_user_id", "user_id"),
    )

    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))
    created: Mapped[Created]
    identity_id: Mapped[int | None] = mapped_column(  # whose claims gave the role, and take it; none: people gave it
        BIG_INTEGER, ForeignKey("provider_identities.id", ondelete="CASCADE"), index=True
    )


class Invitation(Base):
    """A link by which one new person comes in, with a role; also one in a project. Only its token's hash is kept."""

    __tablename__ = "invitations"
    __table_args__ = (
        CheckConstraint("role IN ('owner', 'member')", name="role"),
        CheckConstraint("project_role IN ('manager', 'reviewer', 'annotator', 'viewer')", name="project_role"),
        CheckConstraint("(project_id IS NULL) = (project_role IS NULL)", name="project"),
        NEVER_REUSE_IDS,
    )

    id: Mapped[Id]
    token_sha256: Mapped[Sha256] = mapped_column(unique=True)
    role: Mapped[str] = mapped_column(String(16))
    project_id: Mapped[int | None] = mapped_column(BIG_INTEGER, ForeignKey("projects.id", ondelete="CASCADE"))
    project_role: Mapped[str | None] = mapped_column(String(16))
    note: Mapped[Name]  # whom it is for, in the words of who made it
    email: Mapped[str] = mapped_column(String(255), default="", server_default="")  # who has it need not have the link
    invited_by: Mapped[int | None] = mapped_column(BIG_INTEGER, ForeignKey("users.id", ondelete="SET NULL"))
    created: Mapped[Created]
    expires: Mapped[Moment]
    used: Mapped[datetime | None]


class AuditEntry(Base):
    """What somebody did, when, and with which credential. Rows are only ever added: triggers refuse anything else.

    They refer to nothing: what they are about may be gone, and they stay.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_user_id_id", "user_id", "id"),
        Index("ix_audit_entries_project_id_id", "project_id", "id"),
        Index("ix_audit_entries_action_id", "action", "id"),
        NEVER_REUSE_IDS,
    )

    id: Mapped[Id]
    created: Mapped[Created]
    user_id: Mapped[int] = mapped_column(BIG_INTEGER)
    credential: Mapped[str] = mapped_column(String(16))  # limner.access.Credential
    key: Mapped[str] = mapped_column(String(16))  # which session or token: the first digits of its hash
    request_id: Mapped[str] = mapped_column(String(36))  # empty: from the command line
    action: Mapped[str] = mapped_column(String(32))  # limner.vocabulary.audit.AuditAction
    target: Mapped[str] = mapped_column(String(16))  # limner.vocabulary.audit.AuditTarget
    target_id: Mapped[int | None] = mapped_column(BIG_INTEGER)
    project_id: Mapped[int | None] = mapped_column(BIG_INTEGER)  # in which it happened
    details: Mapped[JsonObject]
