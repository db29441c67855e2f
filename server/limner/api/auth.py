"""Who is asking. Everything needs credentials except the few endpoints that ``limner.api.guard`` lists as open.

Browsers hold a session id in a signed, HttpOnly, SameSite=Strict cookie and prove with a header that a change comes
from our page. Scripts send a bearer token; they carry no cookie, so no other site can make them act.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

from flask import Flask, Response, current_app, g, request, session
from flask_wtf.csrf import generate_csrf, validate_csrf
from wtforms import ValidationError as CsrfError

from limner.access import Actor, require
from limner.access.permissions import INSTALLATION_WIDE
from limner.api.context import services
from limner.api.guard import OPEN_ENDPOINTS, permission_of
from limner.errors import Forbidden, NotSignedIn
from limner.service.accounts import actor_of_session, actor_of_token
from limner.tracing import begin_request

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "X-CSRFToken"
SESSION_KEY = "sid"


class CsrfFailed(Forbidden):
    """A change came with a cookie but without the token that only our page knows."""

    code = "csrf_failed"


def require_credentials() -> None:
    """Refuse the request unless it is to an open endpoint or proves who is asking. Runs before every request.

    Raises:
        NotSignedIn: no credentials, or none that are valid.
        CsrfFailed: a change with a cookie but without its token.
        Forbidden: the route needs a permission in the installation that this person has not.
    """
    g.request_id = uuid4().hex
    begin_request(g.request_id)
    if request.endpoint is None or request.endpoint in OPEN_ENDPOINTS:
        return  # an address that does not exist is answered 404 or 405 without credentials: that reveals nothing
    header = request.headers.get("Authorization", "")
    if header:
        g.actor = _actor_of_bearer(header)
    else:
        g.actor = _actor_of_cookie()
        if request.method not in SAFE_METHODS:
            _check_csrf()
    g.actor = replace(g.actor, request_id=g.request_id)
    permission = permission_of(current_app, request.endpoint)
    if permission in INSTALLATION_WIDE:
        require(g.actor, permission)


def current_actor() -> Actor:
    """The person whose credentials came with the current request."""
    actor: Actor = g.actor
    return actor


def begin_session(session_id: str, actor: Actor) -> str:
    """Put the fresh session id of somebody who has just signed in into the cookie.

    Returns:
        The CSRF token that belongs to it.
    """
    g.actor = actor
    session.clear()
    session.permanent = True
    session[SESSION_KEY] = session_id
    return csrf_token()


def csrf_token() -> str:
    """The token that changes made with the current cookie have to carry."""
    return str(generate_csrf())


def register_auth(app: Flask) -> None:
    """Guard every route of ``app``."""
    app.before_request(require_credentials)
    app.after_request(_name_request)


def request_id() -> str:
    """What the audit log calls the current request; its answer says so too."""
    number: str = g.request_id
    return number


def _name_request(response: Response) -> Response:
    if "request_id" in g:
        response.headers["X-Request-Id"] = g.request_id
    return response


def _actor_of_bearer(header: str) -> Actor:
    scheme, _, token = header.partition(" ")
    if scheme.lower() == "bearer" and token:
        actor = actor_of_token(services().database, token.strip())
        if actor is not None:
            return actor
    raise NotSignedIn(
        "The bearer token is not valid: it is unknown, revoked or expired.",
        hint="Create one on your account's page or with `limner user token create NAME`, and send it unchanged.",
    )


def _actor_of_cookie() -> Actor:
    session_id = session.get(SESSION_KEY)
    if isinstance(session_id, str):
        actor = actor_of_session(services().database, session_id)
        if actor is not None:
            return actor
    raise NotSignedIn(
        "You are not signed in.", hint="Sign in with your name and password, or with a link that an owner makes."
    )


def _check_csrf() -> None:
    try:
        validate_csrf(request.headers.get(CSRF_HEADER))
    except CsrfError as error:
        raise CsrfFailed(
            "The change did not prove that it comes from Limner's page.",
            hint=f"Send the csrf_token of GET /api/v1/session in the header {CSRF_HEADER}.",
        ) from error
