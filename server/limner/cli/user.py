"""``limner user``: people, invitations, sign-in links, and tokens for scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from limner.access import Actor, Credential, InstallationRole, ProjectRole, Scope
from limner.access.printing import roles_table, scopes_table, transitions_table
from limner.cli.home import settings_of_home
from limner.config import Settings
from limner.errors import InvalidInput
from limner.service import accounts, own_account, people
from limner.service.people import Database
from limner.vocabulary.counted import counted

OF_INSTALLATION = [role.value for role in InstallationRole]
IN_PROJECT = [role.value for role in ProjectRole]

HOME = click.option(
    "--home", type=click.Path(path_type=Path, file_okay=False), help="Folder for everything that is stored."
)
PERSON = click.option("--user", "person", help="Whose it is.  [default: the first owner]")
ADDRESS = click.option("--address", help="Where the server runs.  [default: from the settings]")
ROLE = click.option("--role", type=click.Choice(OF_INSTALLATION), default="member", show_default=True)
PROJECT = click.option("--project", help="A project, by name or number, in which they get a role.")
PROJECT_ROLE = click.option("--as", "project_role", type=click.Choice(IN_PROJECT), help="Their role in the project.")


@dataclass(frozen=True)
class Opened:
    """The accounts of a home, and whoever may use them from its command line."""

    settings: Settings
    database: Database
    actor: Actor

    def link(self, address: str | None, page: str, token: str) -> str:
        """The address of a page that takes a secret."""
        where = (address or self.settings.address).rstrip("/")
        return f"{where}/{page}#token={token}"

    def of(self, person: str | None) -> Actor:
        """Somebody, on whose behalf their own account is looked after."""
        user = people.find_person(self.database, self.actor, person)
        return Actor.of(user, Credential.LOCAL)

    def project(self, name: str) -> int:
        """The number of a project, by number or name."""
        return people.find_project(self.database, self.actor, name)


@contextmanager
def _open(home: Path | None, *, may_be_new: bool = False) -> Iterator[Opened]:
    settings = settings_of_home(home, may_be_new=may_be_new)
    with accounts.open_accounts(settings) as database:
        yield Opened(settings, database, accounts.local_actor(database))


def _check_project(project: str | None, project_role: str | None) -> None:
    if (project is None) != (project_role is None):
        raise InvalidInput(
            "A role in a project needs both the project and the role.",
            hint=f"Give --project NAME --as ROLE, where ROLE is one of: {', '.join(ProjectRole)}.",
        )


@click.group()
def user() -> None:
    """Manage people and tokens."""


@user.command("roles")
def print_roles() -> None:
    """Print which role may do what, and what tokens of which scope are good for."""
    click.echo(f"{roles_table()}\n\n{scopes_table()}\n\n{transitions_table()}")


@user.command("list")
@HOME
def list_people(home: Path | None) -> None:
    """List everybody: name, role, how they sign in, projects."""
    with _open(home) as opened:
        found = people.list_people(opened.database, opened.actor)
    for each in found.users:
        roles = ", ".join(f"{name}: {role}" for _, name, role in found.projects.get(each.id, ()))
        state = "disabled" if each.disabled else "password" if each.password_hash else "links only"
        click.echo(f"{each.name}\t{each.role}\t{state}\t{roles}")


@user.command()
@click.argument("name")
@HOME
@ROLE
@PROJECT
@PROJECT_ROLE
@ADDRESS
def create(
    name: str, home: Path | None, role: str, project: str | None, project_role: str | None, address: str | None
) -> None:
    """Add a person called NAME, and print a link that signs them in once. They choose a password then."""
    _check_project(project, project_role)
    with _open(home, may_be_new=True) as opened:
        database, actor = opened.database, opened.actor
        project_id = None if project is None else opened.project(project)
        added = people.create_person(database, actor, name, InstallationRole(role))
        if project_id is not None and project_role is not None:
            people.set_member(database, actor, project_id, name, ProjectRole(project_role))
        click.echo(opened.link(address, "login", people.sign_in_link(database, actor, added.id)))


@user.command()
@HOME
@ROLE
@PROJECT
@PROJECT_ROLE
@click.option("--note", default="", help="Whom it is for.")
@click.option("--email", default="", help="Whose it is: who signs in with a provider that verified it needs no link.")
@ADDRESS
def invite(
    home: Path | None,
    role: str,
    project: str | None,
    project_role: str | None,
    note: str,
    email: str,
    address: str | None,
) -> None:
    """Print a link by which one new person comes in, within seven days, choosing a name and a password."""
    _check_project(project, project_role)
    if email and not re.fullmatch(r"[^@\s]+@[^@\s]+", email):
        raise InvalidInput(f"{email!r} is no e-mail address.", hint="Give one like --email ada@example.org.")
    with _open(home, may_be_new=True) as opened:
        _, token = people.invite(
            opened.database,
            opened.actor,
            role=InstallationRole(role),
            project_id=None if project is None else opened.project(project),
            project_role=None if project_role is None else ProjectRole(project_role),
            note=note,
            email=email,
        )
        click.echo(opened.link(address, "invitation", token))


@user.command()
@HOME
@PERSON
@ADDRESS
def link(home: Path | None, person: str | None, address: str | None) -> None:
    """Print a link that signs in once."""
    with _open(home) as opened:
        found = people.find_person(opened.database, opened.actor, person)
        click.echo(opened.link(address, "login", people.sign_in_link(opened.database, opened.actor, found.id)))


@user.command("role")
@click.argument("name")
@click.argument("role", type=click.Choice([*OF_INSTALLATION, *IN_PROJECT, "none"]))
@HOME
@PROJECT
def change_role(name: str, role: str, home: Path | None, project: str | None) -> None:
    """Give NAME another ROLE: in the installation, or with --project in a project, where it may be none."""
    allowed = OF_INSTALLATION if project is None else [*IN_PROJECT, "none"]
    if role not in allowed:
        where = "the installation" if project is None else "a project"
        raise InvalidInput(f"{role} is no role in {where}.", hint=f"Roles there are: {', '.join(allowed)}.")
    with _open(home) as opened:
        database, actor = opened.database, opened.actor
        found = people.find_person(database, actor, name)
        if project is None:
            people.change_person(database, actor, found.id, role=InstallationRole(role))
        elif role == "none":
            people.remove_member(database, actor, opened.project(project), found.id)
        else:
            people.set_member(database, actor, opened.project(project), found.name, ProjectRole(role))


@user.command()
@click.argument("name")
@HOME
def disable(name: str, home: Path | None) -> None:
    """End all sessions of NAME and let nobody sign in as them. What they did stays."""
    with _open(home) as opened:
        found = people.find_person(opened.database, opened.actor, name)
        people.change_person(opened.database, opened.actor, found.id, disabled=True)


@user.command("sign-out")
@click.argument("name")
@HOME
def sign_out(name: str, home: Path | None) -> None:
    """End all sessions of NAME, who may sign in again."""
    with _open(home) as opened:
        own_account.end_other_sessions(opened.database, opened.of(name))


@user.command()
@click.argument("name")
@HOME
def enable(name: str, home: Path | None) -> None:
    """Let NAME sign in again."""
    with _open(home) as opened:
        found = people.find_person(opened.database, opened.actor, name)
        people.change_person(opened.database, opened.actor, found.id, disabled=False)


@user.group()
def token() -> None:
    """Bearer tokens for scripts."""


@token.command("create")
@click.argument("name")
@HOME
@PERSON
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([scope.value for scope in Scope]),
    multiple=True,
    help="What for.  [default: all]",
)
@click.option("--days", type=click.IntRange(1, 3650), help="How long it is good.  [default: until it is revoked]")
def create_token(name: str, home: Path | None, person: str | None, scopes: tuple[str, ...], days: int | None) -> None:
    """Create a token called NAME and print it. It is not shown again."""
    wanted = [Scope(scope) for scope in scopes] or [Scope.ALL]
    with _open(home, may_be_new=True) as opened:
        click.echo(own_account.create_token(opened.database, opened.of(person), name, wanted, days))


@token.command("list")
@HOME
@PERSON
def list_tokens(home: Path | None, person: str | None) -> None:
    """List the tokens: name, when made, scopes, until when, when last used."""
    with _open(home) as opened:
        for each in own_account.read_account(opened.database, opened.of(person)).tokens:
            until = f"until {each.expires:%Y-%m-%d}" if each.expires else "for ever"
            used = f"used {each.last_used:%Y-%m-%d %H:%M} UTC" if each.last_used else "never used"
            click.echo(f"{each.name}\t{each.created:%Y-%m-%d %H:%M} UTC\t{each.scopes}\t{until}\t{used}")


@token.command("revoke")
@click.argument("name")
@HOME
@PERSON
def revoke_token(name: str, home: Path | None, person: str | None) -> None:
    """Make the token called NAME worthless."""
    with _open(home) as opened:
        own_account.revoke_token(opened.database, opened.of(person), name)


@user.command("bring-in")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@HOME
def bring_in(file: Path, home: Path | None) -> None:
    """Apply what somebody's browser could not send, from the FILE that it saved.

    Each change is applied once, also when the browser sends it after all; they count as yours.
    """
    from limner.cli.home import open_home
    from limner.service.unsent import bring_in as apply

    with open_home(home) as (services, actor):
        done = apply(services, actor, file.read_bytes())
    click.echo(
        f"Of {done.user}: {counted(done.applied, 'change')} applied, {done.known} there already, "
        f"{len(done.refused)} refused."
    )
    for each in done.refused:
        click.echo(f"  image {each.image_id}, {each.kind}: {each.why}", err=True)
    if done.refused:
        raise SystemExit(1)
