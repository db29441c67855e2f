"""Projects out, in any format."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote

from apiflask import APIBlueprint
from flask import Response
from werkzeug.http import dump_options_header

from limner.access import Permission
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.guard import requires
from limner.api.openapi import binary_responses
from limner.api.schemas.exchange import ExportPreview, ExportQuery, ToleranceCost
from limner.service import exchange, export_preview

blueprint = APIBlueprint("exports", __name__)

MEDIA_TYPES = {"application/json": "The COCO file", "application/zip": "A ZIP archive of several files"}


@blueprint.get("/projects/<int:project_id>/export")
@requires(Permission.EXPORT)
@blueprint.input(ExportQuery, location="query")
@blueprint.doc(operation_id="exportProject", responses=binary_responses(MEDIA_TYPES))
def export_project(project_id: int, query_data: ExportQuery) -> Response:
    """The project as a file, streamed; the same annotations give the same bytes.

    It is called after the project, the day and the format.
    """
    choice = query_data.choice()
    name = export_preview.file_name(services(), current_actor(), project_id, choice)
    chunks = exchange.export_stream(services(), current_actor(), project_id, choice)
    response = Response(chunks, mimetype="application/json" if choice.is_one_file else "application/zip")
    response.headers["Content-Disposition"] = _attachment(name)
    return response


@blueprint.get("/projects/<int:project_id>/export/preview")
@requires(Permission.EXPORT)
@blueprint.input(ExportQuery, location="query")
@blueprint.output(ExportPreview)
@blueprint.doc(operation_id="previewExport")
def preview_export(project_id: int, query_data: ExportQuery) -> ExportPreview:
    """How many images and annotations an export would hold, and what it would leave out; nothing is made."""
    return ExportPreview.of(export_preview.preview_export(services(), current_actor(), project_id, query_data.choice()))


@blueprint.get("/projects/<int:project_id>/export/tolerance")
@requires(Permission.EXPORT)
@blueprint.input(ExportQuery, location="query")
@blueprint.output(ToleranceCost)
@blueprint.doc(operation_id="measureTolerance")
def measure_tolerance(project_id: int, query_data: ExportQuery) -> ToleranceCost:
    """What the tolerance of polygons costs, measured on some of the masks that would be exported."""
    choice = query_data.choice()
    return ToleranceCost.model_validate(
        export_preview.measure_tolerance(services(), current_actor(), project_id, choice)
    )


def _attachment(name: str) -> str:
    """The header that names a download: in ASCII, and as it is called where that differs (RFC 6266)."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    names = {"filename": plain} if plain == name else {"filename": plain, "filename*": f"UTF-8''{quote(name, safe='')}"}
    return dump_options_header("attachment", names)
