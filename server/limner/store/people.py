"""People: who there is, their roles in the installation and in projects, and the ends of both."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from itertools import count

from sqlalchemy import Connection, bindparam, delete, func, select
from sqlalchemy.orm import Session

from limner.errors import Conflict, NotFound
from limner.store.accounts import end_sessions, user_named
from limner.store.assignments import unassign_all
from limner.store.events import add_event
from limner.store.leases import give_back_all
from limner.store.tables import ApiToken, Image, LoginLink, Membership, Project, ProviderIdentity, User
from limner.store.types import utc_now
from limner.vocabulary.events import AccessEvent
from limner.vocabulary.names import CONTROL, MAX_TEXT, check_text, one_line

_ROLE_IN = select(Membership.role).where(
    Membership.project_id == bindparam("project_id"), Membership.user_id == bindparam("user_id")
)  # asked by nearly every request: put together once

_ROLE_AND_SHARES = _ROLE_IN.join(Project, Project.id == Membership.project_id).add_columns(Project.shares_figures)


class NameTaken(Conflict):
    """Somebody else has the name."""

    code = "name_taken"


class LastOwner(Conflict):
    """Without this person nobody could manage the installation."""

    code = "last_owner"


def get_user(session: Session, user_id: int) -> User:
    """The person with this number.

    Raises:
        NotFound: when there is none.
    """
    user = session.get(User, user_id)
    if user is None:
        raise NotFound.row("person", user_id)
    return user


def find_person(session: Session, name: str) -> User:
    """The person of this name, however it is capitalised. Who else there is is not said: not everybody may know.

    Raises:
        NotFound: when nobody is called that.
    """
    user = user_named(session, name)
    if user is None or user.disabled is not None:
        raise NotFound(f"Nobody here is called {name!r}.", hint="Names are those of the people page; or invite them.")
    return user


def list_people(session: Session) -> Sequence[User]:
    """Everybody, those who came first first."""
    return session.scalars(select(User).order_by(User.id)).all()


def add_person(session: Session, name: str, role: str, password_hash: str | None = None) -> User:
    """A new person.

    Raises:
        NameTaken: somebody has this name, however it is capitalised or encoded.
        InvalidInput: it is none that can be kept.
    """
    name = _checked_name(session, name, None)
    user = User(name=name, role=role, password_hash=password_hash, storage_key=secrets.token_hex(16))
    session.add(user)
    session.flush()
    return user


def free_name(session: Session, wanted: str) -> str:
    """A name like this one that nobody has: with a number behind it, where somebody does."""
    wanted = CONTROL.sub("", one_line(wanted))[: MAX_TEXT - 10].strip() or "Somebody"
    names = (wanted if number == 1 else f"{wanted} {number}" for number in count(1))
    return next(name for name in names if user_named(session, name) is None)


def rename_person(session: Session, user: User, name: str) -> None:
    """Call somebody by another name, also on what they did before.

    Raises:
        NameTaken: somebody else has it.
        InvalidInput: it is none that can be kept.
    """
    user.name = _checked_name(session, name, user.id)
    session.flush()


def set_installation_role(session: Session, user: User, role: str) -> None:
    """Give somebody another role in the installation.

    Raises:
        LastOwner: nobody would be an owner any more.
    """
    if role != "owner":
        _check_another_owner(session, user)
    user.role = role
    session.flush()
    announce_access(session, user.id)


def disable_person(session: Session, user: User) -> None:
    """Nobody can sign in as this person any more: sessions, tokens' use, event streams and leases end. What they did,
    and what is assigned to them, stays.

    Raises:
        LastOwner: nobody would be an owner any more.
    """
    _check_another_owner(session, user)
    user.disabled = user.disabled or utc_now()
    end_sessions(session, user.id)
    session.execute(delete(LoginLink).where(LoginLink.user_id == user.id))
    session.flush()
    give_back_all(session, user.id)
    announce_access(session, user.id)


def enable_person(session: Session, user: User) -> None:
    """Let somebody who was disabled sign in again; their roles and tokens are as they were."""
    user.disabled = None
    session.flush()


def forget_person(session: Session, user: User) -> None:
    """Remove all that says who somebody was; an anonymous person of the same number keeps what they did.

    Raises:
        LastOwner: nobody would be an owner any more.
    """
    disable_person(session, user)
    unassign_all(session, user.id)
    session.execute(delete(ApiToken).where(ApiToken.user_id == user.id))
    session.execute(delete(ProviderIdentity).where(ProviderIdentity.user_id == user.id))
    session.execute(delete(Membership).where(Membership.user_id == user.id))
    user.name, user.password_hash, user.role = f"Former person {user.id}", None, "member"
    session.flush()


def announce_access(session: Session, user_id: int) -> None:
    """Have all pages of somebody look what they may do now."""
    add_event(session, AccessEvent(user_id=user_id), None)


def role_in(session: Session | Connection, project_id: int, user_id: int) -> str | None:
    """What somebody is in a project; None: nothing there."""
    return session.scalar(_ROLE_IN, {"project_id": project_id, "user_id": user_id})


def role_and_sharing_in(session: Session | Connection, project_id: int, user_id: int) -> tuple[str | None, bool]:
    """(what somebody is in a project, whether it shares its figures with them); asked for in one statement."""
    row = session.execute(_ROLE_AND_SHARES, {"project_id": project_id, "user_id": user_id}).one_or_none()
    return (None, False) if row is None else (row.role, row.shares_figures)


def roles_of(session: Session, user_id: int) -> Mapping[int, str]:
    """What somebody is in each project, by the project's number."""
    found = select(Membership.project_id, Membership.role).where(Membership.user_id == user_id)
    return dict(session.execute(found).all())


