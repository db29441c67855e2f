"""What a provider says of itself (OpenID Connect Discovery 1.0), kept for an hour; its keys, until one is missing."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from limner.oidc.fetching import ProviderUnavailable, fetch_object, unusable
from limner.oidc.providers import Provider, address_problem

if TYPE_CHECKING:
    from joserfc.jwk import KeySet

WELL_KNOWN = "/.well-known/openid-configuration"
KEPT_SECONDS = 3600.0
KEY_TYPES = ("RSA", "EC", "OKP")
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Signatures that are accepted, made with a key that only the provider has: neither ``none`` nor HS256 is one."""


@dataclass(frozen=True)
class Metadata:
    """What is used of a provider's metadata."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    end_session_endpoint: str | None
    algorithms: tuple[str, ...]
    token_auth_methods: tuple[str, ...]
    names_issuer: bool  # in the address to which it sends people back (RFC 9207)
    all: dict[str, Any]


def read_metadata(provider: Provider) -> Metadata:
    """Ask a provider for its metadata.

    Raises:
        ProviderUnavailable: it cannot be asked, is another one, or says too little; ``details`` say which.
    """
    url = provider.issuer.rstrip("/") + WELL_KNOWN
    found = fetch_object(provider.label, url)
    issuer = found.get("issuer")
    if issuer != provider.issuer:
        raise unusable(provider.label, url, f"it calls itself {issuer!r}, and the settings {provider.issuer!r}")

    def address(name: str) -> str:
        given = found.get(name)
        problem = address_problem(given) if isinstance(given, str) else "it is missing"
        if problem or not isinstance(given, str):
            raise unusable(provider.label, url, f"{name}: {problem}")
        return given

    def optional(name: str) -> str | None:
        return None if found.get(name) is None else address(name)

    offered = _texts(found.get("id_token_signing_alg_values_supported", ["RS256"]))
    algorithms = tuple(each for each in ALGORITHMS if each in offered)
    if not algorithms:
        raise unusable(provider.label, url, f"it signs ID tokens with {', '.join(offered) or 'nothing'} only")
    return Metadata(
        issuer=provider.issuer,
        authorization_endpoint=address("authorization_endpoint"),
        token_endpoint=address("token_endpoint"),
        jwks_uri=address("jwks_uri"),
        userinfo_endpoint=optional("userinfo_endpoint"),
        end_session_endpoint=optional("end_session_endpoint"),
        algorithms=algorithms,
        token_auth_methods=_texts(found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])),
        names_issuer=found.get("authorization_response_iss_parameter_supported") is True,
        all=found,
    )


def read_keys(provider: Provider, metadata: Metadata) -> KeySet:
    """Ask a provider for the keys with which it signs. Keys of kinds that are not known here are left out.

    Raises:
        ProviderUnavailable: it cannot be asked, or has none.
    """
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet, import_key

    listed = fetch_object(provider.label, metadata.jwks_uri).get("keys")
    keys = []
    for each in listed if isinstance(listed, list) else []:
        if isinstance(each, dict) and each.get("kty") in KEY_TYPES and each.get("use", "sig") == "sig":
            try:
                key = import_key(each)
                _ = key.public_key  # made when it is first asked for
                keys.append(key)
            except (JoseError, ValueError, TypeError, KeyError):  # of a curve, or broken in a way, that others may read
                continue
    if not keys:
        raise unusable(provider.label, metadata.jwks_uri, "it has no key that can be used")
    return KeySet(keys)


class Discovered:
    """The metadata and keys of one provider. Of many who ask at once one asks the provider; all hear what it heard."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._lock = threading.Lock()
        self._metadata: Metadata | None = None
        self._keys: KeySet | None = None
        self._read = 0.0
        self._failure: tuple[float, ProviderUnavailable] | None = None

    def metadata(self) -> Metadata:
        """What the provider says of itself.

        Raises:
            ProviderUnavailable: it cannot be asked.
        """
        since = time.monotonic()
        with self._lock:
            if self._metadata is None or time.monotonic() - self._read > KEPT_SECONDS:
                if self._failure is not None and self._failure[0] > since:
                    raise self._failure[1]  # somebody asked while this one waited
                try:
                    self._metadata = read_metadata(self._provider)
                except ProviderUnavailable as error:
                    self._failure = (time.monotonic(), error)
                    raise
                self._read = time.monotonic()
                self._keys = None
            return self._metadata

    def keys(self, unlike: KeySet | None = None) -> KeySet:
        """The keys with which it signs.

        Args:
            unlike: those that did not fit: the provider is asked again, unless somebody has done so since.

        Raises:
            ProviderUnavailable: it cannot be asked.
        """
        metadata = self.metadata()
        with self._lock:
            if self._keys is None or self._keys is unlike:
                self._keys = read_keys(self._provider, metadata)
            return self._keys


def _texts(found: object) -> tuple[str, ...]:
    return tuple(each for each in found if isinstance(each, str)) if isinstance(found, list) else ()
