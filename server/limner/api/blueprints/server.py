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
from limner.errors import NotFound, Unavailable
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
            "model": services().model,
            "model_sha256": services().embedding_key.model_sha256,
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
    installed = catalogue.installed_models(services().settings.home)
    models = {
        model.name: Model(
            name=model.name,
            title=model.card.title,
            family=model.card.family,
            licence=model.card.licence,
            installed=True,
            default=model.name == services().model,
            weights_sha256=model.card.weights_sha256,
        )
        for model in installed
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
    path = services().encoder.graph_path(graph)
    response = send_file(path, mimetype="application/octet-stream", etag=described.sha256, conditional=True)
    # A later exporter writes another graph of the same weights: without its hash the path may go stale.
    response.headers["Cache-Control"] = IMMUTABLE if query_data.v == described.sha256 else "private, no-cache"
    return response


def _manifest(weights_sha256: str) -> Manifest:
    in_use = services().embedding_key.model_sha256
    if weights_sha256 != in_use:
        raise NotFound(f"The model with the weights {weights_sha256[:12]}… is not in use.", hint=f"In use: {in_use}.")
    manifest = services().encoder.manifest()
    if manifest is None:
        raise Unavailable("The model is being prepared for the browser.", hint="Ask again in a moment.")
    return manifest
