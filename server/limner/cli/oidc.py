"""``limner oidc``: the providers with which people sign in."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from limner.cli.home import HOME, settings_from
from limner.errors import InvalidInput

if TYPE_CHECKING:
    from limner.config import Settings
    from limner.oidc import Provider


@click.group()
def oidc() -> None:
    """Check the providers with which people sign in."""


@oidc.command()
@click.argument("name", required=False)
@HOME
@click.option("--address", help="Where people find this server.  [default: from the settings]")
def check(name: str | None, home: Path | None, address: str | None) -> None:
    """Ask the provider called NAME, or all of them, what they offer; say what is wrong, and what to register there.

    The exit status is 1 when something is wrong.
    """
    from limner.oidc.checking import check as check_provider
    from limner.oidc.providers import read_providers

    settings = settings_from({"home": home})
    providers = read_providers(settings.oidc_file, settings.default_oidc_file)
    chosen = list(providers) if name is None else [providers.get(name)]
    if not chosen:
        raise InvalidInput(
            "There are no sign-in providers.",
            hint=f"Write {settings.oidc_file or settings.default_oidc_file}; docs/oidc.md has examples.",
        )
    where = (address or settings.address).rstrip("/")
    good = True
    for provider in chosen:
        click.echo(f"[{provider.name}] {provider.label}")
        for fine, what in (*check_provider(provider), *_projects(settings, provider)):
            good &= fine
            click.echo(f"  {'ok' if fine else 'WRONG'}: {what}")
        click.echo(f"  register there: redirect URI {where}/login/{provider.name}")
        click.echo(f"                  post-logout redirect URI {where}/login")
    if not good:
        sys.exit(1)


def _projects(settings: Settings, provider: Provider) -> Iterator[tuple[bool, str]]:
    """Whether the projects are there in which claims give roles."""
    from limner.service.accounts import open_accounts
    from limner.service.claimed_roles import unknown_projects

    if not provider.project_roles:
        return
    with open_accounts(settings) as database:
        wrong = unknown_projects(database, provider)
    yield from ((False, each) for each in wrong)
    if not wrong:
        yield True, "the projects in which its claims give roles are here"
