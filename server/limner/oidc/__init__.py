"""Signing in with OpenID Connect: which providers there are, and the protocol. Knows neither our HTTP nor the store.

The libraries that speak the protocol are imported when somebody first signs in with it, so that a server on which
nobody does neither starts later nor holds them in memory.
"""

from limner.oidc.providers import ClaimedRole, Provider, Providers, read_providers
from limner.oidc.relying_party import Begun, Identity, RelyingParties, RelyingParty, SignInFailed

__all__ = [
    "Begun",
    "ClaimedRole",
    "Identity",
    "Provider",
    "Providers",
    "RelyingParties",
    "RelyingParty",
    "SignInFailed",
    "read_providers",
]
