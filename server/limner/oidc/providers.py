"""Which sign-in providers there are, and whom each lets in: a TOML file with a table for each."""

from __future__ import annotations

import ipaddress
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from limner.errors import InvalidFile, NotFound

Text = Annotated[str, Field(min_length=1, max_length=255)]
NAME = r"^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$"
MAX_SECRET = 4096  # characters


class ClaimedRole(BaseModel):
    """What a value of the claim gives in a project.

    Attributes:
        value: of the claim.
        project: its number, or its name.
        role: there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: Text
    project: Annotated[int, Field(strict=True, ge=1, lt=2**63)] | Text
    role: Literal["manager", "reviewer", "annotator", "viewer"]


class Provider(BaseModel):
    """One provider, as its table says.

    Attributes:
        name: of the table; stands in addresses.
        label: what people read on the button.
        issuer: its address, below which ``/.well-known/openid-configuration`` lies.
        client_id: what the provider calls this installation.
        client_secret_file: a file that holds the secret; read whenever it is needed.
        client_secret_env: the environment variable that holds it. Neither: a public client, by PKCE alone.
        client_authentication: how the secret is shown; by default in a header, or where that is not offered in a form.
        scopes: what is asked for; ``openid`` among it.
        invited: lets in whom an invitation is for: who comes by its link, or whose verified e-mail it names; and who is
            here already.
        domains: lets in everybody whose verified e-mail is of one of these, as a member.
        role_claim: the claim whose values ``roles`` and ``project_roles`` know; dots lead into objects
            (``realm_access.roles``).
        roles: lets in who has one of these values, with this role in the installation, which follows the claim.
        project_roles: lets in who has one of their values, as a member, with these roles in projects, which follow the
            claim.
        sign_out_at_provider: whether signing out here goes on to sign out there, where the provider offers it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=NAME)]
    label: Text
    issuer: Annotated[str, Field(max_length=512)]
    client_id: Text
    client_secret_file: Path | None = None
    client_secret_env: Text | None = None
    client_authentication: Literal["client_secret_basic", "client_secret_post"] | None = None
    scopes: tuple[Text, ...] = ("openid", "profile", "email")
    invited: bool = True
    domains: tuple[Text, ...] = ()
    role_claim: str = ""
    roles: Mapping[str, Literal["owner", "member"]] = Field(default_factory=dict)
    project_roles: tuple[ClaimedRole, ...] = ()
    sign_out_at_provider: bool = True

    @field_validator("issuer")
    @classmethod
    def _is_an_address(cls, issuer: str) -> str:
        problem = address_problem(issuer)
        if problem:
            raise ValueError(problem)
        if urlsplit(issuer).query:
            raise ValueError("an issuer has no question mark")
        return issuer

    @field_validator("scopes")
    @classmethod
    def _asks_who(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in scopes:
            raise ValueError("'openid' must be among the scopes")
        return scopes

    @field_validator("domains")
    @classmethod
    def _are_domains(cls, domains: tuple[str, ...]) -> tuple[str, ...]:
        for each in domains:
            if "@" in each or "*" in each or "." not in each:
                raise ValueError(f"{each!r} is no domain such as example.org")
        return tuple(each.casefold() for each in domains)

    @model_validator(mode="after")
    def _lets_somebody_in(self) -> Self:
        if self.client_secret_file is not None and self.client_secret_env is not None:
            raise ValueError("give client_secret_file or client_secret_env, not both")
        if bool(self.role_claim) != bool(self.roles or self.project_roles):
            raise ValueError("role_claim and what its values give (roles, project_roles) need each other")
        if not (self.invited or self.domains or self.roles or self.project_roles):
            raise ValueError("nobody may sign in: allow invited, domains, roles or project_roles")
        return self

    def secret(self) -> str | None:
        """The client's secret; None for a public client.

        Raises:
            InvalidFile: the file or the variable that should hold it does not.
        """
        if self.client_secret_env is not None:
            found, where = os.environ.get(self.client_secret_env, ""), f"The variable {self.client_secret_env}"
        elif self.client_secret_file is not None:
            where = f"The file {self.client_secret_file}"
            try:
                found = self.client_secret_file.read_text("utf-8")[: MAX_SECRET + 1].strip()
            except (OSError, UnicodeDecodeError) as error:
                raise InvalidFile(
                    f"{where}, which holds the secret of {self.name}, cannot be read.", hint=str(error)
                ) from error
        else:
            return None
        if not found or len(found) > MAX_SECRET:
            raise InvalidFile(
                f"{where} does not hold the secret of {self.name}.", hint="Put the client's secret there."
            )
        return found


class Providers:
    """All of them, by name, in the order of the file."""

    def __init__(self, found: Mapping[str, Provider]) -> None:
        self._found = dict(found)

    def __iter__(self) -> Iterator[Provider]:
        return iter(self._found.values())

    def get(self, name: str) -> Provider:
        """The one of this name.

        Raises:
            NotFound: there is none.
        """
        if name not in self._found:
            raise NotFound.row("sign-in provider", name[:32])
        return self._found[name]


def read_providers(path: Path | None, default: Path) -> Providers:
    """The providers of a file.

    Args:
        path: of the file; None: ``default``, if it is there.
        default: where it lies when nobody says otherwise.

    Raises:
        InvalidFile: it is not there, is not TOML, or says something that cannot be.
    """
    where = path or default
    try:
        text = where.read_text("utf-8")
    except FileNotFoundError as error:
        if path is None:
            return Providers({})
        raise InvalidFile(f"The file of sign-in providers {where} is not there.", hint="See docs/oidc.md.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidFile(f"The file of sign-in providers {where} cannot be read.", hint=str(error)) from error
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidFile(f"The file {where} is not TOML.", hint=f"{error}.") from error
    return Providers({name: _provider(where, name, table) for name, table in tables.items()})


def _provider(path: Path, name: str, table: object) -> Provider:
    if not isinstance(table, dict):
        raise InvalidFile(
            f"In {path}, {name} stands outside of a provider's table.",
            hint="Begin each provider with [NAME], and put its settings below.",
        )
    try:
        return Provider.model_validate({**table, "name": name})
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, problem["loc"]))
        said = problem["msg"].removeprefix("Value error, ")
        raise InvalidFile(
            f"In {path}, {f'{where!r} of ' if where else ''}[{name}] is not as it should be.", hint=f"{said}."
        ) from error


def address_problem(address: str) -> str:
    """What is wrong with an address that a provider is asked at; empty when nothing is.

    Plain http is for this machine only: whoever reads along elsewhere signs in as anybody.
    """
    parts = urlsplit(address)
    if parts.scheme == "https" and parts.hostname:
        return ""
    if parts.scheme == "http" and parts.hostname and _is_here(parts.hostname):
        return ""
    return f"{address[:200]!r} is no address that begins with https://"


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
