"""Asking a provider: bounded in time and size, no redirects followed, JSON or an error that says what came instead."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from limner.errors import Unavailable
from limner.jobs.outgoing import NotDelivered, Reply, ask

PATIENCE = 5.0  # s, for each question: somebody waits
MOST_BYTES = 1 << 20


class ProviderUnavailable(Unavailable):
    """The provider does not answer, or not as one."""

    code = "provider_unavailable"


def fetch(
    label: str, method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """What a provider answers. It may be in a private network: whoever runs the server has named it.

    Args:
        label: what people call the provider.
        method: of HTTP.
        url: at the provider.
        body: what is sent, if anything.
        headers: besides ``Accept``.

    Raises:
        ProviderUnavailable: nobody answers, or a server error does.
    """
    sent = {"Accept": "application/json", **(headers or {})}
    try:
        reply = ask(method, url, body, sent, private=True, most=MOST_BYTES, patience=PATIENCE)
    except NotDelivered as error:
        raise ProviderUnavailable(
            f"{label} cannot be reached.",
            hint="Try again in a moment, or sign in with a password or a link.",
            details={"url": url, "reason": str(error)},
        ) from error
    if reply.status >= 500:
        raise unusable(label, url, f"it answered {reply.status}")
    return reply


def fetch_object(label: str, url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The JSON object at an address of a provider.

    Raises:
        ProviderUnavailable: what is there is none.
    """
    reply = fetch(label, "GET", url, headers=headers)
    if reply.status != 200:
        where = f" and points to {reply.location}" if reply.location else ""
        raise unusable(label, url, f"it answered {reply.status}{where}")
    found = parsed(reply.body)
    if not isinstance(found, dict):
        raise unusable(label, url, "what it answered is no JSON object")
    return found


def parsed(body: bytes) -> Any:
    """What JSON says; None when it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def unusable(label: str, url: str, reason: str) -> ProviderUnavailable:
    """The error for an answer with which nobody can be signed in."""
    return ProviderUnavailable(
        f"{label} does not answer as a sign-in provider should.",
        hint="Try again in a moment. An administrator finds out more with `limner oidc check`.",
        details={"url": url, "reason": reason},
    )
