"""``limner project``: create, fill and export projects in the home's own database, without a server."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from limner.cli.export import export
from limner.cli.folders import FoundImages, find_images, readable
from limner.cli.home import HOME, open_home
from limner.cli.snapshots import diff, snapshot
from limner.cli.trash import trash
from limner.errors import InvalidInput, LimnerError
from limner.vocabulary.counted import counted

if TYPE_CHECKING:
    from limner.access import Actor
    from limner.formats.importing import Boxes, ImportFormat
    from limner.service.exchange import ImportReport
    from limner.service.wiring import Services

MOST_TAGS = 10_000  # that are listed


@click.group()
def project() -> None:
    """Create, fill and export projects."""


project.add_command(export)
project.add_command(snapshot)
project.add_command(diff)
project.add_command(trash)


@project.command()
@click.argument("name")
@click.option("--category", "categories", multiple=True, help="A category; give the option once for each.")
@HOME
def create(name: str, categories: Sequence[str], home: Path | None) -> None:
    """Create a project called NAME and print its id."""
    from limner.service.projects import NewCategory, create_project

    with open_home(home, may_be_new=True) as (services, actor):
        made = create_project(services, actor, name, [NewCategory(category) for category in categories])
    click.echo(made.row.id)


@project.command("list")
@HOME
def list_all(home: Path | None) -> None:
    """List all projects: id, images, annotations, name."""
    from limner.service.projects import list_projects

    with open_home(home) as (services, actor):
        for each in list_projects(services, actor):
            size = each.counts
            counts = f"{counted(size.images, 'image')}\t{counted(size.annotations, 'annotation')}"
            click.echo(f"{each.row.id}\t{counts}\t{each.row.name}")


@project.command()
@click.argument("name", metavar="PROJECT")
@click.argument("model", required=False)
@click.option("--default", "follow", is_flag=True, help="Use whatever the installation uses, from now on.")
@click.option("--at-once", is_flag=True, help="Do not encode the images first: each is when somebody opens it.")
@HOME
def model(name: str, model: str | None, follow: bool, at_once: bool, home: Path | None) -> None:
    """Print the model of PROJECT, a name or an id; or have it use MODEL, the name of an installed one.

    Its images are encoded by the new model first, by a server that runs on this home; until then the project goes on
    with the old one, so that nobody waits.
    """
    from limner.service.models import change_model
    from limner.service.projects import find_project, get_project

    if model is not None and follow:
        raise InvalidInput("Both a model and --default were given.", hint="Give one of them.")
    with open_home(home) as (services, actor):
        found = get_project(services, actor, find_project(services, actor, name))
        if model is None and not follow:
            used = found.model
            whose = "its own" if used.wanted and not used.problem else "the installation's"
            click.echo(f"{used.card.name}\t{used.card.title}\t{whose}")
            if used.problem:
                click.echo(used.problem, err=True)
            return
        change = change_model(services, actor, found.row.id, None if follow else model, at_once=at_once)
        if change.job is None:
            click.echo(f"{found.row.name} uses {change.used.card.name}.")
        else:
            click.echo(
                f"{found.row.name} uses {change.used.card.name} until its images are encoded, {change.job.total} of "
                f"them (job {change.job.id}); a server that runs on this home does that."
            )


@project.command()
@click.argument("name", metavar="PROJECT")
@HOME
def tags(name: str, home: Path | None) -> None:
    """List the tags that images of PROJECT, a name or an id, have, and how many have each.

    `limner project export --tag TAG` exports only images that have it.
    """
    from limner.service.images import list_tags
    from limner.service.projects import find_project

    with open_home(home) as (services, actor):
        for tag, images in list_tags(services, actor, find_project(services, actor, name), MOST_TAGS):
            click.echo(f"{tag}\t{counted(images, 'image')}")


@project.command("import")
@click.argument("name", metavar="PROJECT")
@click.argument(
    "sources", metavar="FILE_OR_DIR...", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True)
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["coco", "sa1b", "yolo", "labelme", "cvat", "label-studio", "voc", "masks"]),
    help="Of the annotations; by default what the files hold decides.",
)
@click.option(
    "--boxes",
    type=click.Choice(["skip", "rectangle"]),
    default="skip",
    show_default=True,
    help="Boxes without a mask: list them, or make rectangular masks that have the box as their prompt.",
)
@click.option("--preview", is_flag=True, help="Say what annotations would be added, and add nothing, images neither.")
@HOME
@click.pass_context
def import_all(
    context: click.Context,
    name: str,
    sources: Sequence[Path],
    form: ImportFormat | None,
    boxes: Boxes,
    preview: bool,
    home: Path | None,
) -> None:
    """Add images and annotations to PROJECT, a name or an id.

    Image files are added as they are, folders with all images in them. Annotations are read from COCO, SA-1B, YOLO,
    labelme, CVAT (for images 1.1), Label Studio (JSON), Pascal VOC and PNG masks: files, folders, and ZIP archives of
    annotations. They go to the images that are there by then. PNG masks need --format, or lie as those of Limner and
    VOC do. What the project has already is not added again. Files that are refused are named, the others are added all
    the same; the exit status is then 1.
    """
    from limner.cli.annotation_files import find_annotations
    from limner.service.exchange import import_annotations
    from limner.service.projects import find_project

    with ExitStack() as opened:
        services, actor = opened.enter_context(open_home(home))
        project_id = find_project(services, actor, name)
        batches = find_annotations(sources, form, opened)
        masks = {path for batch in batches for path in batch.masks}
        given = [source for source in sources if source.is_dir() or not batches.holds(source)]
        images = find_images(given)
        images.images = [image for image in images.images if image.path not in masks]
        add = (images.images or images.refused) and not preview
        refused = _import_images(services, actor, project_id, images) if add else 0
        for batch in batches:
            report = import_annotations(
                services, actor, project_id, batch.sources, form=batch.form, boxes=boxes, preview=preview
            )
            click.echo(_summary(batch.title, report))
    if refused:
        context.exit(1)


def _import_images(services: Services, actor: Actor, project_id: int, found: FoundImages) -> int:
    """Add image files with a progress bar; how many were refused."""
    from tqdm import tqdm

    from limner.service.images import add_image

    added = known = 0
    refused, notes = list(found.refused), list[str]()
    for image in tqdm(found.images, unit="image", disable=None):
        try:
            with image.path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            taken = add_image(services, actor, project_id, image.file_name, image.path.read_bytes, sha256)
        except (LimnerError, OSError) as error:
            refused.append(f"{readable(image.path)}: {error}")
        else:
            added += taken.created
            known += not taken.created
            notes += [f"{readable(image.path)}: {note}" for note in taken.notes]
    for complaint in (*notes, *refused):
        click.echo(complaint, err=True)
    click.echo(f"{counted(added, 'image')} added, {known} there already, {len(refused)} refused")
    return len(refused)


def _summary(document: str, report: ImportReport) -> str:
    size = f"{counted(report.annotations, 'annotation')} on {counted(report.images, 'image')}, "
    size += counted(report.categories, "category")
    size += f", {counted(report.tags, 'tag')}" if report.tags else ""
    if not report.preview:
        lines = [f"{document}: {size}"]
        if report.statements:
            lines.append(
                f"  whether all of a category are annotated on an image: said {counted(report.statements, 'time')}"
            )
    else:
        lines = [f"{document}: would add {size}; {counted(report.unmatched, 'image')} not in the project"]
        counts = sorted(report.by_category.items(), key=lambda each: (-each[1], each[0] or ""))
        lines += [f"  {'without category' if name is None else name}: {count}" for name, count in counts]
    return "\n".join(lines + [f"  left out {skipped.what}: {skipped.why}" for skipped in report.skipped])
