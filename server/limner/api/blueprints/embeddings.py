"""Embeddings: sent when they are there, asked for when they are not."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response, jsonify

from limner.access import Permission
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.files import blob_response
from limner.api.guard import requires
from limner.api.openapi import embedding_responses
from limner.api.schemas.images import EmbeddingPending, EmbeddingQuery
from limner.blobs import Blob, embedding_key
from limner.encoding.states import Target
from limner.encoding.stored import open_embedding
from limner.encoding.wire import MEDIA_TYPE, Dtype, smaller
from limner.errors import EncoderFailed, ModelChanged, NotFound
from limner.models.manifest import PREPROCESSING_VERSION
from limner.service.models import find_wanted
from limner.tracing import log_step
from limner.vocabulary.geometry import Region

blueprint = APIBlueprint("embeddings", __name__)

POLL_SECONDS = 1
PACKED_ABOVE = 4 << 20  # bytes: SAM's 2.1 MB travel as they are


@blueprint.get("/images/<int:image_id>/embedding")
@requires(Permission.VIEW)
@blueprint.input(EmbeddingQuery, location="query")
@blueprint.doc(operation_id="getEmbedding", responses=embedding_responses())
def get_embedding(image_id: int, query_data: EmbeddingQuery) -> Response:
    """The embedding of an image, or of a region of it, as a safetensors file, or 202 while the encoder works on it."""
    region = None if query_data.region is None else Region.parse(query_data.region)
    wanted = find_wanted(services(), current_actor(), image_id, region, query_data.model)
    target = wanted.target
    response = _stored(target, query_data.dtype)
    if response is not None:
        log_step("sent", target.image_sha256, image=image_id, region=str(target.region or ""))
    else:
        if target.model_sha256 != wanted.used:
            raise ModelChanged(
                f"The project uses another model now than that with the weights {target.model_sha256[:12]}….",
                hint="Read which one the project uses, and load its manifest and graphs.",
                details={"model_sha256": wanted.used},
            )
        state = services().encoder.request(target, query_data.priority)
        if state.state == "failed":
            raise EncoderFailed(
                f"Image {image_id} could not be encoded: {state.error}",
                hint="The server's log says more; restart the server to try again.",
            )
        response = (_stored(target, query_data.dtype) if state.state == "ready" else None) or _pending(
            EmbeddingPending(state=state.state, position=state.position, error=services().encoder.trouble())
        )
    response.headers["X-Limner-Model-Sha256"] = target.model_sha256
    return response


def _stored(target: Target, dtype: Dtype) -> Response | None:
    tag = f"{target.image_sha256[:16]}-{target.model_sha256[:16]}-{PREPROCESSING_VERSION}-{dtype}"
    if target.region is not None:
        tag += f"-{target.region}".replace(",", "-")
    try:
        return blob_response(lambda: _find(target, dtype), tag, MEDIA_TYPE)
    except NotFound:
        return None


def _find(target: Target, dtype: Dtype) -> Blob:
    """The embedding in the form that is asked for; made from the exact one when need be.

    Raises:
        NotFound: it has not been made.
    """
    blobs = services().blobs
    services().embedding_cap.use(target)
    names = (target.image_sha256, target.model_sha256, PREPROCESSING_VERSION)
    exact = embedding_key(*names, region=target.region)
    if dtype != "i8":
        found = open_embedding(blobs, exact)
        if dtype == "f16" or found.size <= PACKED_ABOVE:
            return found
    short = embedding_key(*names, dtype, target.region)
    try:
        return open_embedding(blobs, short)
    except NotFound:
        made = smaller(open_embedding(blobs, exact).read(), dtype)
        blobs.put(short, made, replace=True)
        services().embedding_cap.grew(target, len(made))
        return blobs.open(short)


def _pending(state: EmbeddingPending) -> Response:
    response = jsonify(state.model_dump(mode="json"))
    response.status_code = 202
    response.headers["Retry-After"] = str(POLL_SECONDS)
    return response
