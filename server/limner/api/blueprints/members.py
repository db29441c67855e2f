"""Who has which role in a project."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response

from limner.access import Permission
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.guard import requires
from limner.api.schemas.people import (
    Author,
    AuthorList,
    CreatedInvitation,
    Invitation,
    Invitations,
    Member,
    MemberList,
    NewMember,
    NewProjectInvitation,
)
from limner.service import people as service

blueprint = APIBlueprint("members", __name__)


@blueprint.get("/projects/<int:project_id>/members")
@requires(Permission.VIEW)
@blueprint.output(MemberList)
@blueprint.doc(operation_id="listMembers")
def list_members(project_id: int) -> MemberList:
    """Who has a role in the project."""
    found = service.list_members(services().database, current_actor(), project_id)
    labels = {each.issuer: each.label for each in services().sign_in_providers.providers}
    return MemberList(members=[Member.of(user, role, labels.get(issuer or "", issuer)) for user, role, issuer in found])


@blueprint.get("/projects/<int:project_id>/authors")
@requires(Permission.VIEW)
@blueprint.output(AuthorList)
@blueprint.doc(operation_id="listAuthors")
def list_authors(project_id: int) -> AuthorList:
    """Who submitted images of the project that are there, be they members or not."""
    found = service.list_authors(services().database, current_actor(), project_id)
    return AuthorList(authors=[Author(user_id=number, name=name) for number, name in found])


@blueprint.post("/projects/<int:project_id>/members")
@requires(Permission.MANAGE_MEMBERS)
@blueprint.input(NewMember)
@blueprint.output(Member)
@blueprint.doc(operation_id="setMember")
def set_member(project_id: int, json_data: NewMember) -> Member:
    """Give somebody a role in the project, in place of the one they had."""
    role = json_data.role
    user = service.set_member(services().database, current_actor(), project_id, json_data.name, role)
    return Member.of(user, role)


@blueprint.delete("/projects/<int:project_id>/members/<int:user_id>")
@requires(Permission.MANAGE_MEMBERS)
@blueprint.doc(operation_id="removeMember", responses={204: "Removed"})
def remove_member(project_id: int, user_id: int) -> Response:
    """Take somebody's role away; from then on the project does not exist for them."""
    service.remove_member(services().database, current_actor(), project_id, user_id)
    return Response(status=204)


@blueprint.get("/projects/<int:project_id>/invitations")
@requires(Permission.MANAGE_MEMBERS)
@blueprint.output(Invitations)
@blueprint.doc(operation_id="listProjectInvitations")
def list_invitations(project_id: int) -> Invitations:
    """Invitations to the project that can still be accepted."""
    found = service.list_invitations(services().database, current_actor(), project_id)
    return Invitations(invitations=[Invitation.of(each) for each in found])


@blueprint.post("/projects/<int:project_id>/invitations")
@requires(Permission.MANAGE_MEMBERS)
@blueprint.input(NewProjectInvitation)
@blueprint.output(CreatedInvitation, status_code=201)
@blueprint.doc(operation_id="inviteToProject")
def create_invitation(project_id: int, json_data: NewProjectInvitation) -> CreatedInvitation:
    """A link by which one new person comes into the project: once, for seven days."""
    found, token = service.invite(
        services().database,
        current_actor(),
        project_id=project_id,
        project_role=json_data.role,
        note=json_data.note,
        email=json_data.email,
    )
    return CreatedInvitation(invitation=Invitation.of(found), token=token)


@blueprint.delete("/projects/<int:project_id>/invitations/<int:invitation_id>")
@requires(Permission.MANAGE_MEMBERS)
@blueprint.doc(operation_id="withdrawProjectInvitation", responses={204: "Withdrawn"})
def withdraw_invitation(project_id: int, invitation_id: int) -> Response:
    """Take an invitation to the project back."""
    service.withdraw(services().database, current_actor(), invitation_id, project_id)
    return Response(status=204)
