"""``limner bench``: measurements as ratios to a named reference in the same run."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from limner.atomic import write_file
from limner.cli.bench_engine import engine
from limner.config import Settings

if TYPE_CHECKING:
    from limner.bench.harness import Result
    from limner.encoding.wire import Dtype


@click.group()
def bench() -> None:
    """Measure what Limner does, against named references in the same run."""


@bench.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures here.")
@click.option("--markdown", "page_path", type=click.Path(path_type=Path), help="Write the page of figures here.")
@click.option("--threads", default=(1, 2), multiple=True, show_default=True, help="CPU threads; may be repeated.")
@click.option("--rounds", default=30, show_default=True, help="Timed clicks of each contender.")
@click.option("--quick", is_flag=True, help="One thread and 8 rounds.")
@click.option(
    "--model", "names", multiple=True, help="sam_vit_b, samlet or sam2_1_tiny; may be repeated.  [default: all]"
)
@click.option("--native/--no-native", default=True, help="Measure in native onnxruntime.")
@click.option("--browser/--no-browser", default=True, help="Measure in onnxruntime-web in Chromium.")
def decoder(
    json_path: Path | None,
    page_path: Path | None,
    threads: tuple[int, ...],
    rounds: int,
    quick: bool,
    names: tuple[str, ...],
    native: bool,
    browser: bool,
) -> None:
    """Answer one click: Limner's graphs and the published package's export, native and in a browser."""
    from limner.bench.contenders import MODELS, write_contenders
    from limner.bench.decoder import run
    from limner.bench.performance import downloads, write_page

    if unknown := set(names) - set(MODELS):
        raise click.BadParameter(f"{', '.join(sorted(unknown))}: there are {', '.join(MODELS)}.", param_hint="--model")
    threads, rounds = ((1,), 8) if quick else (threads, rounds)
    with tempfile.TemporaryDirectory() as scratch:
        contenders = write_contenders(Path(scratch), names or MODELS)
        measured = run(Path(scratch), contenders, threads, rounds, native=native, in_browser=browser)
        results = _finish(measured, json_path)
        if page_path is not None:
            write_page(results, downloads(Path(scratch), contenders), page_path)


@bench.command()
@click.argument("photos", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--model", default="sam2_1_tiny", show_default=True, help="An installed model, or a family to seed.")
@click.option("--images", default=50, show_default=True, help="Photos, at most.")
@click.option("--prompts", default=20, show_default=True, help="On each photo, at random: a point, two, or a box.")
@click.option(
    "--form",
    default="packed",
    show_default=True,
    type=click.Choice(("f16", "i8", "packed")),
    help="In which the features travel.",
)
@click.option("--home", type=click.Path(path_type=Path), default=None, help="Where models are installed.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures here.")
def wire(
    photos: Path, model: str, images: int, prompts: int, form: Dtype, home: Path | None, json_path: Path | None
) -> None:
    """Compare masks of features as they travel with those of the features themselves, on the photos of a folder."""
    from limner.bench.wire import run

    figures = run(photos, model, home or Settings().home, images, prompts, form)
    for name, value in figures.items():
        click.echo(f"{name}: {value}")
    if json_path is not None:
        write_file(json_path, (json.dumps(figures, indent=2) + "\n").encode())


@bench.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures here.")
@click.option("--home", type=click.Path(path_type=Path), default=None, help="Where models are installed.")
@click.option("--threads", default=1, show_default=True, help="CPU threads.")
@click.option("--rounds", default=3, show_default=True, help="Timed encodings of each contender.")
@click.option("--family", "families", multiple=True, default=("samlet", "mobile_sam", "sam_vit_b"), show_default=True)
def encoder(json_path: Path | None, home: Path | None, threads: int, rounds: int, families: tuple[str, ...]) -> None:
    """Encode one image: torch, bfloat16 and onnxruntime, and the published package of SAM, MobileSAM or SAM 2."""
    from limner.bench.encoder import run

    _finish(run(home or Settings().home, threads, rounds, families), json_path)


@bench.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures here.")
@click.option("--threads", default=1, show_default=True, help="CPU threads.")
@click.option("--rounds", default=1, show_default=True, help="Timed calls of each; the reference takes minutes.")
@click.option("--points-per-side", default=32, show_default=True, help="Of the grid.")
def everything(json_path: Path | None, threads: int, rounds: int, points_per_side: int) -> None:
    """Find all masks of a 1024 px picture: Limner and the published generator, with the same weights."""
    from limner.bench.everything import run

    _finish(run(threads, rounds, points_per_side), json_path)


@bench.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures here.")
@click.option("--annotations", default=1_000_000, show_default=True, help="Of the project that is made.")
def statistics(json_path: Path | None, annotations: int) -> None:
    """Figures of a large project: what a page of them costs, and keeping their sums up to date."""
    from limner.bench.statistics import run

    _finish(run(annotations), json_path)


@bench.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures here.")
@click.option("--images", default=100_000, show_default=True, help="Of the project that is made.")
@click.option("--annotations", default=1_000_000, show_default=True, help="Of all of them together.")
@click.option("--database", "url", default="", help="Empty; the rows stay in it.  [default: SQLite, thrown away]")
@click.option("--rounds", default=5, show_default=True, help="Times that each page is asked.")
def pages(json_path: Path | None, images: int, annotations: int, url: str, rounds: int) -> None:
    """Pages of a large project: the gallery and its filters, figures, verification, as the API answers them."""
    from limner.bench.pages import run

    _finish(run(images, annotations, url, rounds), json_path)


@bench.command()
@click.option("--markdown", "page", type=click.Path(path_type=Path, exists=True), help="Put the table into this page.")
@click.option("--home", type=click.Path(path_type=Path), default=None, help="Where models are installed.")
@click.option("--threads", default=1, show_default=True, help="CPU threads.")
@click.option("--rounds", default=3, show_default=True, help="Timed encodings.")
@click.option(
    "--family",
    "families",
    multiple=True,
    default=("samlet", "mobile_sam", "efficientvit_sam_l0", "sam2_1_tiny", "sam2_1_small", "sam_vit_b"),
    show_default=True,
)
@click.option("--photos", "folders", multiple=True, type=click.Path(path_type=Path), help="For mIoU: DIR of evaluate.")
@click.option("--images", default=5, show_default=True, help="Held-out photos of each source, at most.")
@click.option("--masks", default=5, show_default=True, help="Masks of each photo, at most.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Keep each row here, and go on from there.")
def models(
    page: Path | None,
    home: Path | None,
    threads: int,
    rounds: int,
    families: tuple[str, ...],
    folders: tuple[Path, ...],
    images: int,
    masks: int,
    json_path: Path | None,
) -> None:
    """Compare all models: size, speed and, where their weights are installed, quality after 1, 3 and 5 clicks."""
    from limner.bench.models import run, table, write_into

    markdown = table(run(home or Settings().home, threads, rounds, families, folders, images, masks, json_path))
    click.echo(markdown)
    if page is not None:
        write_into(page, markdown)


@bench.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures here.")
@click.option(
    "--images", "sizes", multiple=True, type=click.IntRange(min=100), help="Sizes of projects; may be repeated."
)
def jobs(json_path: Path | None, sizes: tuple[int, ...]) -> None:
    """Background work: full batches, the cost of a finished image, recovery from an outage and from a hung worker."""
    from limner.bench.jobs import SIZES, run

    _finish(run(sizes or SIZES), json_path)


@bench.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures here.")
@click.option(
    "--annotations", "sizes", multiple=True, type=click.IntRange(min=1), help="Sizes of projects; may be repeated."
)
@click.option("--rounds", default=3, show_default=True, help="Timed exports of each contender.")
def export(json_path: Path | None, sizes: tuple[int, ...], rounds: int) -> None:
    """Take a project out as COCO: Limner's stream, and a script that reads all rows at once."""
    from limner.bench.export import SIZES, run

    for each in _finish(run(sizes or SIZES, rounds), json_path):
        click.echo(f"{each.case}: {each.notes}")


