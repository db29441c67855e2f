"""The database of an installation that exists already."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from limner.config import Settings
from limner.errors import NotFound
from limner.store import Database
from limner.store.migrate import installed_version, migrate

NAME_IT = (
    "Name the home with --home or LIMNER_HOME. To begin one: limner project create NAME, or start the server with it."
)


@contextmanager
def open_existing(settings: Settings, *, as_it_is: bool = False) -> Iterator[Database]:
    """The database that the settings name; nothing is made where there is none.

    Args:
        settings: name it.
        as_it_is: do not bring it up to date.

    Raises:
        NotFound: there is no database, or nothing in it.
        Unavailable: it cannot be opened.
        Conflict: it is that of something else, or of a newer version.
    """
    database = Database(settings.resolved_database_url)
    try:
        if database.is_sqlite and not Path(database.name).is_file():
            file = Path(database.name)
            instead = f": {file} cannot be opened, it is a folder" if file.is_dir() else ""
            raise NotFound(
                f"There is no database in {file.parent}{instead}.",
                hint=NAME_IT,
            )
        if installed_version(database) is None:
            raise NotFound(f"The database {database.name} is empty.", hint=NAME_IT)
        if not as_it_is:
            migrate(database)
        yield database
    finally:
        database.close()
