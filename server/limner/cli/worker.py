"""``limner worker``: encodes for web processes, on this machine or others, that share one PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from limner.cli.serve import settings_from


@click.command()
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Folder of models and graphs.")
@click.option("--model", help="Model that encodes.  [default: samlet]")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), help="Encoder's device.  [default: auto]")
@click.option("--name", help="Holds work under this name, so that it is taken up at once after a restart.")
@click.option("--until-closed", type=int, hidden=True, help="Descriptor of a pipe that ends with the supervisor.")
def worker(name: str | None, until_closed: int | None, **options: Any) -> None:
    """Encode for web processes that share one PostgreSQL and one blob store with this machine.

    `limner serve --workers N` starts one by itself; more of them, on this machine or others, share the work.
    """
    from limner.service.logs import configure_logging
    from limner.service.running import end_with, run_worker

    configure_logging()
    if until_closed is not None:
        end_with(until_closed)
    run_worker(settings_from(options), name)
