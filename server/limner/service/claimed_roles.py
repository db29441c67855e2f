"""Roles in projects that a provider's claim gives: with a sign-in they come, change, and go when it gives them no more.

Who gave a role decides who takes it: what people gave (on the page, on the command line, by an invitation), and what
another provider gave, stays as it is, whatever the claim says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy.orm import Session

from limner.access import Actor, ProjectRole
from limner.errors import LimnerError, NotFound
from limner.oidc import ClaimedRole, Identity, Provider
from limner.service.audit import log_action
from limner.store import Database
from limner.store.identities import user_of_identity
from limner.store.people import lock_memberships, remove_member, set_member
from limner.store.projects import choose_project, list_projects
from limner.store.tables import Project, User

__all__ = ["follow_claims", "is_given_a_role", "unknown_projects", "withdraw_claimed"]

HIGHEST_FIRST = tuple(ProjectRole)

logger = structlog.get_logger(__name__)


def is_given_a_role(provider: Provider, identity: Identity) -> bool:
    """Whether the claim has a value that means a role in some project, be it there or not."""
    return any(each.value in identity.roles for each in provider.project_roles)


def follow_claims(session: Session, provider: Provider, identity: Identity, user: User, actor: Actor) -> None:
    """Have somebody who signs in have the roles in projects that the claim gives, besides those that people gave them.

    A project that is not there, or whose name several have, keeps nobody from signing in: the log says so.

    Args:
        session: of the transaction that signs them in.
        provider: says what values of the claim mean.
        identity: whose claim; it signs ``user`` in already.
        user: who.
        actor: the same person, for the audit log.
    """
    known = user_of_identity(session, identity.issuer, identity.subject)
    if known is None:
        raise AssertionError("an identity is connected before its claims are followed")
    identity_id, given = known[1].id, _given(session, provider, identity)
    held = lock_memberships(session, user.id)
    for project_id in sorted({*given, *held}):
        there, role = held.get(project_id), given.get(project_id)
        before = there.role if there else None
        if role == before or (there is not None and there.identity_id != identity_id):
            continue
        about: dict[str, Any] = {"project_id": project_id, "before": before, "provider": provider.name}
        if role is None:
            log_action(session, actor, "member.remove", "person", user.id, **about)
            remove_member(session, project_id, user.id)
        else:
            log_action(session, actor, "member.set", "person", user.id, **about, role=role)
            set_member(session, project_id, user, role, identity_id)


def withdraw_claimed(session: Session, actor: Actor, identity_id: int) -> None:
    """Take the roles away that an identity of the actor gave them: it is about to be connected no more."""
    for project_id, row in lock_memberships(session, actor.user_id).items():
        if row.identity_id == identity_id:
            log_action(
                session,
                actor,
                "member.remove",
                "person",
                actor.user_id,
                project_id=project_id,
                before=row.role,
                by="disconnect",
            )
            remove_member(session, project_id, actor.user_id)


def unknown_projects(database: Database, provider: Provider) -> Sequence[str]:
    """What is wrong with the projects that a provider's settings name, a sentence for each value that gives nothing."""
    with database.read() as session:
        projects = list_projects(session)
    wrong = []
    for each in provider.project_roles:
        try:
            _find(projects, each)
        except LimnerError as error:
            wrong.append(f"project_roles for the value {each.value!r}: {error.message} {error.hint}".rstrip())
    return wrong


def _given(session: Session, provider: Provider, identity: Identity) -> Mapping[int, ProjectRole]:
    """The highest role that the claim gives in each project, by the project's number."""
    mine = [each for each in provider.project_roles if each.value in identity.roles]
    projects = list_projects(session) if mine else []
    found: dict[int, ProjectRole] = {}
    for each in mine:
        try:
            number, role = _find(projects, each).id, ProjectRole(each.role)
        except LimnerError as error:
            logger.warning("a claim gives no role", provider=provider.name, value=each.value, reason=error.message)
            continue
        found[number] = min(role, found.get(number, role), key=HIGHEST_FIRST.index)
    return found


def _find(projects: Sequence[Project], wanted: ClaimedRole) -> Project:
    """The project that is meant: a number is never a name.

    Raises:
        NotFound, InvalidInput: there is none, or there are several of the name.
    """
    if isinstance(wanted.project, str):
        return choose_project(projects, wanted.project)
    found = next((each for each in projects if each.id == wanted.project), None)
    if found is None:
        known = ", ".join(f"{each.id} {each.name!r}" for each in projects) or "none"
        raise NotFound(f"There is no project {wanted.project}.", hint=f"There are: {known}.")
    return found
