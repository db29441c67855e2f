"""People, their accounts, roles and invitations."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from limner.access import InstallationRole, ProjectRole, Scope
from limner.api.schemas.base import Answer, NameText, Request
from limner.service.own_account import MAX_TOKEN_DAYS, SHOWN_KEY, ApiTokenRow, LoginSessionRow
from limner.service.own_account import Account as AccountFacts
from limner.service.people import OpenInvitation, User
from limner.service.people import People as PeopleFacts
from limner.service.sign_in import Invited
from limner.vocabulary.events import Timestamp

TokenText = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200)]
Password = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=1000)]
Email = Annotated[
    str, StringConstraints(strict=True, max_length=255, pattern=r"^([^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+)?$")
]
Note = Annotated[str, StringConstraints(strict=True, max_length=255, pattern=r"^[^\x00-\x1f\x7f]*$")]


class LoginSession(Answer):
    """A browser in which one is signed in; ``key`` names it, ``current`` is the one that asks."""

    key: str
    created: Timestamp
    last_used: Timestamp | None
    expires: Timestamp
    address: str
    browser: str
    current: bool

    @classmethod
    def of(cls, row: LoginSessionRow, current_key: str) -> LoginSession:
        """The row as it is told to its owner."""
        return cls(
            key=row.id_sha256[:SHOWN_KEY],
            created=row.created,
            last_used=row.last_used,
            expires=row.expires,
            address=row.address,
            browser=row.browser,
            current=row.id_sha256 == current_key,
        )


class ApiToken(Answer):
    """A token for scripts. The token itself was shown when it was made."""

    name: str
    scopes: list[Scope]
    created: Timestamp
    expires: Timestamp | None
    last_used: Timestamp | None

    @classmethod
    def of(cls, row: ApiTokenRow) -> ApiToken:
        """The row as it is told to its owner."""
        return cls(
            name=row.name,
            scopes=[Scope(scope) for scope in row.scopes.split()],
            created=row.created,
            expires=row.expires,
            last_used=row.last_used,
        )


class ConnectedIdentity(Answer):
    """An identity at a sign-in provider that signs one in; ``shown_as`` is what one is called there."""

    id: int
    issuer: str
    shown_as: str
    created: Timestamp
    last_used: Timestamp | None


class Account(Answer):
    """One's own account."""

    id: int
    name: str
    role: InstallationRole
    has_password: bool
    sessions: list[LoginSession]
    tokens: list[ApiToken]
    identities: list[ConnectedIdentity]

    @classmethod
    def of(cls, facts: AccountFacts, current_key: str) -> Account:
        """The account as it is told to its owner."""
        return cls(
            id=facts.user.id,
            name=facts.user.name,
            role=InstallationRole(facts.user.role),
            has_password=facts.user.password_hash is not None,
            sessions=[LoginSession.of(row, current_key) for row in facts.sessions],
            tokens=[ApiToken.of(row) for row in facts.tokens],
            identities=[ConnectedIdentity.model_validate(row) for row in facts.identities],
        )


class AccountChanges(Request):
    """What to change about oneself."""

    name: NameText


class PasswordChange(Request):
    """A new password; the old one too, where there is one."""

    new: Password
    old: Password | None = None


class NewToken(Request):
    """A token to make; without ``days`` it is good until it is revoked."""

    name: NameText
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(Scope))] = Field(
        default_factory=lambda: [Scope.ALL]
    )
    days: Annotated[int, Field(ge=1, le=MAX_TOKEN_DAYS)] | None = None


class CreatedToken(Answer):
    """A token that was just made; it is not shown again."""

    token: str


class PersonProject(Answer):
    """A project in which somebody has a role."""

    id: int
    name: str
    role: ProjectRole


class Person(Answer):
    """Somebody, as owners see them."""

    id: int
    name: str
    role: InstallationRole
    created: Timestamp
    disabled: Timestamp | None
    has_password: bool
    projects: list[PersonProject]

    @classmethod
    def of(cls, user: User, projects: list[PersonProject]) -> Person:
        """The row as owners see it."""
        return cls(
            id=user.id,
            name=user.name,
            role=InstallationRole(user.role),
            created=user.created,
            disabled=user.disabled,
            has_password=user.password_hash is not None,
            projects=projects,
        )


