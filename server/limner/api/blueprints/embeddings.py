"""Embeddings: sent when they are there, asked for when they are not."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response, jsonify

from limner.access import Permission, access_image
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.files import blob_response
from limner.api.guard import requires
from limner.api.openapi import embedding_responses
from limner.api.schemas.images import EmbeddingPending, EmbeddingQuery
from limner.blobs import Blob, embedding_key
from limner.encoding.stored import open_embedding
from limner.encoding.wire import MEDIA_TYPE, Dtype, as_int8
from limner.errors import EncoderFailed, NotFound
from limner.vocabulary.geometry import Region

blueprint = APIBlueprint("embeddings", __name__)

POLL_SECONDS = 1


@blueprint.get("/images/<int:image_id>/embedding")
@requires(Permission.VIEW)
@blueprint.input(EmbeddingQuery, location="query")
@blueprint.doc(operation_id="getEmbedding", responses=embedding_responses())
def get_embedding(image_id: int, query_data: EmbeddingQuery) -> Response:
    """The embedding of an image, or of a region of it, as a safetensors file, or 202 while the encoder works on it."""
    with services().database.read() as session:
        image = access_image(session, current_actor(), image_id, Permission.VIEW)
    sha256, dtype = image.sha256, query_data.dtype
    region = None if query_data.region is None else Region.parse(query_data.region)
    if region is not None:
        region.check(image.height, image.width)
    response = _stored(sha256, dtype, region)
    if response is None:
        state = services().encoder.request(sha256, query_data.priority, region)
        if state.state == "failed":
            raise EncoderFailed(
                f"Image {image_id} could not be encoded: {state.error}",
                hint="The server's log says more; restart the server to try again.",
            )
        response = (_stored(sha256, dtype, region) if state.state == "ready" else None) or _pending(
            EmbeddingPending(state=state.state, position=state.position, error=services().encoder.trouble())
        )
    response.headers["X-Limner-Model-Sha256"] = services().embedding_key.model_sha256
    return response


def _stored(sha256: str, dtype: Dtype, region: Region | None) -> Response | None:
    key = services().embedding_key
    tag = f"{sha256[:16]}-{key.model_sha256[:16]}-{key.preprocessing_version}-{dtype}"
    if region is not None:
        tag += f"-{region}".replace(",", "-")
    try:
        return blob_response(lambda: _find(sha256, dtype, region), tag, MEDIA_TYPE)
    except NotFound:
        return None


def _find(sha256: str, dtype: Dtype, region: Region | None) -> Blob:
    """The embedding in the form that is asked for; made from the exact one when need be.

    Raises:
        NotFound: it has not been made.
    """
    blobs, key = services().blobs, services().embedding_key
    exact = embedding_key(sha256, key.model_sha256, key.preprocessing_version, region=region)
    if dtype == "f16":
        return open_embedding(blobs, exact)
    short = embedding_key(sha256, key.model_sha256, key.preprocessing_version, dtype, region)
    try:
        return open_embedding(blobs, short)
    except NotFound:
        blobs.put(short, as_int8(open_embedding(blobs, exact).read()), replace=True)
        return blobs.open(short)


def _pending(state: EmbeddingPending) -> Response:
    response = jsonify(state.model_dump(mode="json"))
    response.status_code = 202
    response.headers["Retry-After"] = str(POLL_SECONDS)
    return response
