"""The audit log: written by the verbs that it tells of, read by owners, changed by nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from limner.access import Actor, Permission, require
from limner.service.csv_lines import csv_lines
from limner.store import Database
from limner.store.audit import AuditFilter, audit_entries
from limner.store.names import names_of_users
from limner.store.tables import AuditEntry
from limner.vocabulary.audit import AuditAction, AuditTarget

__all__ = ["AuditEntry", "AuditFilter", "AuditPage", "audit_table", "list_audit", "log_action"]

KEY = 16  # characters of the key of a session or token, as the account's page shows of a session
AT_ONCE = 500  # rows of a table in memory
COLUMNS = ("number", "at", "person", "action", "target", "target_id", "project_id", "details", "with", "key", "request")


@dataclass(frozen=True)
class AuditPage:
    """Entries, newest first; what people are called now, by number; and ``before`` of the next page, if any."""

    entries: Sequence[AuditEntry]
    names: Mapping[int, str]
    next: int | None


def log_action(
    session: Session,
    actor: Actor,
    action: AuditAction,
    target: AuditTarget,
    target_id: int | None = None,
    *,
    project_id: int | None = None,
    **details: object,
) -> None:
    """Write down what an actor does, in the transaction in which it is done: both are kept, or neither."""
    entry = AuditEntry(
        user_id=actor.user_id,
        credential=actor.credential.value,
        key=actor.key[:KEY],
        request_id=actor.request_id,
        action=action,
        target=target,
        target_id=target_id,
        project_id=target_id if target == "project" else project_id,
        details={name: value for name, value in details.items() if value is not None},
    )
    session.add(entry)


def list_audit(
    database: Database, actor: Actor, wanted: AuditFilter, before: int | None = None, limit: int = 50
) -> AuditPage:
    """What people did, newest first.

    Raises:
        Forbidden: the actor may not read it.
    """
    require(actor, Permission.READ_AUDIT)
    with database.read() as session:
        rows = audit_entries(session, wanted, before, limit + 1)
        entries = rows[:limit]
        names = names_of_users(session, [each.user_id for each in entries])
        return AuditPage(entries, names, entries[-1].id if len(rows) > limit else None)


def audit_table(database: Database, actor: Actor, wanted: AuditFilter) -> Iterator[str]:
    """The same as CSV, all of it, a few rows in memory at a time.

    Raises:
        Forbidden: the actor may not read it.
    """
    require(actor, Permission.READ_AUDIT)
    return csv_lines(COLUMNS, _rows(database, actor, wanted))


def _rows(database: Database, actor: Actor, wanted: AuditFilter) -> Iterator[Sequence[object]]:
    before = None
    while True:
        page = list_audit(database, actor, wanted, before, AT_ONCE)
        for each in page.entries:
            yield (
                each.id,
                each.created.isoformat(),
                page.names.get(each.user_id, each.user_id),
                each.action,
                each.target,
                each.target_id,
                each.project_id,
                json.dumps(each.details, ensure_ascii=False, sort_keys=True) if each.details else "",
                each.credential,
                each.key,
                each.request_id,
            )
        before = page.next
        if before is None:
            return
