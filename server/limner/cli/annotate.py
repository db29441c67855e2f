"""``limner annotate``: a detector's boxes, or those of label files, become masks, in a folder or in a project."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from limner.cli.home import HOME, open_home
from limner.errors import InvalidInput
from limner.vocabulary.counted import counted
from limner.vocabulary.devices import Device

if TYPE_CHECKING:
    from limner.access import Actor
    from limner.cli.annotation_files import Batch
    from limner.service.wiring import Services
    from limner.vocabulary.states import SuggestionOrigin

INTERRUPTED = 130  # exit status after Ctrl+C, as shells have it
LABELS, TEXT = "labels:", "text:"
Form = Literal["coco", "yolo"]


@click.command()
@click.argument("folder", metavar="[IMAGE_OR_DIR]", required=False, type=click.Path(path_type=Path, exists=True))
@click.option("--project", "project", metavar="PROJECT", help="Instead of a folder: the images of this project.")
@click.option(
    "--detector",
    "detector",
    required=True,
    metavar="NAME|labels:PATH|text:PHRASES",
    help='The name of a detector (`limner detector list`), label files, or phrases as text:"cat, red car".',
)
@click.option("--text-model", help="With text: a checkpoint folder, or a name in HOME/text.  [default: the only one]")
@click.option(
    "--box-threshold", type=click.FloatRange(0, 1), default=0.3, show_default=True, help="With text: least box score."
)
@click.option(
    "--text-threshold", type=click.FloatRange(0, 1), default=0.25, show_default=True, help="With text: least of words."
)
@click.option("--out", type=click.Path(path_type=Path), help="Of a folder.  [default: beside it]")
@click.option(
    "--format", "form", type=click.Choice(["coco", "yolo"]), default="coco", show_default=True, help="Of a folder."
)
@click.option(
    "--sure",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="Score from which a mask is no doubtful one.",
)
@click.option("--accept", is_flag=True, help="In a project: sure masks become annotations; doubtful ones wait.")
@click.option(
    "--objectness", type=click.FloatRange(0, 1), default=0.1, show_default=True, help="Least one of a detector's boxes."
)
@click.option("--model", help="Of a folder: model name or weights file.  [default: samlet]")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), help="Where models run.  [default: auto]")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Boxes worked on at once.")
@HOME
@click.pass_context
def annotate(
    context: click.Context,
    folder: Path | None,
    project: str | None,
    detector: str,
    text_model: str | None,
    box_threshold: float,
    text_threshold: float,
    out: Path | None,
    form: Form,
    sure: float,
    accept: bool,
    objectness: float,
    model: str | None,
    device: Device | None,
    threads: int,
    home: Path | None,
) -> None:
    """Make masks of boxes on all images of a folder, or of a project.

    The boxes are those of a detector, or those of label files: YOLO, COCO, labelme, Pascal VOC and the other formats
    that `limner project import` reads; of outlines the box counts, and the mask is compared with the outline. Or they
    are what an open-vocabulary detector sees of phrases, in a folder (needs `limner[text]`).

    Of a folder a COCO file is written, or YOLO labels; masks that are doubtful go into a COCO file of their own. In a
    project all masks become suggestions; with --accept the sure ones become annotations. Stopped, the same command goes
    on where it was, and nothing is made twice.
    """
    if (folder is None) == (project is None):
        raise InvalidInput(
            "There is nothing to go through, or two things.", hint="Give a folder, or --project PROJECT."
        )
    if project is not None and (out is not None or model is not None):
        raise InvalidInput(
            "--out and --model are for folders.", hint="A project keeps its masks itself, and has a model of its own."
        )
    if folder is not None and accept:
        raise InvalidInput("--accept is for projects.", hint="The file of a folder holds the sure masks anyway.")
    if project is not None and detector.startswith(TEXT):
        raise InvalidInput(
            "Phrases are for folders.", hint="Annotate the folder, and import its file into the project."
        )
    with ExitStack() as opened:
        batch = _labels(detector.removeprefix(LABELS), opened) if detector.startswith(LABELS) else None
        if project is not None:
            services, actor = opened.enter_context(open_home(home))
            failed = _in_project(services, actor, project, detector, batch, objectness)
            if accept:
                _accept(services, actor, project, "detector" if batch is None else "import", sure)
        else:
            from limner.cli.annotate_folder import FolderRun

            assert folder is not None, "checked above"
            run = FolderRun(home=home, model=model, device=device, threads=threads)
            run.find(folder)
            if detector.startswith(TEXT):
                run.use_text(detector.removeprefix(TEXT), text_model, box_threshold, text_threshold)
            elif batch is None:
                run.use_detector(detector, objectness)
            else:
                run.use_labels(batch)
            target = out or _beside(folder, form)
            if batch is not None:
                _check_apart(target, Path(detector.removeprefix(LABELS)))
            try:
                run.do(target, form, sure)
            except KeyboardInterrupt:
                click.echo(
                    f"\nStopped after {counted(run.done, 'image')}; the same command goes on from there.", err=True
                )
                context.exit(INTERRUPTED)
            failed = len(run.refused)
    if failed:
        context.exit(1)


def _beside(folder: Path, form: Form) -> Path:
    resolved = folder.absolute()
    return resolved.with_name(f"{resolved.name}.masks.json" if form == "coco" else f"{resolved.name}.masks")


def _check_apart(out: Path, labels: Path) -> None:
    """Make sure that what is written does not replace what was read."""
    if labels.resolve() in (out.resolve(), (out / "labels").resolve()):
        raise InvalidInput(f"{out} would replace the labels.", hint="Give another --out.")


def _labels(path: str, opened: ExitStack) -> Batch:
    """The label files at a path, all of one format.

    Raises:
        InvalidInput: there are none, or several sets of them.
    """
    from limner.cli.annotation_files import find_annotations

    given = Path(path)
    if not given.exists():
        raise InvalidInput(f"There is nothing at {path!r}.", hint="Give the file, folder or archive: labels:PATH")
    batches = list(find_annotations([given], None, opened))
    if len(batches) != 1:
        raise InvalidInput(
            f"{path} holds no labels of a known format.", hint="Give YOLO, COCO, labelme, VOC, CVAT or SA-1B files."
        )
    return batches[0]


def _in_project(
    services: Services, actor: Actor, project: str, detector: str, batch: Batch | None, objectness: float
) -> int:
    """Have suggestions made; how many images failed."""
    from limner.cli.suggest import follow_job, run_job
    from limner.service.annotate import suggest_marked
    from limner.service.projects import find_project
    from limner.vocabulary.suggested import Detected

    if batch is None:
        return run_job(services, actor, project, Detected(detector=detector, objectness=objectness))
    made = suggest_marked(services, actor, find_project(services, actor, project), batch.sources, batch.form)
    for each in made.skipped:
        click.echo(f"{each.what}: {each.why}", err=True)
    click.echo(f"{batch.title}: {counted(made.objects, 'object')} on {counted(made.job.total, 'image')}")
    return follow_job(services, actor, made.job)


def _accept(services: Services, actor: Actor, project: str, source: SuggestionOrigin, sure: float) -> None:
    from limner.service.annotate import accept_suggestions
    from limner.service.projects import find_project

    done = accept_suggestions(services, actor, find_project(services, actor, project), source, sure)
    click.echo(
        f"{counted(done.accepted, 'mask')} accepted as annotations, {done.same} annotated already, "
        f"{done.doubtful} doubtful and left as suggestions"
    )