@bench.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures here.")
@click.option("--photos", default=48, show_default=True, help="Photos of 24 megapixels.")
@click.option("--large", default=5, show_default=True, help="Photos of 100 megapixels; 0 leaves them out.")
def memory(json_path: Path | None, photos: int, large: int) -> None:
    """What the web process keeps after large photos were uploaded (Linux)."""
    from limner.bench.web_memory import run

    results = _finish(run(photos, large), json_path)
    for each in results:
        click.echo(f"{each.case}: {each.notes}")


@bench.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures here.")
@click.option(
    "--rate", "rates", multiple=True, type=click.IntRange(1, 5000), help="Requests a second; may be repeated."
)
@click.option("--seconds", default=20.0, show_default=True, help="Of each measurement.")
@click.option(
    "--beside",
    multiple=True,
    type=click.Choice(["import", "backup", "encoder", "learning"]),
    help="Only beside this, at one rate; may be repeated.",
)
@click.option("--no-beside", is_flag=True, help="Only at several rates, with nothing beside.")
def save(
    json_path: Path | None, rates: tuple[int, ...], seconds: float, beside: tuple[str, ...], no_beside: bool
) -> None:
    """Two hundred people who save: Limner and a bare Flask + SQLite endpoint, sent the same mixture.

    Then Limner alone and beside an import, backups, the encoder and a learning run.
    """
    from limner.bench.save import RATES, run

    if beside and no_beside:
        raise click.UsageError("--beside and --no-beside exclude each other.")
    chosen = rates or (() if beside else RATES)
    for each in _finish(run(chosen, seconds, beside=beside or (() if no_beside else None)), json_path):
        click.echo(f"{each.case}: {each.notes}")


