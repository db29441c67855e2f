"""Managing people: inviting, roles in the installation and in projects, disabling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from limner.access import Actor, InstallationRole, Permission, ProjectRole, access_project, require, visible_projects
from limner.errors import NotFound
from limner.service.audit import log_action
from limner.store import Database
from limner.store import people as store
from limner.store.accounts import create_login_link, find_user
from limner.store.invitations import invite as store_invitation
from limner.store.invitations import open_invitations, withdraw_invitation
from limner.store.names import names_of_users
from limner.store.projects import choose_project, names_of_projects
from limner.store.tables import Invitation, User

__all__ = [
    "Database",
    "OpenInvitation",
    "People",
    "User",
    "change_person",
    "create_person",
    "find_person",
    "find_project",
    "forget_person",
    "invite",
    "list_authors",
    "list_invitations",
    "list_members",
    "list_people",
    "remove_member",
    "set_member",
    "sign_in_link",
    "withdraw",
]


@dataclass(frozen=True)
class People:
    """Everybody, and the projects (number, name, role) in which each has a role."""

    users: Sequence[User]
    projects: Mapping[int, Sequence[tuple[int, str, str]]]


@dataclass(frozen=True)
class OpenInvitation:
    """An invitation that can still be accepted, with the names of its project and of who made it."""

    row: Invitation
    project: str | None
    invited_by: str | None


def list_people(database: Database, actor: Actor) -> People:
    """Everybody.

    Raises:
        Forbidden: the actor does not manage people.
    """
    require(actor, Permission.MANAGE_PEOPLE)
    with database.read() as session:
        return People(store.list_people(session), store.projects_of_people(session))


def change_person(
    database: Database,
    actor: Actor,
    user_id: int,
    *,
    role: InstallationRole | None = None,
    disabled: bool | None = None,
    drop_password: bool = False,
) -> User:
    """Give somebody another role in the installation, disable or enable them, or take a forgotten password away.

    Raises:
        Forbidden: the actor does not manage people.
        NotFound: there is no such person.
        LastOwner: nobody would be an owner any more.
    """
    require(actor, Permission.MANAGE_PEOPLE)
    with database.write() as session:
        user = store.get_user(session, user_id)
        changes: dict[str, Any] = {"role": role, "disabled": disabled, "drop_password": drop_password or None}
        log_action(session, actor, "person.change", "person", user.id, before=user.role, **changes)
        if drop_password:
            user.password_hash = None
        if disabled is False:
            store.enable_person(session, user)
        if role is not None:
            store.set_installation_role(session, user, role)
        if disabled:
            store.disable_person(session, user)
        return user


def create_person(
    database: Database, actor: Actor, name: str, role: InstallationRole = InstallationRole.MEMBER
) -> User:
    """A new person without a password, who signs in by a link first.

    Raises:
        Forbidden: the actor does not manage people.
        NameTaken: somebody has this name.
    """
    require(actor, Permission.MANAGE_PEOPLE)
    with database.write() as session:
        user = store.add_person(session, name, role)
        log_action(session, actor, "person.create", "person", user.id, role=role)
        return user


def find_person(database: Database, actor: Actor, name: str | None) -> User:
    """The person of this name, disabled or not, or the actor: what is typed on a command line.

    Raises:
        Forbidden: the actor does not manage people.
        NotFound: there is nobody of this name; it says who there is.
    """
    require(actor, Permission.MANAGE_PEOPLE)
    with database.read() as session:
        return store.get_user(session, actor.user_id) if name is None else find_user(session, name)


def find_project(database: Database, actor: Actor, name: str) -> int:
    """The number of a project, by number or name; needs no model, as what finds it otherwise does.

    Raises:
        NotFound, InvalidInput: there is none that the actor may see, or there are several.
    """
    with database.read() as session:
        return choose_project(list(visible_projects(session, actor)), name).id


def forget_person(database: Database, actor: Actor, user_id: int) -> None:
    """Make a person anonymous for ever; what they did stays.

    Raises:
        Forbidden, NotFound, LastOwner: as for changing them.
    """
    require(actor, Permission.MANAGE_PEOPLE)
    with database.write() as session:
        log_action(session, actor, "person.forget", "person", user_id)
        store.forget_person(session, store.get_user(session, user_id))


def sign_in_link(database: Database, actor: Actor, user_id: int) -> str:
    """The token of a link that signs somebody in once, for who forgot the password.

    Raises:
        Forbidden: the actor does not manage people.
        NotFound: there is no such person who can sign in.
    """
    require(actor, Permission.MANAGE_PEOPLE)
    with database.write() as session:
        user = store.get_user(session, user_id)
        if user.disabled is not None:
            raise NotFound(f"{user.name} is disabled.", hint="Enable them first.")
        log_action(session, actor, "person.link", "person", user.id)
        return create_login_link(session, user)


def invite(
    database: Database,
    actor: Actor,
    *,
    role: InstallationRole = InstallationRole.MEMBER,
    project_id: int | None = None,
    project_role: ProjectRole | None = None,
    note: str = "",
    email: str = "",
) -> tuple[OpenInvitation, str]:
    """A new invitation and its token. Who manages a project's members may invite members to it.

    Whoever signs in with a provider that says that ``email`` is theirs accepts it without its link.

    Raises:
        Forbidden, NotFound: the actor may not.
    """
    if project_id is None or role is not InstallationRole.MEMBER:
        require(actor, Permission.MANAGE_PEOPLE)
    with database.write() as session:
        if project_id is not None:
            access_project(session, actor, project_id, Permission.MANAGE_MEMBERS)
        row, token = store_invitation(
            session,
            role=role,
            project_id=project_id,
            project_role=project_role,
            note=note,
            email=email,
            invited_by=actor.user_id,
        )
        log_action(
            session,
            actor,
            "invitation.create",
            "invitation",
            row.id,
            project_id=project_id,
            role=role,
            project_role=project_role,
        )
        names = names_of_projects(session, [project_id])
        return OpenInvitation(row, names.get(project_id or 0), actor.name), token


def list_invitations(database: Database, actor: Actor, project_id: int | None = None) -> Sequence[OpenInvitation]:
    """Invitations that can still be accepted: to one project, or all.

    Raises:
        Forbidden, NotFound: the actor may not see them.
    """
    if project_id is None:
        require(actor, Permission.MANAGE_PEOPLE)
    with database.read() as session:
        if project_id is not None:
            access_project(session, actor, project_id, Permission.MANAGE_MEMBERS)
        rows = open_invitations(session, project_id)
        people = names_of_users(session, [row.invited_by for row in rows])
        projects = names_of_projects(session, [row.project_id for row in rows])
        return [OpenInvitation(row, projects.get(row.project_id or 0), people.get(row.invited_by or 0)) for row in rows]


def withdraw(database: Database, actor: Actor, invitation_id: int, project_id: int | None = None) -> None:
    """Take an invitation back.

    Raises:
        Forbidden, NotFound: the actor may not, or there is none.
    """
    if project_id is None:
        require(actor, Permission.MANAGE_PEOPLE)
    with database.write() as session:
        if project_id is not None:
            access_project(session, actor, project_id, Permission.MANAGE_MEMBERS)
        withdraw_invitation(session, invitation_id, project_id)
        log_action(session, actor, "invitation.withdraw", "invitation", invitation_id, project_id=project_id)


def list_members(database: Database, actor: Actor, project_id: int) -> Sequence[tuple[User, str, str | None]]:
    """Who has which role in a project, and the issuer whose claims gave it; None: somebody did.

    Raises:
        NotFound: the actor may not see the project.
    """
    with database.read() as session:
        access_project(session, actor, project_id, Permission.VIEW)
        return store.list_members(session, project_id)


def list_authors(database: Database, actor: Actor, project_id: int) -> Sequence[tuple[int, str]]:
    """(number, name) of whoever submitted an image of a project last, members or not.

    Raises:
        NotFound: the actor may not see the project.
    """
    with database.read() as session:
        access_project(session, actor, project_id, Permission.VIEW)
        return store.list_authors(session, project_id)


def set_member(database: Database, actor: Actor, project_id: int, name: str, role: ProjectRole) -> User:
    """Give somebody, by name, a role in a project.

    Raises:
        Forbidden, NotFound: the actor may not, or nobody is called that.
    """
    with database.write() as session:
        access_project(session, actor, project_id, Permission.MANAGE_MEMBERS)
        user = store.find_person(session, name)
        before = store.role_in(session, project_id, user.id)
        log_action(session, actor, "member.set", "person", user.id, project_id=project_id, before=before, role=role)
        store.set_member(session, project_id, user, role)
        return user


def remove_member(database: Database, actor: Actor, project_id: int, user_id: int) -> None:
    """Take somebody's role in a project away; who left finds their work where it was when they come back.

    Raises:
        Forbidden, NotFound: the actor may not, or they have none.
    """
    with database.write() as session:
        access_project(session, actor, project_id, Permission.MANAGE_MEMBERS)
        before = store.role_in(session, project_id, user_id)
        log_action(session, actor, "member.remove", "person", user_id, project_id=project_id, before=before)
        store.remove_member(session, project_id, user_id)
