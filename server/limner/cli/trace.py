"""``limner trace``: the way of one image through the processes of an installation."""

from __future__ import annotations

from typing import IO

import click


@click.command()
@click.argument("image")
@click.argument("logs", nargs=-1, type=click.File("r"))
def trace(image: str, logs: tuple[IO[str], ...]) -> None:
    """Print what LOGS say of IMAGE, its number or the first digits of its sha256: from its upload to each saved change.

    LOGS are what the server and all workers wrote to standard error; without any, they are read from standard input:
    journalctl -u limner -o cat | limner trace 12
    """
    import sys
    from itertools import chain

    from limner.service.traces import trace as find

    found = find(chain.from_iterable(logs or (sys.stdin,)), image)
    for each in found:
        seconds = (each.moment - found[0].moment).total_seconds()
        more = " ".join(f"{name}={value}" for name, value in each.more.items())
        click.echo(
            f"{each.moment:%Y-%m-%d %H:%M:%S} {seconds:9.3f} s  {each.what:8} {each.process} {each.request} {more}"
        )
