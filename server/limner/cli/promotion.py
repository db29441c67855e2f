"""``limner models compare|promote|rollback``: a model becomes the default only when it is better on held-out masks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from limner.atomic import write_file
from limner.config import Settings
from limner.errors import Conflict
from limner.models.catalogue import find_model
from limner.models.default import promote as make_default
from limner.models.default import read_default, roll_back
from limner.vocabulary.counted import counted

if TYPE_CHECKING:
    from limner.train.comparison import Comparison

Command = Callable[..., None]


def _options(command: Command) -> Command:
    """What the measuring commands share."""
    for option in (
        click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads."),
        click.option("--masks", type=click.IntRange(1), help="At most so many masks of each photo."),
        click.option("--images", type=click.IntRange(1), help="At most so many photos of each source."),
        click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write the figures here."),
        click.option(
            "--on",
            "folders",
            multiple=True,
            required=True,
            type=click.Path(path_type=Path, exists=True, file_okay=False),
            help="Folder of photos with masks in SA-1B's JSON form; may be given several times.",
        ),
        click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Where models are installed."),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("first")
@click.argument("second")
@click.option("--held-out", is_flag=True, help="Only the tenth of the photos that is never trained on.")
@_options
def compare(first: str, second: str, held_out: bool, home: Path | None, **measuring: object) -> None:
    """Measure the models FIRST and SECOND (names or weights files) on the same masks, with confidence intervals."""
    _compare(first, second, _home(home), held_out=held_out, **measuring)  # type: ignore[arg-type]


@click.command()
@click.argument("name")
@_options
def promote(name: str, home: Path | None, **measuring: object) -> None:
    """Make the installed model NAME the default if it is better than the present one on held-out masks.

    Only the tenth of the photos that is never trained on counts. The server uses the new default from its next start;
    embeddings of the old one stay valid under their own key.
    """
    where = _home(home)
    find_model(name, where)
    present = read_default(where).name
    if present == name:
        raise Conflict(f"{name} is the default already.")
    comparison = _compare(present, name, where, held_out=True, **measuring)  # type: ignore[arg-type]
    if not comparison.second_is_better:
        raise Conflict(
            f"{name} is not shown to be better than {present}: nothing was changed.",
            hint="The interval of the mean difference must lie above zero, on 6 masks or more; more of them narrow it.",
        )
    make_default(where, name)
    click.echo(f"{name} is the default now, instead of {present}. Back: limner models rollback")


@click.command()
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Where models are installed.")
def rollback(home: Path | None) -> None:
    """Return to the default model before the last promotion."""
    choice = roll_back(_home(home))
    click.echo(f"{choice.name} is the default again.")


def _compare(
    first: str,
    second: str,
    home: Path,
    *,
    folders: tuple[Path, ...],
    held_out: bool,
    images: int | None,
    masks: int | None,
    threads: int,
    json_path: Path | None,
) -> Comparison:
    import torch

    from limner.models.registry import load_model
    from limner.train.comparison import compare as compare_results
    from limner.train.evaluation import ModelSubject, Protocol, first_of_each_source, measure
    from limner.train.photos import find_photos

    torch.set_num_threads(threads)
    photos = [photo for photo in find_photos(folders) if photo.held_out or not held_out]
    if images is not None:
        photos = first_of_each_source(photos, images)
    protocol = Protocol(box=True, masks_per_image=masks)
    measured = [
        measure(ModelSubject(load_model(name, home).model), photos, protocol, progress=True) for name in (first, second)
    ]
    comparison = compare_results(*measured)
    click.echo(_table(comparison, first, second))
    if json_path is not None:
        document = {"first_model": first, "second_model": second, **comparison.to_json()}
        write_file(json_path, (json.dumps(document, indent=2) + "\n").encode())
    return comparison


def _table(comparison: Comparison, first: str, second: str) -> str:
    lines = [f"{counted(comparison.masks, 'mask'):<18}{first:>12}{second:>12}{'difference':>12}   95 % interval"]
    for name, difference in comparison.differences.items():
        before, after = comparison.first.get(name), comparison.second.get(name)
        figures = f"{'' if before is None else f'{before:.3f}':>12}{'' if after is None else f'{after:.3f}':>12}"
        interval = f"{difference.low:+.3f} … {difference.high:+.3f}"
        label = {"box": "box", "mean": "mean"}.get(name, f"{name} click{'s' * (name != '1')}")
        lines.append(f"{label:<18}{figures}{difference.value:>+12.3f}   {interval}")
    return "\n".join(lines)


def _home(home: Path | None) -> Path:
    return home.expanduser().absolute() if home is not None else Settings().home
