"""Which permission each route needs. Every route names one, or is listed here as open with the reason why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from flask import Flask

from limner.access import Permission

OPEN_ENDPOINTS: Mapping[str, str] = {
    "health.healthz": "asked by supervisors, says nothing but that the process is alive",
    "health.readyz": "asked by load balancers, says nothing but whether work can be stored",
    "session.sign_in": "takes the credentials; rate limited",
    "session.look_at_invitation": "takes the secret of an invitation; rate limited",
    "session.accept_invitation": "takes the secret of an invitation; rate limited",
    "sign_in_providers.list_sign_in_providers": "names the buttons of the page in which people sign in",
    "sign_in_providers.begin_sign_in": "says where one goes to sign in; rate limited",
    "sign_in_providers.finish_sign_in": "takes the answer of a provider, once; rate limited",
    "openapi.spec": "describes the API, which is public",
    "client.page": "the page in which people sign in; holds no data",
    "client.file": "scripts and styles of that page",
}

_ATTRIBUTE = "limner_permission"
_Handler = TypeVar("_Handler", bound=Callable[..., Any])


def requires(permission: Permission) -> Callable[[_Handler], _Handler]:
    """Name the permission that a handler needs.

    What concerns the whole installation is checked before the handler runs. What concerns a project is checked where
    the handler goes from an id to a row (:mod:`limner.access`); the tests see to it that both are the same.
    """

    def mark(handler: _Handler) -> _Handler:
        setattr(handler, _ATTRIBUTE, permission)
        return handler

    return mark


def permission_of(app: Flask, endpoint: str) -> Permission | None:
    """What the handler behind an endpoint needs; None when it names nothing."""
    return cast(Permission | None, getattr(app.view_functions.get(endpoint), _ATTRIBUTE, None))


def check_routes(app: Flask) -> None:
    """Make sure that no route is open by chance.

    Raises:
        TypeError: a route names no permission and is not listed as open, or is listed and names one.
    """
    for rule in app.url_map.iter_rules():
        if (permission_of(app, rule.endpoint) is None) != (rule.endpoint in OPEN_ENDPOINTS):
            raise TypeError(f"{rule.endpoint} must either name a permission or be listed as open")
