"""The server's state and its models."""

from __future__ import annotations

import os
from dataclasses import asdict

from apiflask import APIBlueprint
from flask import Response, send_file

from limner import __version__
from limner.access import Permission
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.files import IMMUTABLE
from limner.api.guard import requires
from limner.api.openapi import binary_response
from limner.api.schemas.server import GraphQuery, Model, ModelList, ModelPull, ServerStatus
from limner.errors import MissingWeights, NotFound, Unavailable
from limner.models import catalogue
from limner.models.manifest import GraphFile, Manifest
from limner.service import model_pulls as verbs
from limner.service.model_pulls import find_pull

blueprint = APIBlueprint("server", __name__)


@blueprint.get("/server")
@requires(Permission.READ_SERVER)
@blueprint.output(ServerStatus)
@blueprint.doc(operation_id="getServer")
def get_server() -> ServerStatus:
    """The server, its model, the encoder and the queue in front of it."""
    return ServerStatus.model_validate(
        {
            "version": __version__,
            "model": services().models.default.name,
            "model_sha256": services().models.default.card.weights_sha256,
            "cores": os.cpu_count() or 1,
            **asdict(services().encoder.status()),
        }
    )


@blueprint.get("/models")
@requires(Permission.READ_SERVER)
@blueprint.output(ModelList)
@blueprint.doc(operation_id="listModels")
def list_models() -> ModelList:
    """The models that are installed or can be pulled."""
    default = services().models.default
    models = {
        model.name: Model(
            name=model.name,
            title=model.card.title,
            family=model.card.family,
            licence=model.card.licence,
            installed=True,
            bundled=model.bundled,
            default=model.name == default.name,
            weights_sha256=model.card.weights_sha256,
            bytes=model.weights.stat().st_size,
            quality=model.card.quality,
            source=model.card.source,
            download_bytes=None,
            pull=None,
        )
        for model in services().models.usable()
        if model.weights.is_file()
    }
    for known in catalogue.KNOWN_MODELS.values():
        models.setdefault(
            known.name,
            Model(
                name=known.name,
                title=known.title,
                family=known.family,
                licence=known.licence,
                installed=False,
                bundled=False,
                default=False,
                weights_sha256=None,
                bytes=None,
                quality={},
                source=known.url,
                download_bytes=known.size,
                pull=ModelPull.model_validate(pull) if (pull := find_pull(services(), known)) else None,
            ),
        )
    return ModelList(models=[models[name] for name in sorted(models)])


@blueprint.post("/models/<name>/pull")
@requires(Permission.MANAGE_MODELS)
@blueprint.doc(operation_id="pullModel", responses={202: "Asked for"})
def pull_model(name: str) -> Response:
    """Have a model that is not installed fetched in the background; one that failed is gone on with."""
    verbs.pull_model(services(), current_actor(), name)
    return Response(status=202)


@blueprint.delete("/models/<name>/pull")
@requires(Permission.MANAGE_MODELS)
@blueprint.doc(operation_id="cancelPull", responses={204: "Not fetched any more"})
def cancel_pull(name: str) -> Response:
    """Have a model not fetched any more. What has arrived is kept, and gone on with the next time."""
    verbs.cancel_pull(services(), current_actor(), name)
    return Response(status=204)


@blueprint.get("/models/<weights_sha256>/manifest")
@requires(Permission.READ_SERVER)
@blueprint.output(Manifest)
@blueprint.doc(operation_id="getManifest")
def get_manifest(weights_sha256: str) -> Manifest:
    """What a page must know to run the model."""
    return _manifest(weights_sha256)


@blueprint.get("/models/<weights_sha256>/graphs/<any(prepare, decode):graph>")
@requires(Permission.READ_SERVER)
@blueprint.input(GraphQuery, location="query")
@blueprint.doc(operation_id="getGraph", responses=binary_response("application/octet-stream", "The ONNX file"))
def get_graph(weights_sha256: str, graph: str, query_data: GraphQuery) -> Response:
    """One of the model's two ONNX graphs."""
    described: GraphFile = getattr(_manifest(weights_sha256).graphs, graph)
    path = services().encoder.graph_path(weights_sha256, graph)
    response = send_file(path, mimetype="application/octet-stream", etag=described.sha256, conditional=True)
    # A later exporter writes another graph of the same weights: without its hash the path may go stale.
    response.headers["Cache-Control"] = IMMUTABLE if query_data.v == described.sha256 else "private, no-cache"
    return response


def _manifest(weights_sha256: str) -> Manifest:
    try:
        services().models.by_weights(weights_sha256)
    except MissingWeights as error:
        raise NotFound(error.message, hint=error.hint) from error
    manifest = services().encoder.manifest(weights_sha256)
    if manifest is None:
        raise Unavailable("The model is being prepared for the browser.", hint="Ask again in a moment.")
    return manifest
