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


def settings_of_home(home: Path | None, *, may_be_new: bool = False) -> Settings:
    """Settings of the home that a command works on.

    Args:
        home: as it was given with the command; by default the environment's.
        may_be_new: whether the command may begin a home. All others refuse one that is not there: a path that is
            mistyped would otherwise become an empty home, and the answer be that there is nothing.

    Raises:
        NotFound: there is no database, or nothing in it.
    """
    from limner.maintenance.database import open_existing

    settings = settings_from({"home": home})
    if not may_be_new:
        with open_existing(settings, as_it_is=True):
            pass
    return settings


@contextmanager
def open_home(home: Path | None, *, may_be_new: bool = False) -> Iterator[tuple[Services, Actor]]:
    """The services of a home and whoever may use them from its command line.

    Raises:
        NotFound: there is no such home, and the command may not begin one (``settings_of_home``).
    """
    from limner.service.accounts import local_actor
    from limner.service.wiring import open_services

    services = open_services(settings_of_home(home, may_be_new=may_be_new))  # the encoder is not started
    try:
        yield services, local_actor(services.database)
    finally:
        services.database.close()