def _finish(measured: Iterable[Result], json_path: Path | None) -> list[Result]:
    """Print every result as it comes and write the JSON document; then print the table."""
    from limner.bench.harness import report, table

    results = []
    with _warnings_only():
        for result in measured:
            click.echo(f"{result.case}: {result.subject} / {result.reference} = {result.ratio:.3f}", err=True)
            results.append(result)
            if json_path is not None:  # each time, so that a long run that is stopped was not for nothing
                write_file(json_path, (json.dumps(report(results), indent=2) + "\n").encode())
    click.echo(table(results))
    return results


@contextmanager
def _warnings_only() -> Iterator[None]:
    """No log lines below warnings: what is measured writes one for every image, between the figures."""
    import structlog

    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        yield
    finally:
        structlog.configure(**before)


@bench.command()
@click.option("--database", "url", required=True, help="An empty database: postgresql://USER:PASSWORD@HOST/NAME.")
@click.option("--images", default=1_000_000, show_default=True, type=click.IntRange(min=100))
@click.option("--annotations", default=10_000_000, show_default=True, type=click.IntRange(min=100))
@click.option("--rounds", default=40, show_default=True, type=click.IntRange(min=1), help="Times that each is asked.")
@click.option(
    "--before",
    type=click.Path(path_type=Path, exists=True),
    help="Figures of a run that filled this database: ask it again, and compare with them.",
)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures here.")
def scale(url: str, images: int, annotations: int, rounds: int, before: Path | None, json_path: Path | None) -> None:
    """Very many made-up rows in PostgreSQL: next, pages, an export, sweeping; and all that among few of them."""
    from limner.bench.scale import run

    url = Settings(database_url=url).resolved_database_url
    _finish(run(url, images, annotations, rounds, before), json_path)


