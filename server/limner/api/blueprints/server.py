"""The server's state and its models."""

from __future__ import annotations

import os
from dataclasses import asdict

from apiflask import APIBlueprint
from flask import Response, send_file

from limner import __version__
from limner.access import Permission
from limner.api.context import services
from limner.api.files import IMMUTABLE
from limner.api.guard import requires
from limner.api.openapi import binary_response
from limner.api.schemas.server import GraphQuery, Model, ModelList, ServerStatus
from limner.errors import MissingWeights, NotFound, Unavailable
from limner.models import catalogue
from limner.models.manifest import GraphFile, Manifest

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
            default=model.name == default.name,
            weights_sha256=model.card.weights_sha256,
            bytes=model.weights.stat().st_size,
            quality=model.card.quality,
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
                default=False,
                weights_sha256=None,
                bytes=None,
                quality={},
            ),
        )
    return ModelList(models=[models[name] for name in sorted(models)])


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
