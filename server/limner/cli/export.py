"""``limner project export``: a project as a COCO file or in another format, counted before it is written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from limner.atomic import write_file
from limner.cli.home import HOME, open_home
from limner.errors import InvalidInput
from limner.vocabulary.counted import counted

if TYPE_CHECKING:
    from limner.access import Actor
    from limner.formats.exports import ExportChoice
    from limner.service.export_preview import ExportPreview
    from limner.service.wiring import Services
    from limner.vocabulary.listing import WorkDone
    from limner.vocabulary.states import ExhaustivityFilter

LOOK_EVERY = 0.2  # s
ExportFormat = Literal["coco", "sa1b", "panoptic", "yolo", "png"]


@click.command()
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
    "--tolerance",
    type=float,
    default=0.0,
    show_default=True,
    metavar="PX",
    help="Pixels that polygons (COCO's, YOLO's) may be away from the mask's edge to have fewer corners.",
)
@click.option(
    "--which",
    type=click.Choice(["approved", "finished", "annotated", "all"]),
    default="annotated",
    show_default=True,
    help="Images: approved; finished (approved or submitted); annotated (with masks, or finished without any); all.",
)
@click.option("--search", default="", metavar="WORDS", help="Only images with these words in their paths.")
@click.option("--folder", default="", metavar="PATH", help="Only images in this folder and the folders in it.")
@click.option("--tag", default="", metavar="TAG", help="Only images that have this tag.")
@click.option(
    "--category", metavar="NAME", help="Only images with objects of this category; with --exhaustive: see there."
)
@click.option(
    "--exhaustive",
    type=click.Choice(["any", "unknown", "yes", "no"]),
    default="any",
    show_default=True,
    help="Only images on which, as people say, all of --category are annotated (yes), not all (no), or of which nobody"
    " has checked it (unknown).",
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
@click.option(
    "--part-images",
    type=click.IntRange(min=1),
    metavar="N",
    help="COCO in parts of N images each, in the folder --out; all workers of this installation write them.",
)
@HOME
def export(
    name: str,
    out: Path,
    form: ExportFormat,
    segmentation: Literal["rle", "polygon"],
    tolerance: float,
    which: WorkDone,
    search: str,
    folder: str,
    tag: str,
    category: str | None,
    exhaustive: ExhaustivityFilter,
    skipped: bool,
    images: bool | None,
    split: str | None,
    part_images: int | None,
    home: Path | None,
) -> None:
    """Write PROJECT, a name or an id, as a COCO file or in another format.

    COCO and SA-1B keep every pixel of every mask. Panoptic COCO and label maps give each pixel to the smallest mask
    that covers it; YOLO leaves out crowds and empty masks. COCO with images and YOLO train as they are. What is left
    out is said, and what a tolerance costs is measured on some of the masks.
    """
    from limner.formats.dataset import Split
    from limner.formats.exports import ExportChoice
    from limner.formats.files import write_folder
    from limner.service.categories import find_category
    from limner.service.exchange import export_folder, export_stream
    from limner.service.export_preview import measure_tolerance, preview_export
    from limner.service.projects import find_project
    from limner.vocabulary.listing import ImageChoice, Listing
    from limner.vocabulary.names import one_line

    if exhaustive != "any" and category is None:
        raise InvalidInput("--exhaustive is said of a category.", hint="Name it with --category.")
    listing = Listing(search=search, folder=folder.strip("/"), tag=one_line(tag), exhaustive=exhaustive)
    among = ImageChoice(which, skipped, listing)
    choice = ExportChoice(form, segmentation, tolerance, among, images, None if split is None else Split.parse(split))
    choice.check()
    with open_home(home) as (services, actor):
        project_id = find_project(services, actor, name)
        if category is not None:
            listing = replace(listing, category=find_category(services, actor, project_id, category))
            choice = replace(choice, among=replace(among, listing=listing))
        click.echo(_counted(preview_export(services, actor, project_id, choice)), err=True)
        if choice.tolerance:
            cost = measure_tolerance(services, actor, project_id, choice)
            click.echo(
                f"polygons within {choice.tolerance:g} px: IoU {cost.mean_iou:.4f} on average, {cost.worst_iou:.4f} at "
                f"worst, {counted(cost.corners, 'corner')} instead of {cost.exact_corners}, "
                f"on {counted(cost.masks, 'mask')}",
                err=True,
            )
        if part_images is not None:
            _in_parts(services, actor, project_id, choice, part_images, out)
            return
        if choice.is_one_file or out.suffix.lower() == ".zip":
            write_file(out, export_stream(services, actor, project_id, choice))
        else:
            count = write_folder(export_folder(services, actor, project_id, choice), out)
            click.echo(f"{out}: {counted(count, 'file')}")
            if (out / "names.csv").exists():
                click.echo(f"{out / 'names.csv'}: images that are called otherwise here than in the project")
            return
    click.echo(f"{out}: {out.stat().st_size} bytes")


def _in_parts(
    services: Services, actor: Actor, project_id: int, choice: ExportChoice, images_each: int, out: Path
) -> None:
    """Write parts here and wherever else there are workers, and fetch them."""
    import time

    from tqdm import tqdm

    from limner.atomic import make_folder
    from limner.service import sharded_exports

    make_folder(out)
    job = sharded_exports.begin(services, actor, project_id, choice, images_each)
    services.exporter.start()
    try:
        with tqdm(total=job.total, unit="part", disable=None) as bar:
            while job.state == "running":
                time.sleep(LOOK_EVERY)
                job = sharded_exports.find(services, actor, job.id)
                bar.update(job.done + job.failed - bar.n)
    finally:
        services.exporter.stop()
    click.echo(f"{out}: {counted(sharded_exports.fetch(services, actor, job.id, out), 'part')}")


def _counted(preview: ExportPreview) -> str:
    """What comes along, and what does not."""
    counts = preview.counts
    lines = [f"{counted(counts.images, 'image')} with {counted(preview.annotations, 'annotation')}"]
    lines += [f"  {part}: {counted(images, 'image')}" for part, images in preview.parts.items()]
    if counts.left_out:
        states = ", ".join(f"{images} {state}" for state, images in sorted(counts.left_out.items()))
        size = f"{counted(sum(counts.left_out.values()), 'image')} ({states})"
        lines.append(f"left out: {size} with {counted(counts.left_out_annotations, 'annotation')}")
    if preview.no_outline:
        size = counted(preview.no_outline, "annotation")
        lines.append(f"left out: {size} that the format cannot say (crowds and empty masks)")
    return "\n".join(lines)
