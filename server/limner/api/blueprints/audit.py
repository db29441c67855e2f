"""The audit log, for owners. There is no route that changes it."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response

from limner.access import Permission
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.guard import requires
from limner.api.openapi import binary_response
from limner.api.schemas.audit import AuditLog, AuditQuery, AuditTableQuery
from limner.service import audit

blueprint = APIBlueprint("audit", __name__)


@blueprint.get("/audit")
@requires(Permission.READ_AUDIT)
@blueprint.input(AuditQuery, location="query")
@blueprint.output(AuditLog)
@blueprint.doc(operation_id="listAudit")
def list_audit(query_data: AuditQuery) -> AuditLog:
    """Who did what, newest first."""
    query = query_data
    return AuditLog.of(audit.list_audit(services().database, current_actor(), query.wanted, query.before, query.limit))


@blueprint.get("/audit.csv")
@requires(Permission.READ_AUDIT)
@blueprint.input(AuditTableQuery, location="query")
@blueprint.doc(
    operation_id="getAuditTable", responses=binary_response("text/csv", "A table with a line of names first")
)
def get_audit_table(query_data: AuditTableQuery) -> Response:
    """All of that, as CSV."""
    lines = audit.audit_table(services().database, current_actor(), query_data.wanted)
    response = Response(lines, mimetype="text/csv")
    response.headers["Content-Disposition"] = 'attachment; filename="limner-audit.csv"'
    return response
