"""Putting the application together."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from apiflask import APIFlask
from pydantic.json_schema import models_json_schema
from werkzeug.routing import IntegerConverter, Map

from limner import __version__
from limner.api.auth import register_auth
from limner.api.blueprints import (
    account,
    agreement,
    annotations,
    audit,
    categories,
    client,
    comments,
    embeddings,
    events,
    exports,
    health,
    images,
    imports,
    jobs,
    learning,
    members,
    people,
    projects,
    server,
    session,
    sign_in_providers,
    snapshots,
    statistics,
    suggestions,
    trash,
    verification,
    webhooks,
    work,
)
from limner.api.context import EXTENSION
from limner.api.errors import register_errors
from limner.api.guard import check_routes
from limner.api.metrics import register_metrics
from limner.api.openapi import SCHEMAS, finish_spec
from limner.api.proxies import behind_proxies
from limner.api.rate_limits import make_limiter
from limner.api.rules import LazyRule
from limner.api.schemas.base import ErrorAnswer
from limner.api.schemas.images import EmbeddingPending
from limner.api.security import SessionCookies, register_request_checks, register_security_headers, secret_key
from limner.api.uploads import UploadRequest, upload_folder
from limner.config import MIB
from limner.service.accounts import SESSION_LIFETIME
from limner.service.wiring import Services
from limner.vocabulary.events import ProjectEvent

API_PREFIX = "/api/v1"
MAX_BODY_BYTES = 32 * MIB  # of everything but uploads and imports
MAX_UPLOAD_PARTS = 2000
MAX_FIELD_BYTES = 100 * 1024  # of a form's field that is no file; the parser reads pieces of 64 KiB
SIGN_IN_LIMIT = "20 per minute"
GUESSABLE = (  # endpoints that the limit is for, all of them together
    "session.sign_in",
    "session.look_at_invitation",
    "session.accept_invitation",
    "sign_in_providers.begin_sign_in",
    "sign_in_providers.finish_sign_in",
)

LARGE_BODIES = ("images.upload_images", "imports.import_annotations")  # endpoints that take uploads

API_BLUEPRINTS = (
    session.blueprint,
    sign_in_providers.blueprint,
    account.blueprint,
    people.blueprint,
    audit.blueprint,
    members.blueprint,
    server.blueprint,
    projects.blueprint,
    categories.blueprint,
    images.blueprint,
    trash.blueprint,
    embeddings.blueprint,
    annotations.blueprint,
    comments.blueprint,
    suggestions.blueprint,
    work.blueprint,
    statistics.blueprint,
    verification.blueprint,
    agreement.blueprint,
    snapshots.blueprint,
    learning.blueprint,
    imports.blueprint,
    webhooks.blueprint,
    exports.blueprint,
    jobs.blueprint,
    events.blueprint,
)


def create_app(services: Services, client_folder: Path | None = None) -> APIFlask:
    """The application over these services.

    Args:
        services: everything behind it.
        client_folder: the built web client; by default the settings', else the package's.
    """
    app = _assemble()
    app.request_class = type("LimnerRequest", (UploadRequest,), {"folder": upload_folder(services.settings.home)})
    settings = services.settings
    app.secret_key = secret_key(settings.home)
    app.session_interface = SessionCookies()
    # Cookies do not know ports: two installations on one host must not sign each other's people out.
    app.config["SESSION_COOKIE_NAME"] = f"limner_session_{services.installation[:8]}"
    app.config["SESSION_COOKIE_PATH"] = settings.root_path or "/"
    if settings.proxy_hops:
        app.wsgi_app = behind_proxies(app.wsgi_app, settings.proxy_hops)  # type: ignore[assignment]
    app.extensions[EXTENSION] = services
    app.config["BODY_LIMITS"] = dict.fromkeys(LARGE_BODIES, services.settings.max_upload_bytes)
    app.config[client.FOLDER_SETTING] = client_folder or services.settings.client_folder or client.FOLDER
    register_metrics(app, services)
    register_request_checks(app)
    register_auth(app)
    guessable = make_limiter(app, services).shared_limit(SIGN_IN_LIMIT, scope="sign-in")
    for endpoint in GUESSABLE:
        limited: Any = guessable(app.view_functions[endpoint])
        app.view_functions[endpoint] = limited
    return app


def api_description() -> dict[str, Any]:
    """The OpenAPI description, without opening anything."""
    app = _assemble()
    with app.app_context():
        spec = app.spec
    assert isinstance(spec, dict)
    return spec


def _assemble() -> APIFlask:
    """Routes, errors and headers, without anything behind them."""
    app = APIFlask(
        "limner",
        title="Limner",
        version=__version__,
        docs_path=None,
        openapi_blueprint_url_prefix=API_PREFIX,
        static_folder=None,  # type: ignore[arg-type]  # the client has a blueprint of its own
    )
    app.config.update(
        AUTO_404_RESPONSE=False,
        AUTO_AUTH_ERROR_RESPONSE=False,
        AUTO_SERVERS=False,
        AUTO_VALIDATION_ERROR_RESPONSE=False,
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_FIELD_BYTES,
        MAX_FORM_PARTS=MAX_UPLOAD_PARTS,
        PERMANENT_SESSION_LIFETIME=timedelta(seconds=SESSION_LIFETIME.total_seconds()),
        SESSION_COOKIE_SAMESITE="Strict",
        SESSION_REFRESH_EACH_REQUEST=False,
        WTF_CSRF_TIME_LIMIT=None,  # the token lives as long as the session
    )
    app.url_rule_class = LazyRule
    app.url_map.converters["int"] = RowNumber
    app.url_map.merge_slashes = False  # a redirect would repeat whatever Host header came
    register_errors(app)
    register_security_headers(app)
    for blueprint in API_BLUEPRINTS:
        app.register_blueprint(blueprint, url_prefix=API_PREFIX)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(client.blueprint)
    app.spec_processor(_finish)
    check_routes(app)
    return app


class RowNumber(IntegerConverter):
    """A number in an address that a database can look up; larger ones lead nowhere."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=2**63 - 1)


def _finish(spec: dict[str, Any] | str) -> dict[str, Any] | str:
    assert isinstance(spec, dict), "the description is made as JSON"
    _, extra = models_json_schema(
        [(model, "serialization") for model in (ErrorAnswer, EmbeddingPending, ProjectEvent)],
        ref_template=SCHEMAS + "{model}",
    )
    return finish_spec(spec, extra["$defs"])
