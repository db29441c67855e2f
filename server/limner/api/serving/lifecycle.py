"""What a server announces: its address, and a link that signs in."""

from __future__ import annotations

from collections.abc import Callable

from limner.config import Settings
from limner.service.accounts import local_actor, open_accounts
from limner.service.people import sign_in_link as create_link

Announce = Callable[[str, str], None]  # takes the server's address and a fresh sign-in link


def sign_in_link(settings: Settings, address: str) -> str:
    """A fresh link that signs the first owner in once; brings the database up to date first."""
    with open_accounts(settings) as database:
        owner = local_actor(database)
        return f"{address}/login#token={create_link(database, owner, owner.user_id)}"


def bring_up_to_date(settings: Settings) -> None:
    """Make or migrate the database.

    Raises:
        Unavailable: it does not answer.
        Conflict: a newer version has brought it up to date.
    """
    with open_accounts(settings):
        pass
