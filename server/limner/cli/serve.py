"""``limner serve``: the server for browsers and scripts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from limner.cli.home import settings_from
from limner.startup import made_to_stay


def announce(address: str, link: str) -> None:
    """Tell the person at the terminal where to go."""
    click.echo(f"Limner is running at {address}")
    click.echo(f"Sign in once with this link (valid for a day): {link}")
    click.echo("Press Ctrl+C to stop.")


def serve_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of every command that starts the server."""
    for option in (
        click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), help="Encoder's device.  [default: auto]"),
        click.option("--model", help="Model that encodes and segments.  [default: samlet]"),
        click.option("--home", type=click.Path(path_type=Path, file_okay=False), help="Folder for all that is stored."),
        click.option(
            "--workers", type=click.IntRange(1, 64), help="Web processes; more than one needs PostgreSQL.  [default: 1]"
        ),
        click.option("--port", type=click.IntRange(0, 65535), help="TCP port; 0 takes a free one.  [default: 8000]"),
        click.option("--host", help="Interface to listen on.  [default: 127.0.0.1]"),
    ):
        command = option(command)
    return command


@click.command()
@serve_options
def serve(**options: Any) -> None:
    """Start the server."""
    with made_to_stay():
        from limner.api.serving.run import run_server

    run_server(settings_from(options), announce)
