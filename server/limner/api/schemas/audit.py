"""The audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, cast

from pydantic import AfterValidator, Field, JsonValue

from limner.access import Credential
from limner.api.schemas.base import Answer, Request
from limner.service.audit import AuditEntry as AuditRow
from limner.service.audit import AuditFilter, AuditPage
from limner.vocabulary.audit import AuditAction, AuditTarget
from limner.vocabulary.events import Timestamp

MAX_PAGE = 200
Number = Annotated[int, Field(ge=1, lt=2**63)]


def _with_zone(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a moment needs its time zone, such as 2026-11-29T12:00:00Z")
    return moment


Moment = Annotated[datetime, AfterValidator(_with_zone)]


class ProjectAuditTableQuery(Request):
    """Which entries of a project are meant."""

    person: Number | None = Field(default=None, description="number of who did it")
    action: AuditAction | None = None
    since: Moment | None = None
    until: Moment | None = None

    def of_project(self, project_id: int | None) -> AuditFilter:
        """The filter, for the service."""
        return AuditFilter(self.person, project_id, self.action, self.since, self.until)


class AuditTableQuery(ProjectAuditTableQuery):
    """Which entries are meant."""

    project: Number | None = Field(default=None, description="number of the project in which it was done")


class ProjectAuditQuery(ProjectAuditTableQuery):
    """A page of those of a project."""

    before: Number | None = Field(default=None, description="`next` of the page before")
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 50


class AuditQuery(AuditTableQuery):
    """A page of them."""

    before: Number | None = Field(default=None, description="`next` of the page before")
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = 50


class AuditEntry(Answer):
    """What somebody did, and to what; ``by`` is null when nobody of that number is known any more.

    ``target_name`` is what a person is called now to whom it was done, and null of any other target.

    ``credential`` says how they were signed in and ``key`` where: the first digits of the hash of the session, as their
    account shows it, or of the token. ``request`` is the X-Request-Id of the answer, empty from the command line.
    """

    id: int
    at: Timestamp
    user_id: int
    by: str | None
    action: AuditAction
    target: AuditTarget
    target_id: int | None
    target_name: str | None
    project_id: int | None
    details: dict[str, JsonValue]
    credential: Credential
    key: str
    request: str

    @classmethod
    def of(cls, row: AuditRow, by: str | None, target_name: str | None) -> AuditEntry:
        """The entry as it is told to clients."""
        return cls(
            id=row.id,
            at=row.created,
            user_id=row.user_id,
            by=by,
            action=cast(AuditAction, row.action),
            target=cast(AuditTarget, row.target),
            target_id=row.target_id,
            target_name=target_name,
            project_id=row.project_id,
            details=row.details,
            credential=Credential(row.credential),
            key=row.key,
            request=row.request_id,
        )


class AuditPerson(Answer):
    """Somebody who did something; ``name`` is null when nobody of that number is known any more."""

    id: int
    name: str | None


class AuditLog(Answer):
    """A page of entries, newest first; ``next`` is ``before`` of the page after it.

    The first page tells in ``people`` who did anything at all, whatever the filter.
    """

    entries: list[AuditEntry]
    next: int | None
    people: list[AuditPerson]

    @classmethod
    def of(cls, page: AuditPage) -> AuditLog:
        """The page as it is told to clients."""
        return cls(
            entries=[
                AuditEntry.of(each, page.names.get(each.user_id), page.name_of_target(each)) for each in page.entries
            ],
            next=page.next,
            people=[AuditPerson(id=each, name=page.names.get(each)) for each in page.people],
        )