class People(Answer):
    """Everybody, those who came first first."""

    people: list[Person]

    @classmethod
    def of(cls, facts: PeopleFacts) -> People:
        """Everybody, as owners see them."""
        return cls(
            people=[
                Person.of(
                    user,
                    [
                        PersonProject(id=number, name=name, role=ProjectRole(role))
                        for number, name, role in facts.projects.get(user.id, ())
                    ],
                )
                for user in facts.users
            ]
        )


class PersonChanges(Request):
    """What to change about somebody; what is left out stays. ``drop_password``: they sign in by a link then."""

    role: InstallationRole | None = None
    disabled: bool | None = None
    drop_password: bool = False


class SecretLink(Answer):
    """The token of a link, shown once: the page makes the address of it."""

    token: str


class NewInvitation(Request):
    """An invitation to make: a role in the installation, and one in a project besides, or not.

    Who signs in with a provider that has verified that ``email`` is theirs accepts it, without its link too.
    """

    role: InstallationRole = InstallationRole.MEMBER
    project_id: Annotated[int, Field(ge=1, lt=2**63)] | None = None
    project_role: ProjectRole | None = None
    note: Note = ""
    email: Email = ""

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.project_id is None) != (self.project_role is None):
            raise ValueError("a project needs a role in it, and a role needs a project")
        return self


class NewProjectInvitation(Request):
    """An invitation to one project."""

    role: ProjectRole
    note: Note = ""
    email: Email = ""


class Invitation(Answer):
    """An invitation that can still be accepted."""

    id: int
    role: InstallationRole
    project_id: int | None
    project: str | None
    project_role: ProjectRole | None
    note: str
    email: str
    invited_by: str | None
    created: Timestamp
    expires: Timestamp

    @classmethod
    def of(cls, found: OpenInvitation) -> Invitation:
        """The invitation as it is told to who may make such."""
        row = found.row
        return cls(
            id=row.id,
            role=InstallationRole(row.role),
            project_id=row.project_id,
            project=found.project,
            project_role=ProjectRole(row.project_role) if row.project_role else None,
            note=row.note,
            email=row.email,
            invited_by=found.invited_by,
            created=row.created,
            expires=row.expires,
        )


class Invitations(Answer):
    """Invitations that can still be accepted, the newest first."""

    invitations: list[Invitation]


class CreatedInvitation(Answer):
    """An invitation that was just made, and the token of its link, which is not shown again."""

    invitation: Invitation
    token: str


class InvitationToken(Request):
    """The token of an invitation's link."""

    token: TokenText


class InvitationOffer(Answer):
    """What an invitation offers."""

    role: InstallationRole
    project: str | None
    project_role: ProjectRole | None
    invited_by: str | None
    expires: Timestamp

    @classmethod
    def of(cls, found: Invited) -> InvitationOffer:
        """The offer as it is told to whoever has the link."""
        row = found.invitation
        return cls(
            role=InstallationRole(row.role),
            project=found.project,
            project_role=ProjectRole(row.project_role) if row.project_role else None,
            invited_by=found.invited_by,
            expires=row.expires,
        )


class InvitationAcceptance(Request):
    """Who accepts an invitation, and the password with which they sign in from now on."""

    token: TokenText
    name: NameText
    password: Password


class Member(Answer):
    """Somebody's role in a project. ``given_by``: the sign-in provider whose claims gave it; none: somebody did."""

    user_id: int
    name: str
    role: ProjectRole
    disabled: bool
    given_by: str | None

    @classmethod
    def of(cls, user: User, role: str, given_by: str | None = None) -> Member:
        """The row as it is told to the project."""
        return cls(
            user_id=user.id,
            name=user.name,
            role=ProjectRole(role),
            disabled=user.disabled is not None,
            given_by=given_by,
        )


class MemberList(Answer):
    """Who has a role in a project, by name. Owners of the installation have all rights without one."""

    members: list[Member]


class Author(Answer):
    """Somebody who submitted images of a project: a member, or somebody who left or is disabled."""

    user_id: int
    name: str


class AuthorList(Answer):
    """Who submitted the images of a project, each image's last one, by name."""

    authors: list[Author]


class NewMember(Request):
    """Somebody, by name, and the role they get in place of the one they had."""

    name: NameText
    role: ProjectRole
