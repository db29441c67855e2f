"""``limner worker``: encodes, suggests and learns for web processes that share one PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from limner.cli.home import settings_from


@click.command()
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Folder of models and graphs.")
@click.option("--model", help="Model that encodes.  [default: samlet]")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), help="Encoder's device.  [default: auto]")
@click.option(
    "--only",
    metavar="DUTIES",
    help="Some of looks, encoding, suggestions, learning, exports, upkeep, with commas: looks encodes nothing but what "
    "somebody waits for.  [default: all]",
)
@click.option("--name", help="Holds work under this name, so that it is taken up at once after a restart.")
@click.option(
    "--ray", metavar="ADDRESS", help="Encode on a Ray cluster: HOST:PORT of its head, or auto on one of its machines."
)
@click.option("--actors", type=click.IntRange(1, 10_000), help="With --ray: how many encoders.  [default: 1]")
@click.option("--cpus", type=click.FloatRange(0), help="With --ray: processors for each.  [default: 1]")
@click.option("--gpus", type=click.FloatRange(0), help="With --ray: GPUs for each, or a share of one.  [default: 0]")
@click.option("--until-closed", type=int, hidden=True, help="Descriptor of a pipe that ends with the supervisor.")
def worker(
    name: str | None,
    until_closed: int | None,
    ray: str | None,
    actors: int | None,
    only: str | None,
    cpus: float | None,
    gpus: float | None,
    **options: Any,
) -> None:
    """Encode, suggest and learn for web processes that share one PostgreSQL and one blob store with this machine.

    `limner serve --workers N` starts one by itself; more of them, on this machine or others, share the work.
    With --ray this process only has workers run on a Ray cluster (docs/cluster.md).
    """
    from limner.errors import InvalidInput
    from limner.service.logs import configure_logging
    from limner.service.running import end_with, run_worker

    configure_logging()
    settings = settings_from({**options, "worker_only": only})
    if until_closed is not None:
        end_with(until_closed)
    taken = {key: value for key, value in (("actors", actors), ("cpus", cpus), ("gpus", gpus)) if value is not None}
    if ray is None:
        if taken:
            raise InvalidInput(
                f"--{next(iter(taken))} is of encoders on a Ray cluster.", hint="Name the cluster with --ray HOST:PORT."
            )
        run_worker(settings, name)
        return
    if name is not None:
        raise InvalidInput("--name is of one worker.", hint="Encoders on a Ray cluster have names of their own.")
    from limner.cluster.keeping import run_on_ray
    from limner.cluster.options import RayOptions

    run_on_ray(settings, RayOptions(address=ray, **taken))
