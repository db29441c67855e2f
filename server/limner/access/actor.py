"""On whose behalf something is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from sqlalchemy.orm import Session

from limner.access.permissions import ROLE_PERMISSIONS, SCOPE_PERMISSIONS, InstallationRole, Permission, Scope
from limner.store.accounts import Proof, find_login_session, find_token
from limner.store.tables import User

EVERY_SCOPE = frozenset({Scope.ALL})


class Credential(StrEnum):
    """How somebody proved who they are."""

    SESSION = "session"  # the cookie of a browser that signed in
    TOKEN = "token"  # noqa: S105  # a kind of credential, not one
    LOCAL = "local"  # the command line: whoever may read the home may do what its owner may


@dataclass(frozen=True)
class Actor:
    """A person, as long as one request or one command lasts.

    Attributes:
        user_id: what rows remember.
        name: what people read.
        role: in the installation.
        credential: how they signed in.
        key: of the session or the token with which they did, as the database has it; empty for the command line.
        scopes: of that token; every other credential has them all.
        request_id: of the request in which they act; empty on the command line.
    """

    user_id: int
    name: str
    role: InstallationRole
    credential: Credential
    key: str = field(default="", repr=False)
    scopes: frozenset[Scope] = EVERY_SCOPE
    request_id: str = field(default="", compare=False)

    @classmethod
    def of(cls, user: User, credential: Credential, key: str = "", scopes: frozenset[Scope] = EVERY_SCOPE) -> Self:
        """The person of a row of the database."""
        return cls(user.id, user.name, InstallationRole(user.role), credential, key, scopes)

    @property
    def limit(self) -> frozenset[Permission]:
        """What their credential may be used for at most."""
        return frozenset[Permission]().union(*(SCOPE_PERMISSIONS[scope] for scope in self.scopes))

    @property
    def granted(self) -> frozenset[Permission]:
        """What their role in the installation lets them do, there and in every project."""
        return ROLE_PERMISSIONS[self.role] & self.limit


def actor_of_session(found: Proof) -> Actor:
    """Who is signed in with a session, as they stand now."""
    return Actor(found.user_id, found.name, InstallationRole(found.role), Credential.SESSION, found.key)


def actor_of_token(found: Proof) -> Actor:
    """Who acts with a token, as they stand now."""
    scopes = frozenset(map(Scope, found.scopes.split()))
    return Actor(found.user_id, found.name, InstallationRole(found.role), Credential.TOKEN, found.key, scopes)


def current(session: Session, actor: Actor) -> Actor | None:
    """The same person as they stand now: with the role they have by now, or None when they are signed in no more."""
    if actor.credential is Credential.SESSION:
        signed_in = find_login_session(session, actor.key)
        return actor_of_session(signed_in) if signed_in else None
    if actor.credential is Credential.TOKEN:
        token = find_token(session, actor.key)
        return actor_of_token(token) if token else None
    return actor
