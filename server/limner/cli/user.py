"""``limner user``: sign-in links and tokens for scripts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from limner.config import Settings
from limner.store import Database, accounts
from limner.store.migrate import migrate

HOME = click.option(
    "--home", type=click.Path(path_type=Path, file_okay=False), help="Folder for everything that is stored."
)
PERSON = click.option("--user", "person", default=accounts.LOCAL_ADMIN, show_default=True, help="Whose it is.")


@contextmanager
def _open(home: Path | None) -> Iterator[tuple[Settings, Database]]:
    settings = Settings() if home is None else Settings(home=home)
    settings.home.mkdir(parents=True, exist_ok=True)
    database = Database(settings.resolved_database_url)
    try:
        migrate(database)
        with database.write() as session:
            accounts.ensure_local_admin(session)
        yield settings, database
    finally:
        database.close()


@click.group()
def user() -> None:
    """Manage people and tokens."""


@user.command()
@HOME
@PERSON
@click.option("--address", help="Where the server runs.  [default: from the settings]")
def link(home: Path | None, person: str, address: str | None) -> None:
    """Print a link that signs in once."""
    with _open(home) as (settings, database):
        with database.write() as session:
            token = accounts.create_login_link(session, accounts.find_user(session, person))
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
    with _open(home) as (_, database), database.write() as session:
        secret = accounts.create_api_token(session, accounts.find_user(session, person), name)
    click.echo(secret)


@token.command("list")
@HOME
@PERSON
def list_tokens(home: Path | None, person: str) -> None:
    """List the names of the tokens."""
    with _open(home) as (_, database), database.read() as session:
        for each in accounts.list_api_tokens(session, accounts.find_user(session, person)):
            click.echo(f"{each.name}\t{each.created:%Y-%m-%d %H:%M} UTC")


@token.command("revoke")
@click.argument("name")
@HOME
@PERSON
def revoke_token(name: str, home: Path | None, person: str) -> None:
    """Make the token called NAME worthless."""
    with _open(home) as (_, database), database.write() as session:
        accounts.revoke_api_token(session, accounts.find_user(session, person), name)