def projects_of_people(session: Session) -> Mapping[int, Sequence[tuple[int, str, str]]]:
    """(number, name, role) of the projects in which people have roles, by the person's number."""
    found: dict[int, list[tuple[int, str, str]]] = {}
    rows = session.execute(
        select(Membership.user_id, Project.id, Project.name, Membership.role)
        .join(Project, Project.id == Membership.project_id)
        .order_by(Project.id)
    )
    for user_id, project_id, name, role in rows:
        found.setdefault(user_id, []).append((project_id, name, role))
    return found


def list_members(session: Session, project_id: int) -> Sequence[tuple[User, str, str | None]]:
    """Who has which role in a project, by name; and the issuer whose claims gave it, where people did not."""
    found = (
        select(User, Membership.role, ProviderIdentity.issuer)
        .join(Membership, Membership.user_id == User.id)
        .outerjoin(ProviderIdentity, ProviderIdentity.id == Membership.identity_id)
    )
    return session.execute(found.where(Membership.project_id == project_id).order_by(User.name)).all()


def list_authors(session: Session, project_id: int) -> Sequence[tuple[int, str]]:
    """(number, name) of the people who submitted an image of a project last, by name, whether they are still here."""
    mine = select(func.min(Image.author_id).label("number")).where(Image.project_id == project_id)
    authors = mine.where(Image.author_id.is_not(None)).cte("authors", recursive=True)  # one step in the index for each
    further = mine.where(Image.author_id > authors.c.number).scalar_subquery()
    authors = authors.union_all(select(further).where(authors.c.number.is_not(None)))
    found = session.execute(select(User.id, User.name).join(authors, authors.c.number == User.id)).all()
    return sorted(((row.id, row.name) for row in found), key=lambda author: author[1].casefold())


def lock_memberships(session: Session, user_id: int) -> Mapping[int, Membership]:
    """What somebody is in projects, by the project's number. Who else asks for it waits until this transaction ends."""
    session.execute(select(User.id).where(User.id == user_id).with_for_update())
    rows = session.scalars(select(Membership).where(Membership.user_id == user_id).with_for_update())
    return {row.project_id: row for row in rows}


def set_member(session: Session, project_id: int, user: User, role: str, identity_id: int | None = None) -> None:
    """Give somebody a role in a project, in place of the one they had there.

    Args:
        session: of a writing transaction.
        project_id: where.
        user: whom.
        role: which.
        identity_id: of them at a provider whose claims give the role, and take it away; None: somebody gives it.
    """
    session.merge(
        Membership(project_id=project_id, user_id=user.id, role=role, created=utc_now(), identity_id=identity_id)
    )
    session.flush()
    if role == "viewer":
        give_back_all(session, user.id, project_id)
    announce_access(session, user.id)


def remove_member(session: Session, project_id: int, user_id: int) -> None:
    """Take somebody's role in a project away; others may have what they held, or were to work on.

    Raises:
        NotFound: they had none.
    """
    row = session.get(Membership, (project_id, user_id))
    if row is None:
        raise NotFound(f"Person {user_id} has no role in this project.", hint="There is nothing to take away.")
    session.delete(row)
    session.flush()
    give_back_all(session, user_id, project_id)
    unassign_all(session, user_id, project_id)
    announce_access(session, user_id)


def _checked_name(session: Session, name: str, user_id: int | None) -> str:
    """A name as it is kept: one line, that nobody else has."""
    name = check_text(one_line(name), "name")
    found = user_named(session, name)
    if found is not None and found.id != user_id:
        raise NameTaken(f"Somebody is called {name!r} already.", hint="Choose another name, or add a surname.")
    return name


def _check_another_owner(session: Session, user: User) -> None:
    """Owners are locked, so that of two who leave at the same time one stays."""
    owners = session.scalars(
        select(User.id).where(User.role == "owner", User.disabled.is_(None)).order_by(User.id).with_for_update()
    ).all()
    if list(owners) == [user.id]:
        raise LastOwner(
            f"{user.name} is the only owner: without one nobody could manage people and settings.",
            hint="Make somebody else an owner first.",
        )
