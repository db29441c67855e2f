"""``limner user``: sign-in links and tokens for scripts."""

from __future__ import annotations

from pathlib import Path

import click

from limner.config import Settings
from limner.service import accounts

HOME = click.option(
    "--home", type=click.Path(path_type=Path, file_okay=False), help="Folder for everything that is stored."
)
PERSON = click.option("--user", "person", default=accounts.LOCAL_ADMIN, show_default=True, help="Whose it is.")


def _settings(home: Path | None) -> Settings:
    return Settings() if home is None else Settings(home=home)


@click.group()
def user() -> None:
    """Manage people and tokens."""


@user.command()
@HOME
@PERSON
@click.option("--address", help="Where the server runs.  [default: from the settings]")
def link(home: Path | None, person: str, address: str | None) -> None:
    """Print a link that signs in once."""
    settings = _settings(home)
    with accounts.open_accounts(settings) as database:
        token = accounts.create_link(database, person)
    where = (address or f"http://{settings.host}:{settings.port}").rstrip("/")
    click.echo(f"{where}/login#token={token}")


@user.group()
def token() -> None:
    """Bearer tokens for scripts."""


@token.command("create")
@click.argument("name")
@HOME
@PERSON
def create_token(name: str, home: Path | None, person: str) -> None:
    """Create a token called NAME and print it. It is not shown again."""
    with accounts.open_accounts(_settings(home)) as database:
        click.echo(accounts.create_token(database, person, name))


@token.command("list")
@HOME
@PERSON
def list_tokens(home: Path | None, person: str) -> None:
    """List the names of the tokens."""
    with accounts.open_accounts(_settings(home)) as database:
        for each in accounts.list_tokens(database, person):
            click.echo(f"{each.name}\t{each.created:%Y-%m-%d %H:%M} UTC")


@token.command("revoke")
@click.argument("name")
@HOME
@PERSON
def revoke_token(name: str, home: Path | None, person: str) -> None:
    """Make the token called NAME worthless."""
    with accounts.open_accounts(_settings(home)) as database:
        accounts.revoke_token(database, person, name)
