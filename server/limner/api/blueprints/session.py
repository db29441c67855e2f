"""Signing in and out."""

from __future__ import annotations

from uuid import UUID

from apiflask import APIBlueprint
from flask import Response, session

from limner.access import Actor, Permission
from limner.api.auth import SESSION_KEY, begin_session, csrf_token, current_actor
from limner.api.context import services
from limner.api.guard import requires
from limner.api.schemas.server import Session, SessionUser, SignIn
from limner.service import accounts

blueprint = APIBlueprint("session", __name__)


@blueprint.post("/session")
@blueprint.input(SignIn)
@blueprint.output(Session)
@blueprint.doc(operation_id="signIn", security=[{}])
def sign_in(json_data: SignIn) -> Session:
    """Exchange a sign-in link's token for a session cookie."""
    actor, session_id = accounts.sign_in(services().database, json_data.token)
    return _session_of(actor, begin_session(session_id))


@blueprint.get("/session")
@requires(Permission.OWN_ACCOUNT)
@blueprint.output(Session)
@blueprint.doc(operation_id="getSession")
def get_session() -> Session:
    """Who is signed in."""
    return _session_of(current_actor(), csrf_token())


@blueprint.delete("/session")
@requires(Permission.OWN_ACCOUNT)
@blueprint.doc(operation_id="signOut", responses={204: "Signed out"})
def sign_out() -> Response:
    """Sign out; the cookie is worth nothing from now on."""
    session_id = session.get(SESSION_KEY)
    if session_id is not None:
        accounts.sign_out(services().database, session_id)
    session.clear()
    return Response(status=204)


def _session_of(actor: Actor, token: str) -> Session:
    return Session(
        user=SessionUser(id=actor.user_id, name=actor.name, role=actor.role),
        csrf_token=token,
        installation=UUID(services().installation),
    )
