"""``limner suggest``: masks proposed for the images of a project, for people to take or refuse on the page."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from limner.cli.home import HOME, open_home
from limner.vocabulary.counted import counted
from limner.vocabulary.suggested import (
    BOX_THRESHOLD,
    MAX_POINTS_PER_SIDE,
    TEXT_THRESHOLD,
    Detected,
    Everything,
    Phrases,
)

if TYPE_CHECKING:
    from limner.access import Actor
    from limner.service.jobs import Job
    from limner.service.wiring import Services
    from limner.vocabulary.states import RankBy
    from limner.vocabulary.suggested import SuggestRequest

LOOK_EVERY = 0.3  # s


@click.group()
def suggest() -> None:
    """Have masks suggested for the images of a project."""


@suggest.command()
@click.argument("name", metavar="PROJECT")
@click.option(
    "--points-per-side",
    type=click.IntRange(1, MAX_POINTS_PER_SIDE),
    default=16,
    show_default=True,
    help="Points along each side of the grid.",
)
@HOME
@click.pass_context
def everything(context: click.Context, name: str, points_per_side: int, home: Path | None) -> None:
    """Suggest all masks that a grid of points finds on the images of PROJECT, a name or an id.

    They take the place of what was suggested that way before, except what somebody accepted or refused. The work is a
    job of the project: when this command is interrupted, `limner serve` goes on with it.
    """
    with open_home(home) as (services, actor):
        failed = run_job(services, actor, name, Everything(points_per_side=points_per_side))
    if failed:
        context.exit(1)


@suggest.command()
@click.argument("name", metavar="PROJECT")
@click.option("--category", required=True, help="Whose objects are the examples: the newest eight, as they are then.")
@HOME
@click.pass_context
def similar(context: click.Context, name: str, category: str, home: Path | None) -> None:
    """Suggest what looks like the objects of a category on the images of PROJECT, a name or an id.

    Nothing is encoded again. Suggestions that were refused show what is not meant. Otherwise as `everything`.
    """
    from limner.service.projects import find_project
    from limner.service.suggestions import similar_to_category

    with open_home(home) as (services, actor):
        request = similar_to_category(services, actor, find_project(services, actor, name), category)
        failed = run_job(services, actor, name, request)
    if failed:
        context.exit(1)


@suggest.command()
@click.argument("name", metavar="PROJECT")
@click.option("--detector", "called", help="Its name.  [default: the project's newest, or one that came with Limner]")
@click.option(
    "--objectness",
    type=click.FloatRange(0, 1),
    default=0.1,
    show_default=True,
    help="Boxes that the detector is less sure of are left out.",
)
@HOME
@click.pass_context
def detector(context: click.Context, name: str, called: str | None, objectness: float, home: Path | None) -> None:
    """Suggest what a detector sees on the images of PROJECT, a name or an id (`limner detector train` makes one).

    Its boxes ask the project's model for masks. Otherwise as `everything`.
    """
    with open_home(home) as (services, actor):
        failed = run_job(services, actor, name, Detected(detector=called, objectness=objectness))
    if failed:
        context.exit(1)


@suggest.command()
@click.argument("name", metavar="PROJECT")
@click.argument("phrases")
@click.option("--text-model", "called", help="A name in HOME/text.  [default: the only one]")
@click.option(
    "--box-threshold",
    type=click.FloatRange(0, 1),
    help=f"Least score of a box.  [default: of categories what was learned from decisions, otherwise {BOX_THRESHOLD}]",
)
@click.option("--text-threshold", type=click.FloatRange(0, 1), default=TEXT_THRESHOLD, show_default=True)
@HOME
@click.pass_context
def text(
    context: click.Context,
    name: str,
    phrases: str,
    called: str | None,
    box_threshold: float | None,
    text_threshold: float,
    home: Path | None,
) -> None:
    """Suggest what PHRASES name ("cat, red car") on the images of PROJECT, a name or an id (needs limner[text]).

    A phrase that is a category's name gives masks of it. Otherwise as `everything`.
    """
    request = Phrases(text=phrases, detector=called, box_threshold=box_threshold, text_threshold=text_threshold)
    with open_home(home) as (services, actor):
        failed = run_job(services, actor, name, request)
    if failed:
        context.exit(1)


@suggest.command()
@click.argument("name", metavar="PROJECT")
@click.option(
    "--by",
    type=click.Choice(["both", "uncertainty", "diversity"]),
    default="both",
    show_default=True,
    help="How unsure the model is, how unlike an image is to others, or both.",
)
@HOME
@click.pass_context
def rank(context: click.Context, name: str, by: RankBy, home: Path | None) -> None:
    """Rank the images of PROJECT, a name or an id, that have no masks by what they would teach its model.

    Suggests no masks: it gives the gallery, and what people are handed, the order "most informative".
    """
    from limner.service.projects import find_project
    from limner.service.suggestions import start_ranking

    with open_home(home) as (services, actor):
        job = start_ranking(services, actor, find_project(services, actor, name), by)
        failed = follow_job(services, actor, job)
    if failed:
        context.exit(1)


def run_job(services: Services, actor: Actor, name: str, request: SuggestRequest) -> int:
    """Start a job, or go on with the one that there is, and show how it goes; how many images failed.

    Raises:
        Conflict: the job that there is does something else, was paused, or stopped.
    """
    from limner.errors import Conflict
    from limner.service.projects import find_project
    from limner.service.suggestions import start_suggesting

    project_id = find_project(services, actor, name)
    try:
        job = start_suggesting(services, actor, project_id, request)
    except Conflict as error:  # an earlier command was interrupted, or a server is at it
        job = _job(services, actor, project_id, int(str(error.details["job_id"])))
        if job.state != "running" or job.payload["request"] != request.model_dump(mode="json"):
            raise
    return follow_job(services, actor, job)


def follow_job(services: Services, actor: Actor, job: Job) -> int:
    """Work on a job with a progress bar until it is done; how many images failed.

    Raises:
        Conflict: it was paused, or stopped.
    """
    from tqdm import tqdm

    from limner.errors import Conflict
    from limner.service.jobs import list_failures

    services.suggester.start()
    try:
        with tqdm(total=job.total, unit="image", disable=None) as bar:
            while job.state == "running":
                time.sleep(LOOK_EVERY)
                job = _job(services, actor, job.project_id, job.id)
                bar.total = job.total
                bar.update(job.done + job.failed - bar.n)
    finally:
        services.suggester.stop()
    if job.state != "done":
        raise Conflict(f"Job {job.id} is {job.state}: {job.message}", hint="Resume it on the project's page.")
    for failure in list_failures(services, actor, job.id):
        click.echo(f"{failure.file_name}: {failure.message}", err=True)
    click.echo(f"{counted(job.done, 'image')} looked through, {job.failed} failed")
    return job.failed


def _job(services: Services, actor: Actor, project_id: int, job_id: int) -> Job:
    from limner.service.jobs import list_jobs

    (job,) = (each for each in list_jobs(services, actor, project_id) if each.id == job_id)
    return job
