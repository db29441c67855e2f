"""Annotations in, from any format."""

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
from limner.api.schemas.exchange import ImportQuery, ImportResult
from limner.api.uploads import HashingFile, PartStore, upload_folder
from limner.errors import InvalidInput
from limner.formats.importing import Sources, of_stream
from limner.service import exchange
from limner.service.projects import check_project

PEEK_BYTES = 1024

blueprint = APIBlueprint("imports", __name__)


@blueprint.post("/projects/<int:project_id>/import")
@requires(Permission.IMPORT)
@blueprint.input(ImportQuery, location="query")
@blueprint.output(ImportResult)
@blueprint.doc(operation_id="importAnnotations", extensions=import_body())
def import_annotations(project_id: int, query_data: ImportQuery) -> ImportResult:
    """Add the annotations of files to the images they name; entries that cannot be used are listed."""
    check_project(services(), current_actor(), project_id, Permission.IMPORT)  # before the body is read
    request.max_content_length = services().settings.max_upload_bytes
    with _sent_files() as sources:
        report = exchange.import_annotations(
            services(),
            current_actor(),
            project_id,
            sources,
            form=query_data.format,
            boxes=query_data.boxes,
            preview=query_data.preview,
        )
    return ImportResult.of(report)


@contextmanager
def _sent_files() -> Iterator[Sources]:
    """The files that came as the body or as the parts ``file`` of a form, on disk when they are large."""
    if request.mimetype == "multipart/form-data":
        parts = request.files.getlist("file")
        if not parts:
            raise InvalidInput("The form brings no file.", hint="Send the files in parts called `file`.")
        each = [of_stream(part.filename or "file", part.stream) for part in parts]
        yield Sources(file for sources in each for file in sources)
        return
    with PartStore(upload_folder(services().settings.home)).new() as file:
        shutil.copyfileobj(request.stream, file)
        yield of_stream(_name_of(file), cast(IO[bytes], file))


def _name_of(file: HashingFile) -> str:
    """What to call a body that has no name; its kind is in its first character."""
    file.seek(0)
    first = bytes(file.read(PEEK_BYTES) or b"").removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return "file" + {b"<": ".xml", b"\x89": ".png"}.get(first, ".json")
