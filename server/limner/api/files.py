"""Answers that are files: blobs and their caching."""

from __future__ import annotations

from flask import Response, request

from limner.blobs import BlobStore

IMMUTABLE = "private, max-age=31536000, immutable"  # content-addressed: the bytes behind the address never change


def blob_response(blobs: BlobStore, key: str, tag: str, media_type: str) -> Response:
    """A blob as a streamed answer, or 304 when the client has it.

    Args:
        blobs: where it lies.
        key: under which key.
        tag: its ETag, derived from content hashes.
        media_type: fixed by us, never guessed from the bytes.

    Raises:
        NotFound: when there is no such blob.
    """
    if request.if_none_match.contains(tag):
        response = Response(status=304)
    else:
        response = Response(blobs.stream(key), mimetype=media_type)
        size = blobs.size(key)
        if size is not None:
            response.content_length = size
    response.set_etag(tag)
    response.headers["Cache-Control"] = IMMUTABLE
    return response
