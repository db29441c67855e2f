"""``limner audit``: who did what."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import click

from limner.cli.home import settings_of_home
from limner.service import accounts, people
from limner.service.audit import AuditFilter, audit_table
from limner.vocabulary.audit import AuditAction

ACTIONS = click.Choice(sorted(get_args(AuditAction)))


@click.command()
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Folder for everything that is stored.")
@click.option("--user", "person", help="Only what this person did.")
@click.option("--project", help="Only what was done in this project, by name or number.")
@click.option("--action", type=ACTIONS, help="Only this.")
@click.option("--since", type=click.DateTime(), help="From this moment on, in UTC.")
@click.option("--until", type=click.DateTime(), help="Before this moment, in UTC.")
def audit(
    home: Path | None,
    person: str | None,
    project: str | None,
    action: str | None,
    since: datetime | None,
    until: datetime | None,
) -> None:
    """Print who did what, newest first, as CSV: sign-ins, accounts, roles, deletions, exports, settings, returns."""
    settings = settings_of_home(home)
    with accounts.open_accounts(settings) as database:
        actor = accounts.local_actor(database)
        wanted = AuditFilter(
            user_id=None if person is None else people.find_person(database, actor, person).id,
            project_id=None if project is None else people.find_project(database, actor, project),
            action=action,
            since=since and since.replace(tzinfo=UTC),
            until=until and until.replace(tzinfo=UTC),
        )
        for lines in audit_table(database, actor, wanted):
            click.echo(lines, nl=False)
