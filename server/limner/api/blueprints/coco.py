"""COCO in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

from apiflask import APIBlueprint
from flask import request

from limner.access import Permission
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.guard import requires
from limner.api.openapi import import_body
from limner.api.schemas.exchange import ImportResult
from limner.api.uploads import PartStore, upload_folder
from limner.errors import InvalidInput
from limner.service import exchange
from limner.service.projects import check_project

blueprint = APIBlueprint("coco", __name__)


@blueprint.post("/projects/<int:project_id>/import/coco")
@requires(Permission.IMPORT)
@blueprint.output(ImportResult)
@blueprint.doc(operation_id="importCoco", extensions=import_body())
def import_coco(project_id: int) -> ImportResult:
    """Add the annotations of a COCO file to the images it names; entries that cannot be used are listed."""
    check_project(services(), current_actor(), project_id, Permission.IMPORT)  # before the body is read
    request.max_content_length = services().settings.max_upload_bytes
    with _sent_file() as file:
        return ImportResult.model_validate(exchange.import_coco(services(), current_actor(), project_id, file))


@contextmanager
def _sent_file() -> Iterator[IO[bytes]]:
    """The file that came as the body or as the part ``file`` of a form, on disk when it is large."""
    if request.mimetype == "multipart/form-data":
        part = request.files.get("file")
        if part is None:
            raise InvalidInput("The form brings no file.", hint="Send the COCO JSON in the part `file`.")
        yield part.stream
        return
    with PartStore(upload_folder(services().settings.home)).new() as file:
        shutil.copyfileobj(request.stream, file)
        file.seek(0)
        yield cast(IO[bytes], file)
