"""``limner project trash``: what was deleted, restored or deleted for good."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from limner.cli.home import HOME, open_home
from limner.errors import InvalidInput
from limner.vocabulary.counted import counted

if TYPE_CHECKING:
    from limner.service.turns import Outcome, Refusal

PAGE = 200


@click.command()
@click.argument("name", metavar="PROJECT")
@click.option("--restore", "restored", multiple=True, type=int, help="Bring this image back; once for each.")
@click.option("--restore-all", is_flag=True, help="Bring all of them back.")
@click.option("--delete", "deleted", multiple=True, type=int, help="Delete this image for good; once for each.")
@click.option("--empty", is_flag=True, help="Delete all of them for good.")
@HOME
def trash(
    name: str, restored: Sequence[int], restore_all: bool, deleted: Sequence[int], empty: bool, home: Path | None
) -> None:
    """List the deleted images of PROJECT, a name or an id: number, masks, until when, name. Or restore them.

    They are deleted for good after 30 days.
    """
    from limner.service import trash as service
    from limner.service.projects import find_project

    if sum(map(bool, (restored, restore_all, deleted, empty))) > 1:
        raise InvalidInput("Several of --restore, --restore-all, --delete and --empty were given.", hint="Give one.")
    with open_home(home) as (services, actor):
        project_id = find_project(services, actor, name)
        if restored or restore_all:
            numbers = list(restored) or None
            _report("restored", lambda after: service.restore(services, actor, project_id, numbers, after))
        elif deleted or empty:
            numbers = list(deleted) or None
            _report("deleted", lambda after: service.delete_for_good(services, actor, project_id, numbers, after))
        else:
            shown, page = 0, service.list_trash(services, actor, project_id, PAGE)
            while page.images:
                for each in page.images:
                    masks = counted(each.row.annotation_count, "mask")
                    click.echo(f"{each.row.id}\t{masks}\tuntil {each.until:%Y-%m-%d}\t{each.file_name}")
                shown += len(page.images)
                page = service.list_trash(services, actor, project_id, PAGE, shown)


def _report(what: str, ask: Callable[[int], Outcome]) -> None:
    done = 0
    refused: list[Refusal] = []
    after: int | None = 0
    while after is not None:
        outcome = ask(after)
        done += len(outcome.done)
        refused += outcome.refused
        after = outcome.next
    click.echo(f"{counted(done, 'image')} {what}.")
    for each in refused:
        click.echo(f"Not {what}: {', '.join(map(str, each.image_ids))}: {each.error.message}", err=True)
    if refused:
        raise click.exceptions.Exit(1)
