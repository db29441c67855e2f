"""``limner evaluate``: how good a model's masks are after so many clicks."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from limner.atomic import write_file
from limner.config import Settings
from limner.errors import InvalidInput

if TYPE_CHECKING:
    from limner.train.evaluation import Protocol, Report


def _click_counts(context: click.Context, parameter: click.Parameter, value: str) -> tuple[int, ...]:
    try:
        counts = tuple(sorted({int(count) for count in value.split(",")}))
    except ValueError as error:
        raise click.BadParameter("give numbers with commas between them, for example 1,3,5") from error
    if not counts or counts[0] < 1:
        raise click.BadParameter("the number of clicks is at least 1")
    return counts


@click.command()
@click.argument("folders", metavar="DIR...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--model", default=None, help="Model name or weights file.  [default: samlet]")
@click.option("--baseline", type=click.Choice(["random-walker", "grabcut", "box-fill"]), help="Instead of a model.")
@click.option(
    "--leave-one-source-out",
    "recipe",
    metavar="RECIPE",
    type=click.Path(path_type=Path),
    help="Train by this TOML file without each of its sources and measure on it, instead of measuring a model.",
)
@click.option("--sources", help="Of those only these; + joins some that are left out together: coco+coco128,food.")
@click.option("--clicks", default="1,3,5", show_default=True, callback=_click_counts, help="After how many clicks.")
@click.option("--box", is_flag=True, help="Also from the box around each mask.")
@click.option(
    "--noc/--no-noc", default=True, help="Also the clicks until IoU 0.85 and 0.90, at most 20.  [default: yes]"
)
@click.option("--jitter", is_flag=True, help="Clicks where people might click, instead of in the middle.")
@click.option("--tidy", is_flag=True, help="Measure tidied masks, as the page shows them.")
@click.option(
    "--clicks-alone", is_flag=True, help="Ask with the clicks alone, as the page does, without the last answer."
)
@click.option(
    "--held-out", is_flag=True, help="Only the tenth of the photos that is never trained on, without near-copies."
)
@click.option("--images", type=click.IntRange(1), help="At most so many photos of each source.")
@click.option("--masks", type=click.IntRange(1), help="At most so many masks of each photo.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures here.")
def evaluate(
    folders: tuple[Path, ...],
    model: str | None,
    baseline: str | None,
    recipe: Path | None,
    sources: str | None,
    clicks: tuple[int, ...],
    box: bool,
    noc: bool,
    jitter: bool,
    tidy: bool,
    clicks_alone: bool,
    held_out: bool,
    images: int | None,
    masks: int | None,
    threads: int,
    json_path: Path | None,
) -> None:
    """Measure a model's masks by simulated clicks, on folders of photos with masks in SA-1B's JSON form.

    The first click goes to the point of the object farthest from its boundary, every further one to the middle of
    the largest error.
    """
    import torch

    from limner.models.registry import load_model
    from limner.train.baselines import BASELINES
    from limner.train.evaluation import ModelSubject, Protocol, Subject, evaluate_photos, first_of_each_source
    from limner.train.near_copies import held_out_without_copies
    from limner.train.photos import find_photos

    if len([given for given in (model, baseline, recipe) if given]) > 1:
        raise InvalidInput(
            "More than one thing to measure was named.",
            hint="Give one of --model, --baseline and --leave-one-source-out.",
        )
    if tidy and (baseline or recipe):
        raise InvalidInput("--tidy goes with a model's masks.", hint="Leave out --baseline and --leave-one-source-out.")
    if clicks_alone and (baseline or recipe):
        raise InvalidInput("--clicks-alone is for a model.", hint="Leave out --baseline and --leave-one-source-out.")
    torch.set_num_threads(threads)
    protocol = Protocol(clicks=clicks, box=box, fill=box, jitter=jitter, noc=noc, masks_per_image=masks)
    if recipe is not None:
        if folders or held_out:
            raise InvalidInput("A recipe names its photos itself.", hint="Leave out the folders and --held-out.")
        _write(_left_out(recipe, sources, protocol, images), recipe.stem, json_path)
        return
    if not folders:
        raise InvalidInput("There is nothing to measure on.", hint="Name folders of photos with masks.")
    photos = find_photos(folders)
    if held_out:
        photos = held_out_without_copies(photos)
    if images is not None:
        photos = first_of_each_source(photos, images)
    subject: Subject
    if baseline:
        name, subject = baseline, BASELINES[baseline]()
    else:
        loaded = load_model(model or Settings().model, Settings().home)
        name, subject = loaded.name, ModelSubject(loaded.model, tidy=tidy, clicks_alone=clicks_alone)
    if not subject.clicks and not box:
        raise InvalidInput(f"{name} answers boxes only.", hint="Add --box.")
    _write(evaluate_photos(subject, photos, protocol, progress=True), name, json_path)


def _left_out(recipe: Path, sources: str | None, protocol: Protocol, images: int | None) -> Report:
    """Every source measured by a model that was trained without it."""
    from limner.train.config import read_config
    from limner.train.evaluation import Results, report_of
    from limner.train.leave_one_out import leave_one_source_out, source_groups

    started, config, results = time.monotonic(), read_config(recipe), Results()
    for found in leave_one_source_out(config, source_groups(sources, config), protocol, images):
        results |= found
    return report_of(results, time.monotonic() - started)


def _write(report: Report, name: str, json_path: Path | None) -> None:
    click.echo(_table(report))
    if json_path is not None:
        write_file(json_path, (json.dumps(report.to_json(name), indent=2) + "\n").encode())


def _table(report: Report) -> str:
    """One line per source, then the mean over sources."""
    columns = [*report.miou, *report.noc]
    lines = [f"{'source':<16}{'masks':>7}" + "".join(f"{name:>8}" for name in columns)]
    for name, source in report.sources.items():
        lines.append(f"{name:<16}{source.masks:>7}" + _figures(source.miou, source.noc))
    total = sum(source.masks for source in report.sources.values())
    lines.append(f"{'mean of sources':<16}{total:>7}" + _figures(report.miou, report.noc))
    if report.fill:
        answered, wanted = report.fill["fill"], report.fill["fill_wanted"]
        lines.append(f"From a box, the answer covers {answered:.3f} of it, what was wanted {wanted:.3f}.")
    return "\n".join(lines)


def _figures(miou: dict[str, float], noc: dict[str, float]) -> str:
    return "".join(f"{value:8.3f}" for value in miou.values()) + "".join(f"{value:8.2f}" for value in noc.values())
