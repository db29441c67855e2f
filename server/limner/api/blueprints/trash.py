"""The trash of a project."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response

from limner.access import Permission
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.files import blob_response
from limner.api.guard import requires
from limner.api.openapi import binary_response
from limner.api.schemas.trash import ManyResult, TrashChoice, TrashList, TrashQuery
from limner.blobs import thumbnail_key
from limner.service import trash

blueprint = APIBlueprint("trash", __name__)


@blueprint.get("/projects/<int:project_id>/trash")
@requires(Permission.MANAGE_IMAGES)
@blueprint.input(TrashQuery, location="query")
@blueprint.output(TrashList)
@blueprint.doc(operation_id="listTrash")
def list_trash(project_id: int, query_data: TrashQuery) -> TrashList:
    """Images that were deleted and can be restored."""
    return TrashList.of(trash.list_trash(services(), current_actor(), project_id, query_data.limit, query_data.skip))


@blueprint.get("/projects/<int:project_id>/trash/<int:trashed_id>/thumbnail")
@requires(Permission.MANAGE_IMAGES)
@blueprint.doc(operation_id="getTrashedThumbnail", responses=binary_response("image/webp", "The thumbnail"))
def get_thumbnail(project_id: int, trashed_id: int) -> Response:
    """An image in the trash, small, as WebP."""
    row = trash.trashed_row(services(), current_actor(), project_id, trashed_id)
    key = thumbnail_key(row.sha256)
    return blob_response(lambda: services().blobs.open(key), f"{row.sha256}-thumbnail", "image/webp")


@blueprint.post("/projects/<int:project_id>/trash/restore")
@requires(Permission.MANAGE_IMAGES)
@blueprint.input(TrashChoice)
@blueprint.output(ManyResult)
@blueprint.doc(operation_id="restoreImages")
def restore(project_id: int, json_data: TrashChoice) -> ManyResult:
    """Bring images back from the trash with all that is on them."""
    found = trash.restore(services(), current_actor(), project_id, json_data.image_ids, json_data.after)
    return ManyResult.of(found)


@blueprint.post("/projects/<int:project_id>/trash/delete")
@requires(Permission.MANAGE_IMAGES)
@blueprint.input(TrashChoice)
@blueprint.output(ManyResult)
@blueprint.doc(operation_id="deleteForGood")
def delete_for_good(project_id: int, json_data: TrashChoice) -> ManyResult:
    """Delete images in the trash for good, with their annotations and history."""
    found = trash.delete_for_good(services(), current_actor(), project_id, json_data.image_ids, json_data.after)
    return ManyResult.of(found)
