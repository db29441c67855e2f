"""For machines that look after the server."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response
from prometheus_client import CONTENT_TYPE_LATEST

from limner.access import Permission
from limner.api.context import services
from limner.api.guard import requires
from limner.api.metrics import current_metrics
from limner.errors import Unavailable

blueprint = APIBlueprint("health", __name__, enable_openapi=False)


@blueprint.get("/healthz")
def healthz() -> dict[str, str]:
    """The process is alive."""
    return {"status": "ok"}


@blueprint.get("/readyz")
def readyz() -> dict[str, str]:
    """The server can store work: the database answers. The encoder may still be starting; pages cope with that."""
    if services().events.closed:
        raise Unavailable("The server is shutting down.")
    services().database.ping()
    return {"status": "ready"}


@blueprint.get("/metrics")
@requires(Permission.READ_METRICS)
def metrics() -> Response:
    """Prometheus text."""
    return Response(current_metrics().text(), content_type=CONTENT_TYPE_LATEST)
