"""People, for owners: roles in the installation, invitations, disabling."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response

from limner.access import Permission
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.guard import requires
from limner.api.schemas.people import (
    CreatedInvitation,
    Invitation,
    Invitations,
    NewInvitation,
    People,
    PersonChanges,
    SecretLink,
)
from limner.service import people as service

blueprint = APIBlueprint("people", __name__)


@blueprint.get("/people")
@requires(Permission.MANAGE_PEOPLE)
@blueprint.output(People)
@blueprint.doc(operation_id="listPeople")
def list_people() -> People:
    """Everybody, with their roles."""
    return People.of(service.list_people(services().database, current_actor()))


@blueprint.patch("/people/<int:user_id>")
@requires(Permission.MANAGE_PEOPLE)
@blueprint.input(PersonChanges)
@blueprint.output(People)
@blueprint.doc(operation_id="updatePerson")
def update_person(user_id: int, json_data: PersonChanges) -> People:
    """Another role in the installation, disabled or not, without a password; how everybody stands then."""
    database, actor, changes = services().database, current_actor(), json_data
    service.change_person(
        database,
        actor,
        user_id,
        role=changes.role,
        disabled=changes.disabled,
        drop_password=changes.drop_password,
    )
    return People.of(service.list_people(database, actor))


@blueprint.delete("/people/<int:user_id>")
@requires(Permission.MANAGE_PEOPLE)
@blueprint.doc(operation_id="forgetPerson", responses={204: "Forgotten"})
def forget_person(user_id: int) -> Response:
    """Make somebody anonymous for ever; what they did stays, under their number."""
    service.forget_person(services().database, current_actor(), user_id)
    return Response(status=204)


@blueprint.post("/people/<int:user_id>/link")
@requires(Permission.MANAGE_PEOPLE)
@blueprint.output(SecretLink, status_code=201)
@blueprint.doc(operation_id="createSignInLink")
def create_sign_in_link(user_id: int) -> SecretLink:
    """A link that signs somebody in once, for a day."""
    return SecretLink(token=service.sign_in_link(services().database, current_actor(), user_id))


@blueprint.get("/invitations")
@requires(Permission.MANAGE_PEOPLE)
@blueprint.output(Invitations)
@blueprint.doc(operation_id="listInvitations")
def list_invitations() -> Invitations:
    """Invitations that can still be accepted."""
    found = service.list_invitations(services().database, current_actor())
    return Invitations(invitations=[Invitation.of(each) for each in found])


@blueprint.post("/invitations")
@requires(Permission.MANAGE_PEOPLE)
@blueprint.input(NewInvitation)
@blueprint.output(CreatedInvitation, status_code=201)
@blueprint.doc(operation_id="createInvitation")
def create_invitation(json_data: NewInvitation) -> CreatedInvitation:
    """A link by which one new person comes in: once, for seven days."""
    new = json_data
    found, token = service.invite(
        services().database,
        current_actor(),
        role=new.role,
        project_id=new.project_id,
        project_role=new.project_role,
        note=new.note,
        email=new.email,
    )
    return CreatedInvitation(invitation=Invitation.of(found), token=token)


@blueprint.delete("/invitations/<int:invitation_id>")
@requires(Permission.MANAGE_PEOPLE)
@blueprint.doc(operation_id="withdrawInvitation", responses={204: "Withdrawn"})
def withdraw_invitation(invitation_id: int) -> Response:
    """Take an invitation back."""
    service.withdraw(services().database, current_actor(), invitation_id)
    return Response(status=204)
