"""The web client: one page for all of its addresses, and files whose names carry their hash."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from apiflask import APIBlueprint
from flask import Response, current_app, request, send_file
from werkzeug.exceptions import NotFound as NotFoundAddress
from werkzeug.security import safe_join

from limner.api.errors import werkzeug_error
from limner.errors import NotFound, Unavailable

blueprint = APIBlueprint("client", __name__, enable_openapi=False)

FOLDER = Path(__file__).parents[2] / "static"  # where `npm run build` puts the client
FOLDER_SETTING = "CLIENT_FOLDER"
ENCODINGS = {"br": ".br", "gzip": ".gz"}  # in order of preference
HASHED = "assets"  # the folder in which every file name carries the hash of its content
IMMUTABLE_PUBLIC = "public, max-age=31536000, immutable"

# Not left to the machine's own table: a wrong type stops modules and WebAssembly from loading.
MEDIA_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".mjs": "text/javascript",
    ".onnx": "application/octet-stream",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}


@blueprint.get("/")
@blueprint.get("/login")
@blueprint.get("/login/<provider>")
@blueprint.get("/invitation")
@blueprint.get("/account")
@blueprint.get("/models")
@blueprint.get("/people")
@blueprint.get("/audit")
@blueprint.get("/projects/<int:project_id>")
@blueprint.get("/projects/<int:project_id>/audit")
@blueprint.get("/projects/<int:project_id>/statistics")
@blueprint.get("/projects/<int:project_id>/learning")
@blueprint.get("/projects/<int:project_id>/verification")
@blueprint.get("/projects/<int:project_id>/agreement")
@blueprint.get("/projects/<int:project_id>/agreement/<int:image_id>")
@blueprint.get("/projects/<int:project_id>/webhooks")
@blueprint.get("/projects/<int:project_id>/trash")
@blueprint.get("/projects/<int:project_id>/images/<int:image_id>")
def page(project_id: int | None = None, image_id: int | None = None, provider: str | None = None) -> Response:
    """The page; its script reads the address and shows what belongs there, below the root that is written into it."""
    return _page()


@blueprint.app_errorhandler(404)
def nothing_here(error: NotFoundAddress) -> Response:
    """People who follow a link that leads nowhere see a page that says so; programs get the error as JSON."""
    return _page(404) if _is_for_people() else werkzeug_error(error)


def _is_for_people() -> bool:
    """Whether a browser's window asks for a page: programs and scripts of pages do not name HTML."""
    if request.path.startswith("/api/"):
        return False
    return request.method in ("GET", "HEAD") and "text/html" in request.headers.get("Accept", "")


def _page(status: int = 200) -> Response:
    index = _folder() / "index.html"
    if not index.is_file():
        raise Unavailable(
            "The web client has not been built.", hint="Run `make run`, or `npm run build` in the folder web."
        )
    root = request.script_root
    text = index.read_text("utf-8").replace('="./', f'="{root}/')  # as `npm run build` writes addresses of files
    if root:
        text = text.replace("<head>", f'<head>\n    <meta name="limner-root" content="{root}" />', 1)
    response = Response(text, status, mimetype="text/html")
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/<name>")
@blueprint.get(f"/{HASHED}/<path:name>")
@blueprint.get("/guide/<path:name>")
def file(name: str) -> Response:
    """A file of the client, or a page or picture of the guide."""
    path = request.path.lstrip("/")
    joined = safe_join(str(_folder()), path)
    found = Path(joined) if joined else None
    if found is None or not _is_file(found) or found.suffix in ENCODINGS.values():
        if _is_for_people():
            return _page(404)
        raise NotFound(f"There is nothing at /{path[:200]}.", hint="The client's pages start at /.")
    response = _send(found)
    hashed = path.startswith(f"{HASHED}/")
    response.headers["Cache-Control"] = IMMUTABLE_PUBLIC if hashed else "no-cache"
    return response


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is longer than names can be
        return False


def _folder() -> Path:
    folder: Path = current_app.config[FOLDER_SETTING]
    return folder


def _send(path: Path) -> Response:
    """A file, in the best precompressed form that the client takes."""
    encoding, best = _best_encoding(path)
    media_type = MEDIA_TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    response = send_file(best, mimetype=media_type, conditional=True)
    if encoding is not None:
        response.headers["Content-Encoding"] = encoding
    response.vary.add("Accept-Encoding")
    return response


def _best_encoding(path: Path) -> tuple[str | None, Path]:
    for encoding, suffix in ENCODINGS.items():
        compressed = path.with_name(path.name + suffix)
        if request.accept_encodings[encoding] > 0 and compressed.is_file():
            return encoding, compressed
    return None, path
