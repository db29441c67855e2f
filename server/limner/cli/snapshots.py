"""``limner project snapshot`` and ``diff``: a project's annotations as they stood once, and what changed since."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from limner.atomic import write_file
from limner.cli.home import HOME, open_home
from limner.vocabulary.counted import counted

if TYPE_CHECKING:
    from limner.service.snapshots import Difference

SHOWN = 20  # differences on the terminal


@click.command()
@click.argument("name", metavar="PROJECT")
@click.argument("snapshot", required=False)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the COCO file of SNAPSHOT here.")
@HOME
def snapshot(name: str, snapshot: str | None, out: Path | None, home: Path | None) -> None:
    """Keep the annotations of PROJECT, a name or an id, as they stand now, under the name SNAPSHOT.

    With --out, write the COCO file of a snapshot that is there already: the same bytes for ever. Without a name, list
    what snapshots there are.
    """
    from limner.service import snapshots
    from limner.service.projects import find_project

    with open_home(home) as (services, actor):
        project_id = find_project(services, actor, name)
        if snapshot is None:
            for each in snapshots.list_all(services, actor, project_id):
                size = f"{counted(each.images, 'image')}\t{counted(each.annotations, 'annotation')}"
                click.echo(f"{each.name}\t{each.created:%Y-%m-%d %H:%M}\t{size}\t{each.sha256}")
        elif out is None:
            taken = snapshots.take(services, actor, project_id, snapshot)
            size = f"{counted(taken.images, 'image')}, {counted(taken.annotations, 'annotation')}"
            click.echo(f"{taken.name}: {size}, sha256 {taken.sha256}")
        else:
            found = snapshots.find(services, actor, project_id, snapshot)
            _, opened = snapshots.open_file(services, actor, found.id)
            write_file(out, opened().chunks())
            click.echo(f"{out}: {found.bytes} bytes, sha256 {found.sha256}")


@click.command()
@click.argument("name", metavar="PROJECT")
@click.argument("before")
@click.argument("after", required=False)
@click.option(
    "--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), help="Write all differences here."
)
@HOME
def diff(name: str, before: str, after: str | None, json_path: Path | None, home: Path | None) -> None:
    """Print what was added, removed and changed in PROJECT since the snapshot BEFORE, until AFTER or until now."""
    from limner.service import snapshots
    from limner.service.projects import find_project

    found: list[Difference] = []
    with open_home(home) as (services, actor):
        project_id = find_project(services, actor, name)
        first = snapshots.find(services, actor, project_id, before)
        second = None if after is None else snapshots.find(services, actor, project_id, after).id
        counts = snapshots.compare(services, actor, first.id, second, found.append)
    if json_path is not None:
        document = {**asdict(counts), "differences": [asdict(each) for each in found]}
        write_file(json_path, (json.dumps(document, indent=2) + "\n").encode())
    for images, what in ((counts.images_added, "added"), (counts.images_removed, "removed")):
        if images:
            click.echo(f"{counted(len(images), 'image')} {what}")
    click.echo(
        f"{counted(counts.added, 'annotation')} added, {counts.removed} removed, {counts.changed} changed, "
        f"{counts.unchanged} unchanged"
    )
    for each in found[:SHOWN]:
        click.echo(_line(each))
    if len(found) > SHOWN:
        click.echo(f"and {len(found) - SHOWN} more: --json FILE writes all of them")


def _line(difference: Difference) -> str:
    parts = [difference.kind, difference.file_name, difference.uid]
    if difference.iou is not None:
        parts += [", ".join(difference.changes), f"IoU {difference.iou:.3f}"]
    if difference.before != difference.after:
        parts.append(
            " -> ".join(each or "unlabelled" for each in (difference.before, difference.after) if each is not None)
        )
    return "\t".join(parts)
