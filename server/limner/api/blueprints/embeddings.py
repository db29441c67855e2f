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
from limner.blobs import embedding_key
from limner.encoding.wire import MEDIA_TYPE, as_int8
from limner.errors import EncoderFailed
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


def _stored(sha256: str, dtype: str, region: Region | None) -> Response | None:
    context = services()
    key = context.embedding_key
    wanted = embedding_key(sha256, key.model_sha256, key.preprocessing_version, dtype, region)
    if not context.blobs.exists(wanted):
        exact = embedding_key(sha256, key.model_sha256, key.preprocessing_version, region=region)
        if dtype == "f16" or not context.blobs.exists(exact):
            return None
        context.blobs.put(wanted, as_int8(context.blobs.get(exact)))
    tag = f"{sha256[:16]}-{key.model_sha256[:16]}-{key.preprocessing_version}-{dtype}"
    if region is not None:
        tag += f"-{region}".replace(",", "-")
    return blob_response(context.blobs, wanted, tag, MEDIA_TYPE)


def _pending(state: EmbeddingPending) -> Response:
    response = jsonify(state.model_dump(mode="json"))
    response.status_code = 202
    response.headers["Retry-After"] = str(POLL_SECONDS)
    return response
