"""Projects out, in any format."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response

from limner.access import Permission
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.guard import requires
from limner.api.openapi import binary_responses
from limner.api.schemas.exchange import ExportQuery
from limner.service import exchange

blueprint = APIBlueprint("exports", __name__)

MEDIA_TYPES = {"application/json": "The COCO file", "application/zip": "A ZIP archive of several files"}


@blueprint.get("/projects/<int:project_id>/export")
@requires(Permission.EXPORT)
@blueprint.input(ExportQuery, location="query")
@blueprint.doc(operation_id="exportProject", responses=binary_responses(MEDIA_TYPES))
def export_project(project_id: int, query_data: ExportQuery) -> Response:
    """The project as a file, streamed; the same annotations give the same bytes."""
    choice = query_data.choice()
    chunks = exchange.export_stream(services(), current_actor(), project_id, choice)
    if choice.is_one_file:
        name, media_type = f"limner-project-{project_id}.json", "application/json"
    else:
        name, media_type = f"limner-project-{project_id}-{choice.format}.zip", "application/zip"
    response = Response(chunks, mimetype=media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
