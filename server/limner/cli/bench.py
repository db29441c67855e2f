"""``limner bench``: measurements as ratios to a named reference in the same run."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from limner.atomic import write_file
from limner.cli import bench_finding, bench_server
from limner.cli.bench_engine import engine
from limner.cli.bench_results import finish
from limner.config import Settings

if TYPE_CHECKING:
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
        results = finish(measured, json_path)
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

    finish(run(home or Settings().home, threads, rounds, families), json_path)


@bench.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures here.")
@click.option("--threads", default=1, show_default=True, help="CPU threads.")
@click.option("--rounds", default=1, show_default=True, help="Timed calls of each; the reference takes minutes.")
@click.option("--points-per-side", default=32, show_default=True, help="Of the grid.")
def everything(json_path: Path | None, threads: int, rounds: int, points_per_side: int) -> None:
    """Find all masks of a 1024 px picture: Limner and the published generator, with the same weights."""
    from limner.bench.everything import run

    finish(run(threads, rounds, points_per_side), json_path)


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


for command in (
    bench_server.statistics,
    bench_server.pages,
    bench_server.jobs,
    bench_server.export,
    bench_server.memory,
    bench_server.save,
    bench_server.scale,
    bench_finding.similar,
    bench_finding.detector,
    engine,
):
    bench.add_command(command)
