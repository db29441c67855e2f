"""The audit log: all of it for owners, that of a project for who manages it. There is no route that changes it."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response

from limner.access import Permission
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.guard import requires
from limner.api.openapi import binary_response
from limner.api.schemas.audit import (
    AuditLog,
    AuditQuery,
    AuditTableQuery,
    ProjectAuditQuery,
    ProjectAuditTableQuery,
)
from limner.service import audit
from limner.service.audit import AuditFilter

blueprint = APIBlueprint("audit", __name__)

TABLE = binary_response("text/csv", "A table with a line of names first")


@blueprint.get("/audit")
@requires(Permission.READ_AUDIT)
@blueprint.input(AuditQuery, location="query")
@blueprint.output(AuditLog)
@blueprint.doc(operation_id="listAudit")
def list_audit(query_data: AuditQuery) -> AuditLog:
    """Who did what, newest first."""
    return _page(query_data.of_project(query_data.project), query_data.before, query_data.limit)


@blueprint.get("/audit.csv")
@requires(Permission.READ_AUDIT)
@blueprint.input(AuditTableQuery, location="query")
@blueprint.doc(operation_id="getAuditTable", responses=TABLE)
def get_audit_table(query_data: AuditTableQuery) -> Response:
    """All of that, as CSV."""
    return _table(query_data.of_project(query_data.project), "limner-audit.csv")


@blueprint.get("/projects/<int:project_id>/audit")
@requires(Permission.MANAGE_PROJECT)
@blueprint.input(ProjectAuditQuery, location="query")
@blueprint.output(AuditLog)
@blueprint.doc(operation_id="listProjectAudit")
def list_project_audit(project_id: int, query_data: ProjectAuditQuery) -> AuditLog:
    """Who did what in the project, newest first."""
    return _page(query_data.of_project(project_id), query_data.before, query_data.limit, project_id)


@blueprint.get("/projects/<int:project_id>/audit.csv")
@requires(Permission.MANAGE_PROJECT)
@blueprint.input(ProjectAuditTableQuery, location="query")
@blueprint.doc(operation_id="getProjectAuditTable", responses=TABLE)
def get_project_audit_table(project_id: int, query_data: ProjectAuditTableQuery) -> Response:
    """All of that, as CSV."""
    return _table(query_data.of_project(project_id), f"limner-audit-{project_id}.csv", project_id)


def _page(wanted: AuditFilter, before: int | None, limit: int, managed: int | None = None) -> AuditLog:
    found = audit.list_audit(services().database, current_actor(), wanted, before, limit, managed=managed)
    return AuditLog.of(found)


def _table(wanted: AuditFilter, name: str, managed: int | None = None) -> Response:
    lines = audit.audit_table(services().database, current_actor(), wanted, managed=managed)
    response = Response(lines, mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
