"""``limner project``: create, fill and export projects in the home's own database, without a server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from limner.atomic import write_file
from limner.cli.folders import FoundImages, find_images, readable, walk
from limner.config import Settings
from limner.errors import LimnerError

if TYPE_CHECKING:
    from limner.formats.coco import ImportReport
    from limner.service.wiring import Services

ExportFormat = Literal["coco", "sa1b", "panoptic", "yolo", "png"]

HOME = click.option(
    "--home", type=click.Path(path_type=Path, file_okay=False), help="Folder for everything that is stored."
)


@click.group()
def project() -> None:
    """Create, fill and export projects."""


@project.command()
@click.argument("name")
@click.option("--category", "categories", multiple=True, help="A category; give the option once for each.")
@HOME
def create(name: str, categories: Sequence[str], home: Path | None) -> None:
    """Create a project called NAME and print its id."""
    from limner.store.categories import create_category
    from limner.store.projects import create_project

    with _open(home) as services, services.database.write() as session:
        project_id = create_project(session, name).id
        for category in categories:
            create_category(session, project_id, category)
    click.echo(project_id)


@project.command("list")
@HOME
def list_all(home: Path | None) -> None:
    """List all projects: id, images, annotations, name."""
    from limner.store.projects import ProjectCounts, count_projects, list_projects

    with _open(home) as services, services.database.read() as session:
        counts = count_projects(session, services.embedding_key)
        for each in list_projects(session):
            size = counts.get(each.id, ProjectCounts())
            click.echo(f"{each.id}\t{size.images} images\t{size.annotations} annotations\t{each.name}")


@project.command("import")
@click.argument("name", metavar="PROJECT")
@click.argument(
    "sources", metavar="FILE_OR_DIR...", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True)
)
@HOME
@click.pass_context
def import_all(context: click.Context, name: str, sources: Sequence[Path], home: Path | None) -> None:
    """Add images and annotations to PROJECT, a name or an id.

    Image files are added as they are, folders with all images in them. JSON files, COCO or SA-1B's, and the SA-1B
    documents in folders give their annotations to the images that are there by then. What the project has already is
    not added again. Files that are refused are named, the others are added all the same; the exit status is then 1.
    """
    from limner.formats.sa1b import is_sa1b

    documents, masks = [], []
    for path in _find_json(sources):
        with path.open("rb") as file:
            if is_sa1b(file):
                masks.append(path)
            elif path in sources:
                documents.append(path)
    images = find_images([source for source in sources if source.is_dir() or source.suffix.lower() != ".json"])
    with _open(home) as services:
        project_id = _find(services, name)
        refused = _import_images(services, project_id, images) if images.images or images.refused else 0
        for document in documents:
            click.echo(_summary(readable(document), _import_coco(services, project_id, document)))
        if masks:
            click.echo(_summary(f"{len(masks)} SA-1B documents", _import_sa1b(services, project_id, masks)))
    if refused:
        context.exit(1)


@project.command()
@click.argument("name", metavar="PROJECT")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="COCO without images: the file; others: a folder or, when it ends in .zip, an archive.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["coco", "sa1b", "panoptic", "yolo", "png"]),
    default="coco",
    show_default=True,
    help="COCO, SA-1B's JSON, panoptic COCO, YOLO segmentation, or PNG label maps.",
)
@click.option(
    "--segmentation",
    type=click.Choice(["rle", "polygon"]),
    default="rle",
    show_default=True,
    help="In COCO: RLE, or polygons along pixel edges, with holes cut in.",
)
@click.option(
    "--skipped/--no-skipped", default=True, show_default=True, help="With images that were skipped, or without."
)
@click.option(
    "--images/--no-images",
    default=None,
    help="Export the images too (coco, yolo, png), upright and as annotated.  [default: with yolo]",
)
@click.option("--split", metavar="80/10/10", help="Percentages for training, validation and, maybe, test.")
@HOME
def export(
    name: str,
    out: Path,
    form: ExportFormat,
    segmentation: Literal["rle", "polygon"],
    skipped: bool,
    images: bool | None,
    split: str | None,
    home: Path | None,
) -> None:
    """Write PROJECT, a name or an id, as a COCO file or in another format.

    COCO and SA-1B keep every pixel of every mask. Panoptic COCO and label maps give each pixel to the smallest mask
    that covers it; YOLO leaves out crowds and empty masks. COCO with images and YOLO train as they are.
    """
    from limner.formats.coco import export_coco
    from limner.formats.dataset import Split
    from limner.formats.exports import ExportChoice, export_files
    from limner.formats.files import write_folder, zip_chunks

    choice = ExportChoice(form, segmentation, skipped, images, None if split is None else Split.parse(split))
    choice.check()
    with _open(home) as services:
        project_id = _find(services, name)
        if choice.is_one_file:
            write_file(out, export_coco(services.database, project_id, segmentation, skipped=skipped))
        elif out.suffix.lower() == ".zip":
            write_file(out, zip_chunks(export_files(services.database, services.blobs, project_id, choice)))
        else:
            count = write_folder(export_files(services.database, services.blobs, project_id, choice), out)
            click.echo(f"{out}: {count} files")
            if (out / "names.csv").exists():
                click.echo(f"{out / 'names.csv'}: images that are called otherwise here than in the project")
            return
    click.echo(f"{out}: {out.stat().st_size} bytes")


@contextmanager
def _open(home: Path | None) -> Iterator[Services]:
    from limner.service.wiring import open_services

    services = open_services(Settings() if home is None else Settings(home=home))  # the encoder is not started
    try:
        yield services
    finally:
        services.database.close()


def _find(services: Services, name: str) -> int:
    from limner.store.projects import find_project

    with services.database.read() as session:
        return find_project(session, name).id


def _import_images(services: Services, project_id: int, found: FoundImages) -> int:
    """Add image files with a progress bar; how many were refused."""
    from tqdm import tqdm

    from limner.service.ingest import ingest_image

    added = known = 0
    refused, notes = list(found.refused), list[str]()
    for image in tqdm(found.images, unit="image", disable=None):
        try:
            with image.path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            taken = ingest_image(services, project_id, image.file_name, image.path.read_bytes, sha256)
        except (LimnerError, OSError) as error:
            refused.append(f"{readable(image.path)}: {error}")
        else:
            added += taken.created
            known += not taken.created
            notes += [f"{readable(image.path)}: {note}" for note in taken.notes]
    for complaint in (*notes, *refused):
        click.echo(complaint, err=True)
    click.echo(f"{added} images added, {known} there already, {len(refused)} refused")
    return len(refused)


def _import_coco(services: Services, project_id: int, document: Path) -> ImportReport:
    from limner.formats.coco import import_coco

    with document.open("rb") as file:
        return import_coco(services.database, project_id, file, user_id=_local_admin(services))


def _import_sa1b(services: Services, project_id: int, documents: Sequence[Path]) -> ImportReport:
    from limner.formats.sa1b import import_sa1b

    contents = ((readable(path), path.read_bytes()) for path in documents)
    return import_sa1b(services.database, project_id, contents, user_id=_local_admin(services))


def _local_admin(services: Services) -> int:
    from limner.store.accounts import LOCAL_ADMIN, find_user

    with services.database.read() as session:
        return find_user(session, LOCAL_ADMIN).id


def _find_json(sources: Sequence[Path]) -> list[Path]:
    """JSON files as they are given, and those in folders; hidden ones left out."""
    found = []
    for source in sources:
        if source.is_dir():
            found += [path for path, _ in walk(source, []) if path.suffix.lower() == ".json"]
        elif source.suffix.lower() == ".json":
            found.append(source)
    return found


def _summary(document: str, report: ImportReport) -> str:
    lines = [f"{document}: {report.annotations} annotations on {report.images} images, {report.categories} categories"]
    return "\n".join(lines + [f"  left out {skipped.what}: {skipped.why}" for skipped in report.skipped])
