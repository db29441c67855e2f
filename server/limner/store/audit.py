"""The audit log: rows that are added in the transaction of what they tell of, and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from limner.store.tables import AuditEntry


@dataclass(frozen=True)
class AuditFilter:
    """Which entries are meant: of one person, in one project, of one action, from a moment on, before another one."""

    user_id: int | None = None
    project_id: int | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def audit_entries(session: Session, wanted: AuditFilter, before: int | None, limit: int) -> Sequence[AuditEntry]:
    """Entries, newest first.

    Args:
        session: where to look.
        wanted: which.
        before: only those with a smaller number.
        limit: most to give, ≥ 1.
    """
    found = select(AuditEntry)
    if wanted.user_id is not None:
        found = found.where(AuditEntry.user_id == wanted.user_id)
    if wanted.project_id is not None:
        found = found.where(AuditEntry.project_id == wanted.project_id)
    if wanted.action is not None:
        found = found.where(AuditEntry.action == wanted.action)
    if wanted.since is not None:
        found = found.where(AuditEntry.created >= wanted.since)
    if wanted.until is not None:
        found = found.where(AuditEntry.created < wanted.until)
    if before is not None:
        found = found.where(AuditEntry.id < before)
    return session.scalars(found.order_by(AuditEntry.id.desc()).limit(limit)).all()


def people_of(session: Session, project_id: int | None) -> Sequence[int]:
    """Numbers of all who did anything, in one project or anywhere."""
    found = select(AuditEntry.user_id).distinct().order_by(AuditEntry.user_id)
    if project_id is not None:
        found = found.where(AuditEntry.project_id == project_id)
    return session.scalars(found).all()
