"""``limner restore``: a backup into a home, a database and a blob store that are empty; all of it or nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from limner.atomic import PRIVATE, make_folder, new_folder
from limner.blobs import folder_of
from limner.config import Settings
from limner.errors import Conflict, InvalidFile, InvalidInput
from limner.maintenance import manifest as form
from limner.maintenance.dumps import load_postgresql, load_sqlite, refuse_tables
from limner.maintenance.restore_blobs import PREFIX, OutsideStore
from limner.store import Database
from limner.store.migrate import version_of_file


def verify(folder: Path, progress: Callable[[int], None] = lambda _: None) -> tuple[form.Manifest, form.Digests]:
    """Read a whole backup and compare it with its digests.

    Raises:
        NotFound: there is no backup in the folder.
        InvalidFile: some of it is missing or damaged; the error names what.
    """
    manifest = form.read_manifest(folder)
    digests = form.read_digests(folder, manifest)
    form.refuse_damaged(folder, [] if manifest.database in digests else [manifest.database])
    form.refuse_damaged(folder, form.damaged_files(folder, digests, progress))
    return manifest, digests


def restore(folder: Path, settings: Settings, progress: Callable[[int], None] = lambda _: None) -> form.Manifest:
    """Put a backup back.

    Args:
        folder: of the backup.
        settings: name a home that is not there yet or empty, a database without tables, a blob store without blobs.
        progress: told the number of files verified.

    Raises:
        NotFound: there is no backup in the folder.
        InvalidFile: some of it is missing, damaged or empty; the error names what.
        InvalidInput: it is of another kind of database than the settings name.
        Conflict: home, database or blob store are occupied, or the backup is of a newer version. In all these cases
            nothing was changed.
        Unavailable: S3 stopped answering. What it has of the backup is gone on with by the next restore of it.
    """
    manifest = form.read_manifest(folder)
    blobs = folder_of(settings.resolved_blob_url)
    in_home = blobs is not None and blobs.is_relative_to(settings.home)
    outside = None if in_home else OutsideStore(settings.resolved_blob_url, manifest)
    _refuse_occupied_home(settings.home)
    database = Database(settings.resolved_database_url)
    try:
        _refuse_other_kind(manifest, database)
        refuse_tables(database)
        if outside is not None:
            outside.refuse_occupied()
        manifest, digests = verify(folder, progress)
        if database.is_sqlite and version_of_file(folder / manifest.database) is None:
            raise InvalidFile(f"The database of the backup in {folder} is empty.", hint="Take another backup.")
        _refuse_read_only(settings.home.parent)
        with new_folder(settings.home) as home:
            home.chmod(0o700)
            for name in digests:
                if name.startswith(PREFIX):
                    if blobs is not None and in_home:
                        _copy(folder / name, home / blobs.relative_to(settings.home) / name.removeprefix(PREFIX))
                elif name != manifest.database:
                    _copy(folder / name, home / name.removeprefix("home/"))
            if outside is not None:
                outside.fill(folder, digests)
            _load(folder / manifest.database, database, settings.home, home)
        if outside is not None:
            outside.finish()
    finally:
        database.close()
    return manifest


def _load(dump: Path, database: Database, home: Path, unfinished: Path) -> None:
    """Fill the database: SQLite's in the home that is being made, any other where it is."""
    if not database.is_sqlite:
        load_postgresql(dump, database)
        return
    target = Path(database.name)
    if target.is_relative_to(home):
        target = unfinished / target.relative_to(home)
    make_folder(target.parent)
    load_sqlite(dump, target)
    target.chmod(PRIVATE)


def _copy(source: Path, target: Path) -> None:
    make_folder(target.parent)
    shutil.copyfile(source, target)
    if target.name == "secret_key":
        target.chmod(PRIVATE)


def _refuse_occupied_home(home: Path) -> None:
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise Conflict(
            f"The home {home} is occupied.",
            hint="A backup is restored into a folder that is empty or not there yet: move this one away first.",
        )


def _refuse_read_only(folder: Path) -> None:
    """The home is made beside where it will be, so the folder that it lies in must take it."""
    try:
        make_folder(folder)
        writable = os.access(folder, os.W_OK | os.X_OK)
    except OSError:
        writable = False
    if not writable:
        raise InvalidInput(f"Nothing can be written in {folder}.", hint="Name a home elsewhere with --home.")


def _refuse_other_kind(manifest: form.Manifest, database: Database) -> None:
    kind = "sqlite" if database.is_sqlite else "postgresql"
    if manifest.kind != kind:
        raise InvalidInput(
            f"The backup is of a {manifest.kind} database, and the settings name a {kind} one.",
            hint="Set LIMNER_DATABASE_URL to a database of the backup's kind.",
        )
