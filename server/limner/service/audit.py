"""The audit log: written by the verbs that it tells of, changed by nobody.

Owners read all of it, who manages a project what was done there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from limner.access import Actor, Permission, access_project, require
from limner.service.csv_lines import csv_lines
from limner.store import Database
from limner.store.audit import AuditFilter, audit_entries, people_of
from limner.store.names import names_of_users
from limner.store.tables import AuditEntry
from limner.vocabulary.audit import AuditAction, AuditTarget

__all__ = ["AuditEntry", "AuditFilter", "AuditPage", "audit_table", "list_audit", "log_action"]

KEY = 16  # characters of the key of a session or token, as the account's page shows of a session
AT_ONCE = 500  # rows of a table in memory
COLUMNS = (
    "number",
    "at",
    "person",
    "action",
    "target",
    "target_id",
    "project_id",
    "details",
    "with",
    "key",
    "request",
    "target_name",
)


@dataclass(frozen=True)
class AuditPage:
    """Entries, newest first; what people are called now, by number; and ``before`` of the next page, if any.

    The first page has in ``people`` the numbers of all who did anything in what one may read.
    """

    entries: Sequence[AuditEntry]
    names: Mapping[int, str]
    next: int | None
    people: Sequence[int]

    def name_of_target(self, entry: AuditEntry) -> str | None:
        """What the person is called now to whom it was done; None of anything that is no person that is known."""
        return self.names.get(entry.target_id) if entry.target == "person" and entry.target_id is not None else None


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
    database: Database,
    actor: Actor,
    wanted: AuditFilter,
    before: int | None = None,
    limit: int = 50,
    *,
    managed: int | None = None,
) -> AuditPage:
    """What people did, newest first: anywhere, or in a project that the actor has ``managed``.

    Raises:
        Forbidden: the actor may not read it.
        NotFound: there is no such project that the actor may see.
    """
    with database.read() as session:
        wanted = _readable(session, actor, wanted, managed)
        rows = audit_entries(session, wanted, before, limit + 1)
        entries = rows[:limit]
        people = people_of(session, wanted.project_id) if before is None else []
        done_to = [each.target_id for each in entries if each.target == "person"]
        names = names_of_users(session, [*people, *(each.user_id for each in entries), *done_to])
        return AuditPage(entries, names, entries[-1].id if len(rows) > limit else None, people)


def audit_table(database: Database, actor: Actor, wanted: AuditFilter, *, managed: int | None = None) -> Iterator[str]:
    """The same as CSV, all of it, a few rows in memory at a time.

    Raises:
        As :func:`list_audit`.
    """
    with database.read() as session:
        _readable(session, actor, wanted, managed)
    return csv_lines(COLUMNS, _rows(database, actor, wanted, managed))


def _readable(session: Session, actor: Actor, wanted: AuditFilter, managed: int | None) -> AuditFilter:
    if managed is None:
        require(actor, Permission.READ_AUDIT)
        return wanted
    return replace(wanted, project_id=access_project(session, actor, managed, Permission.MANAGE_PROJECT).id)


def _rows(database: Database, actor: Actor, wanted: AuditFilter, managed: int | None) -> Iterator[Sequence[object]]:
    before = None
    while True:
        page = list_audit(database, actor, wanted, before, AT_ONCE, managed=managed)
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
                page.name_of_target(each) or "",
            )
        before = page.next
        if before is None:
            return
