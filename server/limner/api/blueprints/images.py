"""Images: upload, pages, files, thumbnails."""

from __future__ import annotations

from collections.abc import Sequence

from apiflask import APIBlueprint
from flask import Response, request
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

from limner.access import Permission, access_image, access_project
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.files import blob_response
from limner.api.guard import requires
from limner.api.openapi import binary_response, upload_body
from limner.api.schemas.base import ErrorInfo
from limner.api.schemas.images import (
    Image,
    ImageDetails,
    ImageEmbedding,
    ImageList,
    ImageQuery,
    UploadResult,
    UploadResults,
)
from limner.api.uploads import open_part
from limner.blobs import display_key, thumbnail_key
from limner.encoding.states import EmbeddingState
from limner.errors import InvalidInput
from limner.jobs.sweep import unreference
from limner.service.ingest import ingest_image
from limner.store import images as store
from limner.store.embeddings import encoded_among
from limner.store.marks import marks_of
from limner.store.tables import Image as ImageRow
from limner.vocabulary.names import clean_file_name, printable

blueprint = APIBlueprint("images", __name__)

MAX_SHOWN_NAME = 255  # characters of the name of a file that is refused


@blueprint.get("/projects/<int:project_id>/images")
@requires(Permission.VIEW)
@blueprint.input(ImageQuery, location="query")
@blueprint.output(ImageList)
@blueprint.doc(operation_id="listImages")
def list_images(project_id: int, query_data: ImageQuery) -> ImageList:
    """A page of the images of a project, in the order in which they came."""
    query = query_data
    with services().database.read() as session:
        access_project(session, current_actor(), project_id, Permission.VIEW)
        page = store.page_images(session, project_id, query.after, query.limit, query.state)
        return ImageList(images=_present_all(session, page.images), next=page.next)


@blueprint.post("/projects/<int:project_id>/images")
@requires(Permission.MANAGE_IMAGES)
@blueprint.output(UploadResults)
@blueprint.doc(operation_id="uploadImages", extensions=upload_body("files", many=True))
def upload_images(project_id: int) -> UploadResults:
    """Add image files; each gets its own answer, and files that the project has already are recognised."""
    request.max_content_length = services().settings.max_upload_bytes
    with services().database.read() as session:
        access_project(session, current_actor(), project_id, Permission.MANAGE_IMAGES)
    parts = request.files.getlist("files")
    if not parts:
        raise InvalidInput(
            "The request brings no files.", hint="Send a multipart/form-data body with one part `files` per image."
        )
    return UploadResults(results=[_ingest(project_id, part) for part in parts])


@blueprint.get("/images/<int:image_id>")
@requires(Permission.VIEW)
@blueprint.output(ImageDetails)
@blueprint.doc(operation_id="getImage")
def get_image(image_id: int) -> ImageDetails:
    """One image and its neighbours."""
    with services().database.read() as session:
        row = access_image(session, current_actor(), image_id, Permission.VIEW)
        previous_id, next_id = store.neighbours(session, row)
        next_waiting_id = store.next_waiting(session, row)
        position = store.position_of(session, row)
        image = _present_all(session, [row])[0]
    if image.embedding.state == "none":  # its blob may be there though nobody wrote that down; lists do not look so far
        image = image.model_copy(update={"embedding": _embedding(services().encoder.state(row.sha256))})
    return ImageDetails(
        **image.model_dump(),
        position=position,
        previous_id=previous_id,
        next_id=next_id,
        next_waiting_id=next_waiting_id,
    )


@blueprint.delete("/images/<int:image_id>")
@requires(Permission.MANAGE_IMAGES)
@blueprint.doc(operation_id="deleteImage", responses={204: "Deleted"})
def delete_image(image_id: int) -> Response:
    """Delete an image with its annotations and history."""
    with services().database.write() as session:
        row = access_image(session, current_actor(), image_id, Permission.MANAGE_IMAGES)
        orphans = store.delete_image(session, row)
        unreference(session, orphans)
    for sha256 in orphans:
        services().encoder.cancel(sha256)
    return Response(status=204)


@blueprint.get("/images/<int:image_id>/file")
@requires(Permission.VIEW)
@blueprint.doc(operation_id="getImageFile", responses=binary_response("image/*", "The oriented image"))
def get_file(image_id: int) -> Response:
    """The image as browsers show it: upright."""
    row = _row(image_id)
    key = display_key(row.sha256)
    return blob_response(lambda: services().blobs.open(key), f"{row.sha256}-display", row.display_type)


@blueprint.get("/images/<int:image_id>/thumbnail")
@requires(Permission.VIEW)
@blueprint.doc(operation_id="getThumbnail", responses=binary_response("image/webp", "The thumbnail"))
def get_thumbnail(image_id: int) -> Response:
    """The image, small, as WebP."""
    row = _row(image_id)
    key = thumbnail_key(row.sha256)
    return blob_response(lambda: services().blobs.open(key), f"{row.sha256}-thumbnail", "image/webp")


def _row(image_id: int) -> ImageRow:
    with services().database.read() as session:
        return access_image(session, current_actor(), image_id, Permission.VIEW)


def _ingest(project_id: int, part: FileStorage) -> UploadResult:
    shown_name = printable(part.filename or "")[:MAX_SHOWN_NAME]
    try:
        file_name = clean_file_name(part.filename)
        taken = ingest_image(services(), project_id, file_name, *open_part(part))
    except InvalidInput as error:
        return UploadResult(file_name=shown_name, status="rejected", image=None, error=ErrorInfo.of(error), notes=[])
    with services().database.read() as session:
        image = _present_all(session, [taken.image])[0]
    status = "created" if taken.created else "duplicate"
    return UploadResult(file_name=file_name, status=status, image=image, error=None, notes=list(taken.notes))


def _present_all(session: Session, rows: Sequence[ImageRow]) -> list[Image]:
    encoded = encoded_among(session, [row.sha256 for row in rows], services().embedding_key)
    queued = services().encoder.queued
    marks = marks_of(session, rows)
    return [
        Image.of(
            row, marks[row.id], _embedding(EmbeddingState("ready") if row.sha256 in encoded else queued(row.sha256))
        )
        for row in rows
    ]


def _embedding(found: EmbeddingState | None) -> ImageEmbedding:
    return ImageEmbedding(state=found.state, error=found.error) if found else ImageEmbedding(state="none", error=None)
