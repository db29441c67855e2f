"""Signing in with a provider."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from limner.api.schemas.base import Answer, Request
from limner.api.schemas.people import TokenText
from limner.api.schemas.server import Session

Brought = Annotated[str, StringConstraints(strict=True, max_length=8192)]  # from the address to which one came back


class SignInProvider(Answer):
    """A provider: its name in addresses, its label for people, and whether invitations can be accepted with it."""

    name: str
    label: str
    invited: bool


class SignInProviders(Answer):
    """With whom people can sign in, in the order of the settings."""

    providers: list[SignInProvider]


class ProviderSignIn(Request):
    """A sign-in to begin; with the token of an invitation, that is accepted by it."""

    invitation: TokenText | None = None


class ProviderAddress(Answer):
    """Where the browser goes: to the provider."""

    address: str


class ProviderAnswer(Request):
    """What the provider wrote into the address to which the browser came back."""

    state: Brought
    code: Brought | None = None
    error: Brought | None = None
    error_description: Brought | None = None
    iss: Brought | None = None


class FinishedSignIn(Answer):
    """Who is signed in now; null: the account that was signed in is connected."""

    session: Session | None


class SignedOut(Answer):
    """One is signed out here; at this address it goes on, at the provider with which one signed in."""

    address: str
