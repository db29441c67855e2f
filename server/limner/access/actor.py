"""On whose behalf something is done."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from limner.access.permissions import InstallationRole
from limner.store.tables import User


class Credential(StrEnum):
    """How somebody proved who they are."""

    SESSION = "session"  # the cookie of a browser that signed in
    TOKEN = "token"  # noqa: S105  # a kind of credential, not one
    LOCAL = "local"  # the command line: whoever may read the home may do what its administrator may


@dataclass(frozen=True)
class Actor:
    """A person, as long as one request or one command lasts.

    Attributes:
        user_id: what rows remember.
        name: what people read.
        role: in the installation.
        credential: how they signed in.
    """

    user_id: int
    name: str
    role: InstallationRole
    credential: Credential

    @classmethod
    def of(cls, user: User, credential: Credential) -> Self:
        """The person of a row of the database."""
        return cls(user.id, user.name, InstallationRole(user.role), credential)
