"""Answers that are files: blobs and their caching."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, request, send_file

from limner.blobs import Blob
from limner.errors import NotFound

IMMUTABLE = "private, max-age=31536000, immutable"  # content-addressed: the bytes behind the address never change


def blob_response(find: Callable[[], Blob], tag: str, media_type: str) -> Response:
    """A blob as an answer, or 304 when the client has it: then nothing is looked for.

    Args:
        find: gives the blob.
        tag: its ETag, derived from content hashes.
        media_type: fixed by us, never guessed from the bytes.

    Raises:
        NotFound: by ``find``, when there is no such blob, or it was removed since.
    """
    if request.if_none_match.contains(tag):
        response = Response(status=304)
    else:
        blob = find()
        if blob.path is not None:
            try:
                response = send_file(blob.path, mimetype=media_type, etag=False, conditional=False)
            except FileNotFoundError as error:
                raise NotFound(f"The blob {blob.path.name} was removed.", hint="Ask for it again.") from error
            response.headers.pop("Content-Disposition", None)
            response.headers.pop("Last-Modified", None)
        else:
            response = Response(blob.chunks(), mimetype=media_type)
            response.content_length = blob.size
    response.set_etag(tag)
    response.headers["Cache-Control"] = IMMUTABLE
    return response