@bench.command("similar")
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--model", help="Model name or weights file.  [default: samlet]")
@click.option("--source", "sources", multiple=True, help="Only photos of this source; may be repeated.")
@click.option("--images", type=click.IntRange(1), default=4, show_default=True, help="At most so many of each source.")
@click.option("--examples", default="1,3,8", show_default=True, help="Numbers of examples, with commas between.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures here.")
def bench_similar(
    folders: tuple[Path, ...],
    model: str | None,
    sources: tuple[str, ...],
    images: int,
    examples: str,
    threads: int,
    json_path: Path | None,
) -> None:
    """What share of the objects of one kind is found from a few of them (X.jpg beside X.json).

    Photos with six masks and more are searched by examples on the same photo and on others of its source. A mask with
    IoU .5 and more counts as found; what has no mask in the JSON counts as wrong.
    """
    from dataclasses import asdict

    import torch
    from tqdm import tqdm

    from limner.bench.similar import FEWEST, measure
    from limner.errors import InvalidInput
    from limner.models.registry import load_model
    from limner.segment.predictor import Predictor
    from limner.train.evaluation import first_of_each_source
    from limner.train.photos import find_photos

    try:
        counts = [int(count) for count in examples.split(",")]
    except ValueError:
        counts = []
    if not counts or min(counts) < 1:
        raise InvalidInput(f"--examples {examples} are no numbers.", hint="For example: --examples 1,3,8.")
    many = [photo for photo in find_photos(folders) if len(photo.segmentations) >= FEWEST]
    photos = first_of_each_source([photo for photo in many if not sources or photo.source in sources], images)
    if not photos:
        raise InvalidInput(f"No photo has {FEWEST} masks.", hint="X.jpg needs an X.json in SA-1B's form.")
    torch.set_num_threads(1)
    settings = Settings() if model is None else Settings(model=model)
    predictor = Predictor(load_model(settings.model, settings.home))
    with tqdm(total=2 * len(counts) * len(photos), unit="image", disable=None) as bar:
        measured = measure(predictor, photos, counts, threads, bar.update)
    click.echo(f"{'source':<12}{'examples':>14}{'objects':>9}{'AP':>7}{'recall':>8}   best F1: precision recall score")
    for each in measured:
        on, got = f"{each.examples} {each.where}", each.figures
        best = f"{got.best_precision:9.2f}{got.best_recall:7.2f}{got.best_score:6.2f}"
        click.echo(
            f"{each.source:<12}{on:>14}{got.objects:9}{got.average_precision:7.2f}{got.recall:8.2f}            {best}"
        )
    if json_path is not None:
        content = {"model": settings.model, "figures": [asdict(each) for each in measured]}
        write_file(json_path, (json.dumps(content, indent=2) + "\n").encode())


@bench.command("detector")
@click.argument("folders", metavar="DIR...", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--model", help="Model name or weights file.  [default: samlet]")
@click.option("--source", "sources", multiple=True, help="Only photos of this source; may be repeated.")
@click.option(
    "--images", type=click.IntRange(1), default=200, show_default=True, help="At most so many of each source."
)
@click.option("--steps", type=click.IntRange(1), help="Of training.  [default: as many as usual]")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of all chance.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures here.")
def bench_detector(
    folders: tuple[Path, ...],
    model: str | None,
    sources: tuple[str, ...],
    images: int,
    steps: int | None,
    seed: int,
    threads: int,
    json_path: Path | None,
) -> None:
    """Train a detector on each source of photos (X.jpg beside X.json) and measure it on every tenth, held out.

    AP, AP50, AR@100 and recall at IoU .5, of boxes and of the masks that the model makes of them. What has no mask in
    the JSON counts as wrong.
    """
    from dataclasses import asdict

    import torch
    from tqdm import tqdm

    from limner.bench.detector import by_source, measure
    from limner.errors import InvalidInput
    from limner.models.registry import load_model
    from limner.segment.predictor import Predictor
    from limner.train.photos import find_photos

    found = by_source(find_photos(folders))
    missing = [source for source in sources if source not in found]
    if missing:
        raise InvalidInput(f"There are no photos of {', '.join(missing)}.", hint=f"There are: {', '.join(found)}.")
    torch.set_num_threads(threads)
    settings = Settings() if model is None else Settings(model=model)
    predictor = Predictor(load_model(settings.model, settings.home))
    measured = []
    click.echo(f"{'source':<12}{'photos':>8}{'steps':>7}{'CPU s':>7}{'ms':>6}{'':>9}   AP  AP50 AR100 recall objects")
    for source in sources or tuple(found):
        with tqdm(unit="step", desc=source, disable=None, leave=False) as bar:
            each = measure(predictor, source, found[source][:images], steps, seed, bar.update)
        measured.append(asdict(each))
        head = f"{source:<12}{each.learned:>8}{each.steps:>7}{each.train_seconds:>7.0f}{each.milliseconds:>6.0f}"
        for what, got in (("boxes", each.boxes), ("masks", each.masks)):
            figures = f"{got.ap:6.3f}{got.ap50:6.3f}{got.ar100:6.3f}{got.recall:7.3f}{got.objects:>8}"
            click.echo(f"{head}{what:>9}{figures}")
            head = " " * len(head)
        if json_path is not None:  # each time, so that a long run that is stopped was not for nothing
            write_file(json_path, (json.dumps({"results": measured}, indent=2) + "\n").encode())


bench.add_command(engine)
