"""Images: upload, pages, files, thumbnails."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response, request
from werkzeug.datastructures import FileStorage

from limner.access import Permission
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.files import IMMUTABLE, blob_response
from limner.api.guard import requires
from limner.api.openapi import binary_response, upload_body
from limner.api.schemas.base import ErrorInfo
from limner.api.schemas.bulk import (
    AssignMany,
    DeleteMany,
    EmptyImages,
    ManyChange,
    ManyChanged,
    ManyChosen,
    MarkMany,
    MoveMany,
    TagMany,
)
from limner.api.schemas.images import (
    MAX_FOLDERS,
    MAX_TAGS,
    Folder,
    FolderList,
    Image,
    ImageDetails,
    ImageList,
    ImageQuery,
    ListingQuery,
    MasksQuery,
    Tag,
    TagList,
    UploadResult,
    UploadResults,
)
from limner.api.uploads import open_part
from limner.blobs import display_key, thumbnail_key
from limner.errors import InvalidInput
from limner.service import bulk, images, trash
from limner.service.projects import check_project
from limner.service.tile_masks import tile_masks
from limner.vocabulary.names import clean_file_name, printable

blueprint = APIBlueprint("images", __name__)

MAX_SHOWN_NAME = 255  # characters of the name of a file that is refused


@blueprint.get("/projects/<int:project_id>/images")
@requires(Permission.VIEW)
@blueprint.input(ImageQuery, location="query")
@blueprint.output(ImageList)
@blueprint.doc(operation_id="listImages")
def list_images(project_id: int, query_data: ImageQuery) -> ImageList:
    """A page of the images of a project."""
    query = query_data
    page = images.list_images(
        services(),
        current_actor(),
        project_id,
        query.after,
        query.limit,
        query.listing(),
        skip=query.skip,
        counted=query.counted,
    )
    return ImageList(images=[Image.of(image) for image in page.images], next=page.next, total=page.total)


@blueprint.get("/projects/<int:project_id>/folders")
@requires(Permission.VIEW)
@blueprint.output(FolderList)
@blueprint.doc(operation_id="listFolders")
def list_folders(project_id: int) -> FolderList:
    """The folders that the images of a project are in."""
    found = images.list_folders(services(), current_actor(), project_id, MAX_FOLDERS)
    return FolderList(folders=[Folder(path=path, images=count) for path, count in found])


@blueprint.get("/projects/<int:project_id>/tags")
@requires(Permission.VIEW)
@blueprint.output(TagList)
@blueprint.doc(operation_id="listTags")
def list_tags(project_id: int) -> TagList:
    """The tags that images of the project have."""
    found = images.list_tags(services(), current_actor(), project_id, MAX_TAGS)
    return TagList(tags=[Tag(tag=tag, images=count) for tag, count in found])


@blueprint.post("/projects/<int:project_id>/images")
@requires(Permission.MANAGE_IMAGES)
@blueprint.output(UploadResults)
@blueprint.doc(operation_id="uploadImages", extensions=upload_body("files", many=True))
def upload_images(project_id: int) -> UploadResults:
    """Add image files; each gets its own answer, and files that the project has already are recognised."""
    check_project(services(), current_actor(), project_id, Permission.MANAGE_IMAGES)  # before the body is read
    request.max_content_length = services().settings.max_upload_bytes
    parts = request.files.getlist("files")
    if not parts:
        raise InvalidInput(
            "The request brings no files.", hint="Send a multipart/form-data body with one part `files` per image."
        )
    return UploadResults(results=[_ingest(project_id, part) for part in parts])


@blueprint.post("/projects/<int:project_id>/images/empty")
@requires(Permission.VIEW)
@blueprint.input(ManyChosen)
@blueprint.output(EmptyImages)
@blueprint.doc(operation_id="countEmptyImages")
def count_empty_images(project_id: int, json_data: ManyChosen) -> EmptyImages:
    """How many of many images have no masks and are not submitted: what is asked before they are."""
    return EmptyImages(count=bulk.count_empty(services(), current_actor(), project_id, json_data.images()))


@blueprint.post("/projects/<int:project_id>/images/change")
@requires(Permission.VIEW)
@blueprint.input(ManyChange)
@blueprint.output(ManyChanged)
@blueprint.doc(operation_id="changeImages")
def change_images(project_id: int, json_data: ManyChange) -> ManyChanged:
    """Do the same to many images; each that it may not be done to is left as it is, and told."""
    of, change = (services(), current_actor(), project_id, json_data.images()), json_data.change
    match change:
        case MarkMany():
            return ManyChanged.told(bulk.mark_images(*of, change.state, change.note))
        case AssignMany():
            return ManyChanged.told(bulk.assign_images(*of, change.to))
        case DeleteMany():
            return ManyChanged.told(bulk.delete_images(*of))
        case TagMany():
            return ManyChanged.told(bulk.tag_images(*of, change.tag, put=change.action == "tag"))
        case MoveMany():
            return ManyChanged.told(bulk.move_images(*of, change.folder))


@blueprint.get("/images/<int:image_id>")
@requires(Permission.VIEW)
@blueprint.input(ListingQuery, location="query")
@blueprint.output(ImageDetails)
@blueprint.doc(operation_id="getImage")
def get_image(image_id: int, query_data: ListingQuery) -> ImageDetails:
    """One image and its neighbours."""
    return ImageDetails.at(images.get_image(services(), current_actor(), image_id, query_data.listing()))


@blueprint.delete("/images/<int:image_id>")
@requires(Permission.MANAGE_IMAGES)
@blueprint.doc(operation_id="deleteImage", responses={204: "In the trash"})
def delete_image(image_id: int) -> Response:
    """Put an image into the trash of its project, from where it can be restored with all that is on it for 30 days."""
    trash.delete(services(), current_actor(), image_id)
    return Response(status=204)


@blueprint.get("/images/<int:image_id>/file")
@requires(Permission.VIEW)
@blueprint.doc(operation_id="getImageFile", responses=binary_response("image/*", "The oriented image"))
def get_file(image_id: int) -> Response:
    """The image as browsers show it: upright."""
    row = images.image_row(services(), current_actor(), image_id)
    key = display_key(row.sha256)
    return blob_response(lambda: services().blobs.open(key), f"{row.sha256}-display", row.display_type)


@blueprint.get("/images/<int:image_id>/thumbnail")
@requires(Permission.VIEW)
@blueprint.doc(operation_id="getThumbnail", responses=binary_response("image/webp", "The thumbnail"))
def get_thumbnail(image_id: int) -> Response:
    """The image, small, as WebP."""
    row = images.image_row(services(), current_actor(), image_id)
    key = thumbnail_key(row.sha256)
    return blob_response(lambda: services().blobs.open(key), f"{row.sha256}-thumbnail", "image/webp")


@blueprint.get("/images/<int:image_id>/masks")
@requires(Permission.VIEW)
@blueprint.input(MasksQuery, location="query")
@blueprint.doc(operation_id="getMasksPicture", responses=binary_response("image/png", "The masks, on nothing"))
def get_masks_picture(image_id: int, query_data: MasksQuery) -> Response:
    """The masks in the colours of their categories, as large as the thumbnail on which they belong.

    What is answered for the image's present revision never changes and is kept by browsers; for any other revision the
    present masks are sent, and not kept.
    """
    asked = query_data.revision
    tag = f"{image_id}-{asked}-{query_data.look}-masks"
    known = asked if request.if_none_match.contains(tag) else None
    picture = tile_masks(services(), current_actor(), image_id, known)
    if picture.png is None:
        response = Response(status=304)
    else:
        response = Response(picture.png, mimetype="image/png")
    if picture.revision != asked:
        response.headers["Cache-Control"] = "no-store"
        return response
    response.set_etag(tag)
    response.headers["Cache-Control"] = IMMUTABLE
    return response


def _ingest(project_id: int, part: FileStorage) -> UploadResult:
    shown_name = printable(part.filename or "")[:MAX_SHOWN_NAME]
    try:
        file_name = clean_file_name(part.filename)
        added = images.add_image(services(), current_actor(), project_id, file_name, *open_part(part))
    except InvalidInput as error:
        return UploadResult(file_name=shown_name, status="rejected", image=None, error=ErrorInfo.of(error), notes=[])
    return UploadResult(
        file_name=file_name,
        status="created" if added.created else "duplicate",
        image=Image.of(added.image),
        error=None,
        notes=list(added.notes),
    )
