"""``limner bench``: the server under many rows, many jobs and many people."""

from __future__ import annotations

from pathlib import Path

import click

from limner.cli.bench_results import finish
from limner.config import Settings


@click.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures here.")
@click.option("--annotations", default=1_000_000, show_default=True, help="Of the project that is made.")
def statistics(json_path: Path | None, annotations: int) -> None:
    """Figures of a large project: what a page of them costs, and keeping their sums up to date."""
    from limner.bench.statistics import run

    finish(run(annotations), json_path)


@click.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures here.")
@click.option("--images", default=100_000, show_default=True, help="Of the project that is made.")
@click.option("--annotations", default=1_000_000, show_default=True, help="Of all of them together.")
@click.option("--database", "url", default="", help="Empty; the rows stay in it.  [default: SQLite, thrown away]")
@click.option("--rounds", default=5, show_default=True, help="Times that each page is asked.")
def pages(json_path: Path | None, images: int, annotations: int, url: str, rounds: int) -> None:
    """Pages of a large project: the gallery and its filters, figures, verification, as the API answers them."""
    from limner.bench.pages import run

    finish(run(images, annotations, url, rounds), json_path)


@click.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures here.")
@click.option(
    "--images", "sizes", multiple=True, type=click.IntRange(min=100), help="Sizes of projects; may be repeated."
)
def jobs(json_path: Path | None, sizes: tuple[int, ...]) -> None:
    """Background work: full batches, the cost of a finished image, recovery from an outage and from a hung worker."""
    from limner.bench.jobs import SIZES, run

    finish(run(sizes or SIZES), json_path)


@click.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures here.")
@click.option(
    "--annotations", "sizes", multiple=True, type=click.IntRange(min=1), help="Sizes of projects; may be repeated."
)
@click.option("--rounds", default=3, show_default=True, help="Timed exports of each contender.")
def export(json_path: Path | None, sizes: tuple[int, ...], rounds: int) -> None:
    """Take a project out as COCO: Limner's stream, and a script that reads all rows at once."""
    from limner.bench.export import SIZES, run

    for each in finish(run(sizes or SIZES, rounds), json_path):
        click.echo(f"{each.case}: {each.notes}")


@click.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures here.")
@click.option("--photos", default=48, show_default=True, help="Photos of 24 megapixels.")
@click.option("--large", default=5, show_default=True, help="Photos of 100 megapixels; 0 leaves them out.")
def memory(json_path: Path | None, photos: int, large: int) -> None:
    """What the web process keeps after large photos were uploaded (Linux)."""
    from limner.bench.web_memory import run

    results = finish(run(photos, large), json_path)
    for each in results:
        click.echo(f"{each.case}: {each.notes}")


@click.command()
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
    for each in finish(run(chosen, seconds, beside=beside or (() if no_beside else None)), json_path):
        click.echo(f"{each.case}: {each.notes}")


@click.command()
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
    finish(run(url, images, annotations, rounds, before), json_path)
