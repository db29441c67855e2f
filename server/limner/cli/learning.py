"""``limner learning``: train versions of a project's model, or detectors; use them, and leave them again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from limner.cli.home import HOME, open_home
from limner.errors import Conflict, InvalidInput

if TYPE_CHECKING:
    from limner.access import Actor
    from limner.service.learning import RunInfo
    from limner.service.wiring import Services

LOOK_EVERY = 0.5  # s
UNFINISHED = ("waiting", "running")


@click.group()
def learning() -> None:
    """Train a project's model on its masks, and use the result where it is better."""


@learning.command()
@click.argument("name", metavar="PROJECT")
@click.option(
    "--kind",
    type=click.Choice(["model", "detector"]),
    default="model",
    show_default=True,
    help="What is trained: a version of the project's model, or a detector that reads its embeddings.",
)
@click.option(
    "--from",
    "learn_from",
    type=click.Choice(["annotated", "submitted", "approved"]),
    default="annotated",
    show_default=True,
    help="Whose masks are learned from: all images', those at least submitted, or approved.",
)
@click.option(
    "--adapt",
    type=click.Choice(["decoder", "encoder", "lora"]),
    default="decoder",
    show_default=True,
    help="What of a model learns: as in limner finetune.",
)
@click.option("--rank", type=click.IntRange(1, 64), default=8, show_default=True, help="Of the low-rank additions.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="How long to train a model.  [default: 10]")
@click.option("--steps", type=click.IntRange(1), help="How many steps to train, instead of a time.")
@HOME
def run(
    name: str,
    kind: Literal["model", "detector"],
    learn_from: Literal["annotated", "submitted", "approved"],
    adapt: Literal["decoder", "encoder", "lora"],
    rank: int,
    minutes: float | None,
    steps: int | None,
    home: Path | None,
) -> None:
    """Train on the masks of PROJECT, a name or an id, as they stand now, of which a snapshot is kept.

    Every tenth image, by its hash, is held out and measured on. Ctrl+C saves and gives the run back: it goes on as soon
    as a server works on this home, or with: limner learning resume.
    """
    from pydantic import ValidationError

    from limner.service.learning import begin
    from limner.service.projects import find_project
    from limner.vocabulary.learning import Recipe

    try:
        recipe = Recipe(kind=kind, learn_from=learn_from, adapt=adapt, rank=rank, minutes=minutes, steps=steps)
    except ValidationError as error:
        raise InvalidInput(error.errors(include_url=False)[0]["msg"]) from error
    with open_home(home) as (services, actor):
        _follow(services, actor, begin(services, actor, find_project(services, actor, name), recipe).id)


@learning.command("list")
@click.argument("name", metavar="PROJECT")
@HOME
def list_runs(name: str, home: Path | None) -> None:
    """List the learning runs of PROJECT, the newest first; * marks the version that it uses."""
    from limner.service.learning import list_all
    from limner.service.projects import find_project

    with open_home(home) as (services, actor):
        for each in list_all(services, actor, find_project(services, actor, name)):
            line = [str(each.id), each.kind, each.state, f"{each.created:%Y-%m-%d %H:%M}", each.result or "-"]
            click.echo("\t".join([*line, _figures(each)]) + ("\t*" if each.in_use else ""))


@learning.command()
@click.argument("number", type=int, metavar="RUN")
@HOME
def cancel(number: int, home: Path | None) -> None:
    """Have RUN save and end; it can be gone on with."""
    from limner.service.learning import act

    with open_home(home) as (services, actor):
        act(services, actor, number, "cancel")
        click.echo(f"Learning run {number} is cancelled. To go on: limner learning resume {number}")


@learning.command()
@click.argument("number", type=int, metavar="RUN")
@HOME
def resume(number: int, home: Path | None) -> None:
    """Go on with RUN, which was cancelled, has failed, or waits since whoever worked on it ended."""
    from limner.service.learning import act, find

    with open_home(home) as (services, actor):
        if find(services, actor, number).state not in UNFINISHED:
            act(services, actor, number, "resume")
        _follow(services, actor, number)


@learning.command()
@click.argument("number", type=int, metavar="RUN")
@click.option("--knowingly", is_flag=True, help="Use it though it is not shown to be better on held-out images.")
@HOME
def promote(number: int, knowingly: bool, home: Path | None) -> None:
    """Have its project use the model that came of RUN, if it is better on images that are held out.

    Where images have no embeddings by it yet, a job makes them first, as soon as a server works on this home.
    """
    from limner.service.learning import use

    with open_home(home) as (services, actor):
        change = use(services, actor, number, knowingly=knowingly)
        click.echo(_after(change.used.card.name, change.job is not None))


@learning.command()
@click.argument("name", metavar="PROJECT")
@HOME
def rollback(name: str, home: Path | None) -> None:
    """Have PROJECT use the model again that its version was made from."""
    from limner.service.learning import roll_back
    from limner.service.projects import find_project

    with open_home(home) as (services, actor):
        change = roll_back(services, actor, find_project(services, actor, name))
        click.echo(_after(change.used.card.name, change.job is not None))


def _after(name: str, waits: bool) -> str:
    if waits:
        return f"The images are encoded by the other model first; until then the project uses {name}."
    return f"The project uses {name} now."


def _follow(services: Services, actor: Actor, run_id: int) -> None:
    """Have a run done, here or by a server that has it already, and show how it goes."""
    from tqdm import tqdm

    from limner.service.learning import find

    services.learner.start()
    try:
        with tqdm(unit="step", disable=None) as bar:
            while (found := find(services, actor, run_id)).state in UNFINISHED:
                progress = found.progress
                bar.set_description(progress.get("stage", "waiting"))
                bar.total = progress.get("steps") or None
                bar.update(progress.get("step", 0) - bar.n)
                time.sleep(LOOK_EVERY)
    finally:
        services.learner.stop()
    if found.state != "done":
        raise Conflict(
            f"Learning run {run_id} is {found.state}. {found.message}".strip(),
            hint=f"To go on: limner learning resume {run_id}",
        )
    click.echo(f"{found.result}: {_figures(found)}")
    if found.kind == "model":
        click.echo(f"To use it: limner learning promote {run_id}")


def _figures(run: RunInfo) -> str:
    figures = run.figures
    if not figures:
        return run.message
    if not figures.get("held_out"):
        return "no image is held out: nothing was measured"
    after, before = figures["second"], figures.get("first", {})
    shown = ["ap", "ar100", "recall"] if run.kind == "detector" else list(after)
    parts = [
        f"{name} {before[name]:.3f} -> {after[name]:.3f}" if name in before else f"{name} {after[name]:.3f}"
        for name in shown
    ]
    if run.kind == "model":
        mean = figures["differences"]["mean"]
        parts.append(f"mean {mean['value']:+.3f} ({mean['low']:+.3f} to {mean['high']:+.3f})")
    elif before:
        other = figures.get("first_name")
        parts.append("it is asked from now on" if figures["better"] else f"{other} is asked all the same")
    return ", ".join(parts)
