"""Headers on every answer, what requests of other sites may not do, and the key that signs cookies."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask, Response, request
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer
from werkzeug.exceptions import UnsupportedMediaType

from limner.atomic import PRIVATE, write_new
from limner.errors import Forbidden, InvalidFile

KEY_FILE = "secret_key"
KEY_BYTES = 32

OTHER_BODIES = frozenset({"images.upload_images", "imports.import_annotations"})  # endpoints that take other than JSON

UNUSED_FEATURES = (
    *("accelerometer", "autoplay", "browsing-topics", "camera", "display-capture", "encrypted-media"),
    *("geolocation", "gyroscope", "hid", "idle-detection", "magnetometer", "microphone", "midi", "payment"),
    *("publickey-credentials-get", "screen-wake-lock", "serial", "usb", "xr-spatial-tracking"),
)

# Isolation (COOP and COEP) lets the decoder's WebAssembly use threads.
HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'self'",
            "script-src 'self' 'wasm-unsafe-eval'",
            "worker-src 'self' blob:",
            "img-src 'self' blob: data:",
            "style-src 'self' 'unsafe-inline'",
            "connect-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",  # for browsers that do not know frame-ancestors
    "X-Permitted-Cross-Domain-Policies": "none",
    "Origin-Agent-Cluster": "?1",
    "Permissions-Policy": ", ".join(f"{each}=()" for each in UNUSED_FEATURES),
}


def register_security_headers(app: Flask) -> None:
    """Put the headers on every answer of ``app``; answers that say nothing about caching must not be stored."""

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.update(HEADERS)
        response.headers.setdefault("Cache-Control", "private, no-store")
        if request.is_secure:
            response.headers["Strict-Transport-Security"] = "max-age=31536000"
        return response


def secret_key(home: Path) -> bytes:
    """The key that signs cookies: made at the first start, kept in the home for its owner only.

    Raises:
        InvalidFile: what is there is no key; sessions cannot be signed with it.
        OSError: it cannot be read or written.
    """
    path = home / KEY_FILE
    write_new(path, secrets.token_bytes(KEY_BYTES).hex().encode(), mode=PRIVATE)  # of several first starts one wins
    text = path.read_text("utf-8", "replace").strip()
    if not re.fullmatch(rf"[0-9a-f]{{{2 * KEY_BYTES}}}", text):
        raise InvalidFile(
            f"The file {path} does not hold a key of {2 * KEY_BYTES} hexadecimal digits.",
            hint="Delete it and start again: a new one is made, and everybody has to sign in again.",
        )
    return bytes.fromhex(text)


class SessionCookies(SecureCookieSessionInterface):
    """Session cookies that keep to https once they came over https, and to the path below which a proxy shows us."""

    def __init__(self) -> None:
        self._serializer: URLSafeTimedSerializer | None = None

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """What signs and verifies: made once, since the key stays and every request asks, also those with tokens."""
        if self._serializer is None:
            self._serializer = super().get_signing_serializer(app)
        return self._serializer

    def get_cookie_secure(self, app: Flask) -> bool:
        """Whether the request came over https, as far as we or the proxy can tell."""
        return request.is_secure


def register_request_checks(app: Flask) -> None:
    """Refuse what no page of ours sends, before anybody asks who it is."""
    app.before_request(check_json_requests)
    app.before_request(check_origin)


def check_json_requests() -> None:
    """Refuse JSON of another content type: forms of other sites can send such, without asking the browser first.

    Raises:
        UnsupportedMediaType: a body that is neither JSON nor what the endpoint takes.
    """
    changes = request.method in ("POST", "PUT", "PATCH") and request.endpoint not in OTHER_BODIES
    if changes and request.content_length and request.mimetype != "application/json":
        raise UnsupportedMediaType


def check_origin() -> None:
    """Refuse changes that a page of another site makes, signing in included: nobody is to be signed in by surprise.

    Raises:
        Forbidden: the browser says that the request comes from elsewhere.
    """
    if request.method in ("GET", "HEAD", "OPTIONS") or "Authorization" in request.headers:
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    foreign = (
        site not in ("same-origin", "none") if site else origin is not None and urlsplit(origin).netloc != request.host
    )
    if foreign:
        raise Forbidden("The request comes from another site.", hint="Changes are made from Limner's own page.")
