"""Signing in and out, and accepting invitations."""

from __future__ import annotations

from uuid import UUID

from apiflask import APIBlueprint
from flask import Response, request, session

from limner.access import Permission
from limner.api.auth import begin_session, csrf_token, current_actor, request_id
from limner.api.context import services
from limner.api.guard import requires
from limner.api.schemas.people import InvitationAcceptance, InvitationOffer, InvitationToken
from limner.api.schemas.server import Session, SessionUser, SignIn
from limner.api.schemas.sign_in_providers import SignedOut
from limner.service import sign_in as service
from limner.service.own_account import read_account
from limner.service.sign_in import Origin, SignedIn

blueprint = APIBlueprint("session", __name__)


@blueprint.post("/session")
@blueprint.input(SignIn)
@blueprint.output(Session)
@blueprint.doc(operation_id="signIn", security=[{}])
def sign_in(json_data: SignIn) -> Session:
    """Exchange a sign-in link's token, or a name and a password, for a session cookie."""
    database, sent = services().database, json_data
    if sent.token is not None:
        return begin_session_of(service.by_link(database, sent.token, origin_of_request()))
    return begin_session_of(service.by_password(database, sent.name or "", sent.password or "", origin_of_request()))


@blueprint.get("/session")
@requires(Permission.READ_SERVER)
@blueprint.output(Session)
@blueprint.doc(operation_id="getSession")
def get_session() -> Session:
    """Who is signed in, and what they may do in the installation."""
    return session_of(csrf_token())


@blueprint.delete("/session")
@requires(Permission.OWN_ACCOUNT)
@blueprint.output(SignedOut, description="Signed out here; the address is where it goes on, at the provider")
@blueprint.doc(operation_id="signOut", responses={204: "Signed out"})
def sign_out() -> Response | SignedOut:
    """Sign out; the cookie is worth nothing from now on."""
    goes_on = service.sign_out(services().database, current_actor())
    session.clear()
    return Response(status=204) if goes_on is None else SignedOut(address=goes_on)


@blueprint.post("/invitation")
@blueprint.input(InvitationToken)
@blueprint.output(InvitationOffer)
@blueprint.doc(operation_id="lookAtInvitation", security=[{}])
def look_at_invitation(json_data: InvitationToken) -> InvitationOffer:
    """What an invitation offers, without accepting it."""
    return InvitationOffer.of(service.look_at_invitation(services().database, json_data.token))


@blueprint.post("/invitation/accept")
@blueprint.input(InvitationAcceptance)
@blueprint.output(Session, status_code=201)
@blueprint.doc(operation_id="acceptInvitation", security=[{}])
def accept_invitation(json_data: InvitationAcceptance) -> Session:
    """Become a new person with the roles that the invitation names, signed in."""
    sent = json_data
    return begin_session_of(
        service.by_invitation(services().database, sent.token, sent.name, sent.password, origin_of_request())
    )


def origin_of_request() -> Origin:
    """Where the current request comes from."""
    return Origin(request.remote_addr or "", request.headers.get("User-Agent", ""), request_id())


def begin_session_of(found: SignedIn) -> Session:
    """Put the session of somebody who has just signed in into the cookie; what the page is told of it."""
    return session_of(begin_session(found.session_id, found.actor))


def session_of(token: str) -> Session:
    """Who is signed in with the current request, and the token for changes."""
    actor = current_actor()
    user = read_account(services().database, actor).user
    return Session(
        user=SessionUser(id=actor.user_id, name=actor.name, role=actor.role, storage_key=user.storage_key),
        permissions=sorted(actor.granted),
        csrf_token=token,
        installation=UUID(services().installation),
    )
