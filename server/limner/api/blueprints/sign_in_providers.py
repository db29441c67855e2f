"""Signing in with a provider, and connecting one's account to an identity there.

The page asks where to go, the browser goes there and comes back to the page, which hands on what it brought. So
nothing but our own page makes requests here, and cookies need not leave SameSite=Strict.
"""

from __future__ import annotations

import re
import secrets

from apiflask import APIBlueprint
from flask import Response, current_app, request, session

from limner.access import Actor, Permission
from limner.api.auth import SESSION_KEY, current_actor
from limner.api.blueprints.session import begin_session_of, origin_of_request
from limner.api.context import services
from limner.api.guard import requires
from limner.api.schemas.sign_in_providers import (
    FinishedSignIn,
    ProviderAddress,
    ProviderAnswer,
    ProviderSignIn,
    SignInProvider,
    SignInProviders,
)
from limner.service import provider_sign_in as service
from limner.service.accounts import actor_of_session
from limner.service.own_account import disconnect_identity

blueprint = APIBlueprint("sign_in_providers", __name__)

SECRET_BYTES = 32
COOKIE_SECONDS = 3600


@blueprint.get("/sign-in")
@blueprint.output(SignInProviders)
@blueprint.doc(operation_id="listSignInProviders", security=[{}])
def list_sign_in_providers() -> SignInProviders:
    """With whom people can sign in besides passwords and links."""
    return SignInProviders(
        providers=[
            SignInProvider(name=each.name, label=each.label, invited=each.invited)
            for each in services().sign_in_providers.providers
        ]
    )


@blueprint.post("/sign-in/<provider>/begin")
@blueprint.input(ProviderSignIn)
@blueprint.output(ProviderAddress)
@blueprint.doc(operation_id="beginProviderSignIn", security=[{}])
def begin_sign_in(provider: str, json_data: ProviderSignIn) -> Response:
    """Where the browser goes to sign in with a provider."""
    return _begin(provider, json_data.invitation, None)


@blueprint.post("/sign-in/<provider>/finish")
@blueprint.input(ProviderAnswer)
@blueprint.output(FinishedSignIn)
@blueprint.doc(operation_id="finishProviderSignIn", security=[{}])
def finish_sign_in(provider: str, json_data: ProviderAnswer) -> FinishedSignIn:
    """Exchange what the browser brought back for a session cookie; or connect the account that is signed in."""
    found, answer = services(), json_data
    session_id = session.get(SESSION_KEY)
    finished = service.finish(
        found.database,
        found.sign_in_providers.get(provider),
        service.ProviderAnswer(answer.state, answer.code, answer.error, answer.error_description, answer.iss),
        browser=request.cookies.get(_cookie_name(), ""),
        actor=actor_of_session(found.database, session_id) if isinstance(session_id, str) else None,
        origin=origin_of_request(),
        signed_out_at=_page("login"),
    )
    if finished.signed_in is None:
        return FinishedSignIn(session=None)
    return FinishedSignIn(session=begin_session_of(finished.signed_in))


@blueprint.post("/sign-in/<provider>/connect")
@requires(Permission.OWN_ACCOUNT)
@blueprint.output(ProviderAddress)
@blueprint.doc(operation_id="connectIdentity")
def connect_identity(provider: str) -> Response:
    """Where the browser goes to have an identity at a provider sign one in from now on."""
    return _begin(provider, None, current_actor())


@blueprint.delete("/account/identities/<int:identity_id>")
@requires(Permission.OWN_ACCOUNT)
@blueprint.doc(operation_id="disconnectIdentity", responses={204: "Disconnected"})
def disconnect(identity_id: int) -> Response:
    """Have an identity sign one in no more."""
    disconnect_identity(services().database, current_actor(), identity_id)
    return Response(status=204)


def _begin(provider: str, invitation: str | None, actor: Actor | None) -> Response:
    found = services()
    party = found.sign_in_providers.get(provider)
    browser = request.cookies.get(_cookie_name(), "")
    if not re.fullmatch(r"[A-Za-z0-9_-]{43}", browser):
        browser = secrets.token_urlsafe(SECRET_BYTES)
    address = service.begin(
        found.database,
        party,
        browser=browser,
        redirect_uri=_page(f"login/{party.provider.name}"),
        invitation=invitation,
        actor=actor,
    )
    response = current_app.make_response(ProviderAddress(address=address).model_dump())
    response.set_cookie(
        _cookie_name(),
        browser,
        max_age=COOKIE_SECONDS,
        path=current_app.config["SESSION_COOKIE_PATH"],
        secure=request.is_secure,
        httponly=True,
        samesite="Strict",
    )
    return response


def _page(path: str) -> str:
    """The address of a page, as the browser sees it: through proxies, and below the path under which they show us."""
    return f"{request.url_root.rstrip('/')}/{path}"


def _cookie_name() -> str:
    return f"limner_sign_in_{services().installation[:8]}"
