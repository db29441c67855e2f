"""``limner finetune``: adapt an installed model to masks of one's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from limner.config import Settings
from limner.errors import InvalidInput

if TYPE_CHECKING:
    from limner.train.config import TrainConfig
    from limner.train.finetune.adapt import Adapt

MOST_STEPS = 1_000_000  # of a run that only time ends


@click.command()
@click.argument("name", metavar="MODEL")
@click.option(
    "--on",
    "folders",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of photos with masks in SA-1B's JSON form; may be given several times.",
)
@click.option("--project", "projects", multiple=True, help="A project of the home; may be given several times.")
@click.option(
    "--adapt",
    type=click.Choice(["decoder", "encoder", "lora"]),
    default="decoder",
    show_default=True,
    help="What learns: prompt encoder and mask decoder; these and the whole image encoder; or these and low-rank "
    "additions to the encoder's attention.",
)
@click.option("--rank", type=click.IntRange(1), default=8, show_default=True, help="Of the low-rank additions.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="How long to train.  [default: 10]")
@click.option("--steps", type=click.IntRange(1), help="How many steps to train, instead of a time.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Learning rate at its peak.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the weights, the log and what is needed to resume.  [default: runs/MODEL-tuned]",
)
@click.option("--resume", is_flag=True, help="Continue from the checkpoint in the output folder.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="CPU threads.")
@click.option("--masks", type=click.IntRange(1), default=6, show_default=True, help="Measured per held-out photo.")
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Where models and projects are.")
def finetune(
    name: str,
    folders: tuple[Path, ...],
    projects: tuple[str, ...],
    adapt: Adapt,
    rank: int,
    minutes: float | None,
    steps: int | None,
    rate: float | None,
    out: Path | None,
    resume: bool,
    device: str,
    threads: int,
    masks: int,
    home: Path | None,
) -> None:
    """Adapt the installed MODEL (or a weights file) to photos with masks: a folder, or what was annotated in Limner.

    Every tenth photo is held out and measured before and after. Ctrl+C saves; --resume continues.
    """
    from limner.models.registry import load_model
    from limner.train.config import Photos, Project
    from limner.train.finetune.adapt import Adaptation
    from limner.train.finetune.settings import suggested_config
    from limner.train.finetune.tuning import finetune as tune

    if not folders and not projects:
        raise InvalidInput("There is nothing to learn from.", hint="Name a folder with --on, or a --project.")
    where = home.expanduser().absolute() if home is not None else Settings().home
    loaded = load_model(name, where)
    output = out or Path("runs") / f"{loaded.name}-tuned"
    config = suggested_config(
        loaded.model.config,
        adapt,
        output=output,
        photos=Photos(share=1.0, folders=folders),
        projects=tuple(Project(where, each) for each in projects),
        steps=steps or MOST_STEPS,
        minutes=minutes or (None if steps else 10.0),
        rate=rate,
        device=device,
        threads=threads,
        masks=masks,
    )
    weights = tune(loaded.model, loaded.weights_sha256, config, Adaptation(adapt, rank), resume=resume)
    click.echo(_before_and_after(config))
    click.echo(
        f"Wrote {weights}. To use it: limner models add {weights} --name NAME; limner models promote NAME --on DIR"
    )


def _before_and_after(config: TrainConfig) -> str:
    """The first and the last measurement on held-out masks in the run's log."""
    from limner.train.loop import LOG

    lines = [json.loads(line) for line in (config.run.output / LOG).read_text("utf-8").splitlines()]
    measured = [line for line in lines if "miou" in line]
    if not measured:
        return "No photo is held out: nothing was measured. With ten or more photos, some usually are."
    first, last = measured[0], measured[-1]
    rows = [f"{first['masks']} held-out masks" + "".join(f"{name:>9}" for name in first["miou"]) + f"{'mean':>9}"]
    for title, line in ((f"step {first['step']}", first), (f"step {last['step']}", last)):
        values = [*line["miou"].values()]
        rows.append(f"{title:<{len(rows[0]) - 9 * (len(values) + 1)}}" + "".join(f"{v:9.3f}" for v in values))
        rows[-1] += f"{sum(values) / len(values):9.3f}"
    return "\n".join(rows)
