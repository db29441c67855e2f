"""Whether a provider can be signed in with, found out without signing in."""

from __future__ import annotations

from collections.abc import Iterator

from limner.errors import InvalidFile
from limner.oidc.discovery import Metadata, read_keys, read_metadata
from limner.oidc.fetching import ProviderUnavailable
from limner.oidc.providers import Provider
from limner.oidc.relying_party import AUTH_METHODS
from limner.vocabulary.counted import counted


def check(provider: Provider) -> Iterator[tuple[bool, str]]:
    """What was found, one thing after the other: whether it is good, and what it is."""
    try:
        secret = provider.secret()
        yield True, "a secret was found" if secret else "no secret: a public client, by PKCE alone"
    except InvalidFile as error:
        secret = ""
        yield False, str(error)
    try:
        metadata = read_metadata(provider)
        yield True, f"{metadata.issuer} says what it offers"
        yield True, f"it signs with {', '.join(metadata.algorithms)}"
        yield True, f"it has {counted(len(list(read_keys(provider, metadata))), 'key')}"
    except ProviderUnavailable as error:
        yield False, f"{error.details['url']}: {error.details['reason']}"
        return
    yield from _offers(provider, metadata, secret)


def _offers(provider: Provider, metadata: Metadata, secret: str | None) -> Iterator[tuple[bool, str]]:
    methods = metadata.token_auth_methods
    wanted = [provider.client_authentication] if provider.client_authentication else AUTH_METHODS
    if secret is not None and not set(wanted) & set(methods):
        yield False, f"it knows clients by {', '.join(methods)}, and not by {' or '.join(wanted)}"
    if secret is None and "none" not in methods:
        yield False, f"it knows clients by {', '.join(methods)}: give client_secret_file or client_secret_env"
    offered = metadata.all.get("response_types_supported")
    if isinstance(offered, list) and "code" not in offered:
        yield False, "it does not offer the authorization code flow"
    offered = metadata.all.get("code_challenge_methods_supported")
    if isinstance(offered, list) and "S256" not in offered:
        yield False, "it does not know PKCE with S256"
    offered = metadata.all.get("scopes_supported")
    missing = [each for each in provider.scopes if isinstance(offered, list) and each not in offered]
    if missing:
        yield False, f"it does not know the scopes {', '.join(missing)}"
    goes_on = (
        "signing out goes on there" if metadata.end_session_endpoint else "it offers no signing out: that stays here"
    )
    yield True, goes_on
