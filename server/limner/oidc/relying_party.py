"""Signing people in with one provider: OpenID Connect Core 1.0, authorization code flow, with PKCE (RFC 7636).

Authlib puts the requests together and checks the claims of ID tokens, joserfc their signatures; what is asked, and how
long, is :mod:`limner.oidc.fetching`'s.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlencode

import structlog

from limner.errors import NotSignedIn
from limner.oidc.discovery import Discovered, Metadata
from limner.oidc.fetching import fetch, fetch_object, parsed, unusable
from limner.oidc.providers import Provider, Providers

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

AUTH_METHODS = ("client_secret_basic", "client_secret_post")  # the first is what providers expect unless told
LEEWAY = 60  # s, by which clocks may differ
SECRET_BYTES = 32
MAX_SUBJECT = 255  # characters, says OpenID Connect Core, section 2
MAX_HINT = 4096  # characters: servers and proxies take addresses of 8 kB

logger = structlog.get_logger(__name__)


class SignInFailed(NotSignedIn):
    """The provider refused, or what it said is not good."""

    code = "sign_in_failed"


@dataclass(frozen=True)
class Begun:
    """A sign-in that was begun: where the browser goes, and what is kept until it comes back."""

    address: str
    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True)
class Identity:
    """Somebody as a provider knows them.

    Attributes:
        issuer: the provider.
        subject: the person there, for ever.
        name: what they are called there; may be empty.
        email: may be empty.
        email_verified: whether the provider says that it is theirs.
        roles: values of the claim that the settings name.
        id_token: what says so, as it came; the provider knows by it which of its sessions is to end.
    """

    issuer: str
    subject: str
    name: str
    email: str
    email_verified: bool
    roles: frozenset[str]
    id_token: str = field(repr=False)


class RelyingParties:
    """Limner as each of its providers sees it: each remembers what it was told."""

    def __init__(self, providers: Providers) -> None:
        self.providers = providers
        self._parties = {each.name: RelyingParty(each) for each in providers}

    def get(self, name: str) -> RelyingParty:
        """For the provider of this name.

        Raises:
            NotFound: there is none.
        """
        return self._parties[self.providers.get(name).name]


class RelyingParty:
    """Limner as one provider sees it."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._discovered = Discovered(provider)

    def begin(self, redirect_uri: str) -> Begun:
        """Where the browser of somebody who wants to sign in goes.

        Args:
            redirect_uri: where it comes back to.

        Raises:
            ProviderUnavailable: the provider cannot be asked.
        """
        metadata = self._discovered.metadata()
        state, nonce, verifier = (secrets.token_urlsafe(SECRET_BYTES) for _ in range(3))
        address, _ = self._client(metadata, None, redirect_uri).create_authorization_url(
            metadata.authorization_endpoint, state=state, code_verifier=verifier, nonce=nonce
        )
        return Begun(address, state, nonce, verifier)

    def finish(self, code: str, *, issuer: str | None, redirect_uri: str, nonce: str, verifier: str) -> Identity:
        """Who came back.

        Args:
            code: that the browser brought.
            issuer: who gave it the code, if it says so (RFC 9207).
            redirect_uri: as it was begun with.
            nonce: likewise.
            verifier: likewise.

        Raises:
            SignInFailed: the code or the ID token is not good; the log says why.
            ProviderUnavailable: the provider cannot be asked.
            InvalidFile: the client's secret is missing.
        """
        metadata = self._discovered.metadata()
        if issuer != metadata.issuer and (issuer is not None or metadata.names_issuer):
            raise self._failed("the answer does not come from the provider that was asked")
        tokens = self._redeem(metadata, code, redirect_uri, verifier)
        claims = self._verified(metadata, tokens, nonce)
        return self._identity(metadata, claims, tokens)

    def sign_out_address(self, back: str, id_token: str) -> str | None:
        """Where signing out goes on at the provider (OpenID Connect RP-Initiated Logout 1.0), if it offers that.

        Args:
            back: where the browser comes back to.
            id_token: of the sign-in. One that is too long for an address is left out; the provider may then ask people
                whether they mean it.

        Raises:
            ProviderUnavailable: the provider cannot be asked.
        """
        end = self._discovered.metadata().end_session_endpoint
        if end is None or not self.provider.sign_out_at_provider:
            return None
        sent = {"client_id": self.provider.client_id, "post_logout_redirect_uri": back}
        if len(id_token) <= MAX_HINT:
            sent["id_token_hint"] = id_token
        return f"{end}{'&' if '?' in end else '?'}{urlencode(sent)}"

    def _client(self, metadata: Metadata, secret: str | None, redirect_uri: str) -> Any:
        from authlib.oauth2.client import OAuth2Client

        client_id, method = self.provider.client_id, self._auth_method(metadata, secret)
        if secret is not None and method == "client_secret_basic":  # as RFC 6749, section 2.3.1, has them in a header
            client_id, secret = quote_plus(client_id), quote_plus(secret)
        return OAuth2Client(
            _Requests(self.provider.label),
            client_id=client_id,
            client_secret=secret,
            token_endpoint_auth_method=method,
            scope=" ".join(self.provider.scopes),
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )

    def _auth_method(self, metadata: Metadata, secret: str | None) -> str:
        if secret is None:
            return "none"
        wanted = self.provider.client_authentication
        for method in (wanted,) if wanted else AUTH_METHODS:
            if method in metadata.token_auth_methods:
                return method
        offered = ", ".join(metadata.token_auth_methods)
        raise unusable(self.provider.label, metadata.token_endpoint, f"it knows clients by {offered} only")

    def _redeem(self, metadata: Metadata, code: str, redirect_uri: str, verifier: str) -> Mapping[str, Any]:
        from authlib.oauth2 import OAuth2Error

        client = self._client(metadata, self.provider.secret(), redirect_uri)
        try:
            tokens: Mapping[str, Any] = client.fetch_token(
                metadata.token_endpoint, grant_type="authorization_code", code=code, code_verifier=verifier
            )
        except OAuth2Error as error:
            raise self._failed(f"its token endpoint said {error}") from error
        except ValueError as error:
            raise unusable(self.provider.label, metadata.token_endpoint, str(error)) from error
        return tokens

    def _verified(self, metadata: Metadata, tokens: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
        """The claims of the ID token, all of them checked."""
        from authlib.oidc.core import CodeIDToken
        from joserfc.errors import JoseError

        given = tokens.get("id_token")
        if not isinstance(given, str):
            raise self._failed("it gave no ID token; is 'openid' among the scopes?")
        try:
            decoded = self._decoded(metadata, given)
            claims = CodeIDToken(
                decoded.claims,
                decoded.header,
                {
                    "iss": {"essential": True, "value": metadata.issuer},
                    "aud": {"essential": True, "value": self.provider.client_id},
                },
                {
                    "nonce": nonce,
                    "client_id": self.provider.client_id,
                    "access_token": tokens.get("access_token"),
                },
            )
            claims.validate(now=int(time.time()), leeway=LEEWAY)
        except (JoseError, ValueError, TypeError) as error:
            raise self._failed(f"its ID token is not good: {error}") from error
        if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= MAX_SUBJECT:
            raise self._failed("its ID token names nobody")
        return dict(claims)

    def _decoded(self, metadata: Metadata, given: str) -> Any:
        """An ID token whose signature is good; of a key that is not known the provider is asked once more."""
        from joserfc import jwt
        from joserfc.errors import BadSignatureError, InvalidKeyIdError

        def decode(keys: KeySet) -> Any:
            return jwt.decode(given, keys, algorithms=metadata.algorithms)

        keys = self._discovered.keys()
        try:
            return decode(keys)
        except (BadSignatureError, InvalidKeyIdError):
            return decode(self._discovered.keys(unlike=keys))

    def _identity(self, metadata: Metadata, claims: Mapping[str, Any], tokens: Mapping[str, Any]) -> Identity:
        access_token = tokens.get("access_token")
        wanted = ["name", "email"] + [self.provider.role_claim] * bool(self.provider.role_claim)
        missing = any(claim_at(claims, each) is None for each in wanted)
        if missing and metadata.userinfo_endpoint and isinstance(access_token, str):
            headers = {"Authorization": f"Bearer {access_token}"}
            more = fetch_object(self.provider.label, metadata.userinfo_endpoint, headers)
            if more.get("sub") != claims["sub"]:
                raise self._failed("its user info is about somebody else")
            claims = {**more, **claims}
        email = claims.get("email")
        roles = claim_at(claims, self.provider.role_claim) if self.provider.role_claim else None
        listed = [roles] if isinstance(roles, str) else roles if isinstance(roles, list) else []
        names = (claims.get(each) for each in ("name", "preferred_username", "email"))
        return Identity(
            issuer=metadata.issuer,
            subject=claims["sub"],
            name=next((each for each in names if isinstance(each, str) and each.strip()), ""),
            email=email if isinstance(email, str) else "",
            email_verified=claims.get("email_verified") is True,
            roles=frozenset(each for each in listed if isinstance(each, str)),
            id_token=tokens["id_token"],
        )

    def _failed(self, reason: str) -> SignInFailed:
        logger.warning("signing in failed", provider=self.provider.name, reason=reason)
        return SignInFailed(
            f"Signing in with {self.provider.label} failed: {reason}.",
            hint="Begin again. If it goes on, ask whoever runs this server.",
        )


def claim_at(claims: Mapping[str, Any], path: str) -> Any:
    """The claim of this name, or where dots lead to: ``realm_access.roles``. None when there is none."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


class _Requests:
    """As much of requests' session as Authlib's client asks with."""

    def __init__(self, label: str) -> None:
        self._label = label

    def post(self, url: str, *, data: Mapping[str, str], headers: Mapping[str, str], auth: Any) -> _Response:
        """Send a form, with what shows who the client is."""
        url, sent, body = auth.prepare("POST", url, dict(headers), urlencode(data))
        reply = fetch(self._label, "POST", url, body.encode(), sent)
        return _Response(self._label, url, reply.status, parsed(reply.body))


@dataclass(frozen=True)
class _Response:
    """As much of requests' response as Authlib's client reads."""

    label: str
    url: str
    status_code: int
    found: Any

    def json(self) -> Any:
        """The body, parsed."""
        if self.found is None:
            raise ValueError("it is no JSON")
        return self.found

    def raise_for_status(self) -> None:
        """Nobody can be signed in with an answer that is an error and no JSON."""
        if self.status_code >= 400:
            raise unusable(self.label, self.url, f"it answered {self.status_code}")
