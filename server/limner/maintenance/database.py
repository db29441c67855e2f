"""The database of an installation that exists already."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from limner.config import Settings
from limner.errors import NotFound
from limner.store import Database
from limner.store.migrate import migrate


@contextmanager
def open_existing(settings: Settings) -> Iterator[Database]:
    """The database that the settings name, brought up to date; nothing is made where there is none.

    Raises:
        NotFound: there is no database.
    """
    url = settings.resolved_database_url
    if url == f"sqlite:///{settings.home / 'limner.db'}" and not (settings.home / "limner.db").is_file():
        raise NotFound(f"There is no database in {settings.home}.", hint="Name the home with --home or LIMNER_HOME.")
    database = Database(url)
    try:
        migrate(database)
        yield database
    finally:
        database.close()
