"""A sign-in provider whose answers a test decides, with signing keys of its own: for what a good one never says.

The real one is in ``tests/e2e/test_provider_sign_in.py``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

CLIENT = "limner"
Key = RSAKey | ECKey | OctKey
SECRET = "a secret & more: 100 %+ of it"  # with what must be encoded on the way


def new_key(kid: str = "first") -> ECKey:
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig", "alg": "ES256"})


@dataclass
class FakeProvider:
    """What it says: a test changes any of it.

    Attributes:
        claims: of the next ID token, besides those that are made; None leaves one of these out.
        userinfo: what its user info endpoint says.
        metadata: what differs from its own in what it says of itself.
        signs_with: the key of ID tokens; shows: those that it publishes.
        status: of everything that it answers, where it is not 200.
        asked: the paths of requests.
        forms: of the token endpoint.
    """

    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=lambda: {"sub": "ada-1"})
    metadata: dict[str, Any] = field(default_factory=dict)
    signs_with: Key = field(default_factory=new_key)
    shows: list[Key] = field(default_factory=list)
    algorithm: str = "ES256"
    status: int = 200
    token_error: dict[str, Any] | None = None
    asked: list[str] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    nonce: str = ""
    challenge: str = ""

    def __post_init__(self) -> None:
        self.shows = self.shows or [self.signs_with]

    def follow(self, address: str) -> dict[str, str]:
        """What the browser of somebody who signs in there brings back from an authorization address."""
        found = urlsplit(address)
        sent = {name: values[0] for name, values in parse_qs(found.query).items()}
        assert address.startswith(f"{self.issuer}/authorize?")
        assert (sent["response_type"], sent["client_id"]) == ("code", CLIENT)
        assert sent["code_challenge_method"] == "S256"
        self.nonce, self.challenge = sent["nonce"], sent["code_challenge"]
        return {"code": "a-code", "state": sent["state"]}

    def id_token(self) -> str:
        now = int(time.time())
        made = {
            "iss": self.issuer,
            "sub": "ada-1",
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": self.nonce,
            "name": "Ada",
            "email": "ada@example.org",
            "email_verified": True,
        }
        claims = {name: value for name, value in {**made, **self.claims}.items() if value is not None}
        return jwt.encode(
            {"alg": self.algorithm, "kid": self.signs_with.kid}, claims, self.signs_with, [self.algorithm]
        )

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, Any]:
        self.asked.append(path)
        if self.status != 200:
            return self.status, {}
        if path == "/.well-known/openid-configuration":
            own = {name: f"{self.issuer}/{name}" for name in ("token_endpoint", "jwks_uri", "userinfo_endpoint")}
            own |= {"issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize"}
            own |= {"id_token_signing_alg_values_supported": ["ES256", "RS256"]}  # type: ignore[dict-item]
            own |= {"token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"]}  # type: ignore[dict-item]
            return 200, {**own, **self.metadata}
        if path == "/jwks_uri":
            return 200, {"keys": [key.as_dict(private=False) for key in self.shows]}
        if path == "/userinfo_endpoint":
            return 200, self.userinfo
        if path == "/token_endpoint":
            self.forms.append(form)
            if self.token_error is not None:
                return 400, self.token_error
            hashed = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest())
            assert hashed.rstrip(b"=").decode() == self.challenge, "PKCE"
            return 200, {"access_token": "an-access-token", "token_type": "Bearer", "id_token": self.id_token()}
        return 404, {}


@contextmanager
def provider(port: int = 0) -> Iterator[FakeProvider]:
    """One that answers at an address of this machine."""
    made = FakeProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            header = {"authorization": self.headers.get("Authorization", "")}
            self.reply({**header, **{name: values[0] for name, values in parse_qs(body).items()}})

        def reply(self, form: dict[str, str]) -> None:
            status, found = made.answer(self.path, form)
            body = found if isinstance(found, bytes) else json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    made.issuer = f"http://localhost:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
