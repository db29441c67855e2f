"""The home that a command works on, without a server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from limner.config import Settings

if TYPE_CHECKING:
    from limner.access import Actor
    from limner.service.wiring import Services

HOME = click.option(
    "--home", type=click.Path(path_type=Path, file_okay=False), help="Folder for everything that is stored."
)


def settings_from(options: Mapping[str, Any]) -> Settings:
    """Settings from the environment, overridden by the options that were given."""
    return Settings(**{name: value for name, value in options.items() if value is not None})


@contextmanager
def open_home(home: Path | None) -> Iterator[tuple[Services, Actor]]:
    """The services of a home and whoever may use them from its command line."""
    from limner.service.accounts import local_actor
    from limner.service.wiring import open_services

    services = open_services(settings_from({"home": home}))  # the encoder is not started
    try:
        yield services, local_actor(services.database)
    finally:
        services.database.close()
