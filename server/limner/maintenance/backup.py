"""``limner backup``: a copy of everything that cannot be made again, while the server runs.

First the database in one snapshot, then the blobs that its rows name. Blobs never change, and those of a deleted image
are kept for a day, so what the snapshot names is there. Blobs that an earlier backup in the same folder has are not
copied again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from limner import __version__
from limner.atomic import PRIVATE, SUFFIX, make_folder, remove_leftovers, replacing, write_file
from limner.blobs import Blob, BlobStore, display_key, embedding_key, image_key, snapshot_key, thumbnail_key
from limner.encoding.stored import embedding_size
from limner.errors import Conflict, NotFound
from limner.maintenance import manifest as form
from limner.maintenance.dumps import dumped
from limner.store import Database
from limner.store.installation import installation_id
from limner.store.tables import Embedding, Image, Snapshot
from limner.store.types import utc_now

LOCK = ".lock"
HOME_FILES = ("secret_key",)  # beside models/, which is copied whole
UNFINISHED = (".part", SUFFIX)
ROWS = 1000  # read at once
PREFIXES = {"database": "database-", "files": "files-"}


@dataclass(frozen=True)
class Report:
    """What a backup did.

    Attributes:
        blobs: that it holds.
        copied: of them, those that were not there from an earlier backup.
        bytes: that were copied, the database included.
        missing: keys of blobs that the database names and the blob store has not, or only damaged.
    """

    blobs: int
    copied: int
    bytes: int
    missing: tuple[str, ...]


def back_up(
    database: Database,
    blobs: BlobStore,
    home: Path,
    folder: Path,
    progress: Callable[[int], None] = lambda _: None,
) -> Report:
    """Make or renew the backup in a folder.

    Args:
        database: of this version or an earlier one; others may write to it meanwhile.
        blobs: where the bytes are.
        home: has models and the secret key.
        folder: of the backup; made when missing, for its owner only.
        progress: told the number of blobs looked at.

    Raises:
        Conflict: another backup is being written there, or the folder holds something else.
        NotFound: PostgreSQL's pg_dump is not installed.
        OSError: the folder cannot be written. A backup that was there before still counts.
    """
    if blobs.folder is not None and folder.resolve().is_relative_to(blobs.folder.resolve()):
        raise Conflict(
            f"{folder} lies among the blobs of {blobs.folder}.", hint="Name a folder elsewhere, on another disk."
        )
    before = _earlier(folder)
    make_folder(folder, mode=0o700)
    with _alone(folder):
        remove_leftovers(folder, older_than_seconds=0)
        stamp = utc_now().strftime("%Y%m%dT%H%M%S%f")
        return _Backup(blobs, folder, before, progress).run(database, home, stamp)


class _Backup:
    """One run."""

    def __init__(self, blobs: BlobStore, folder: Path, before: form.Digests, progress: Callable[[int], None]) -> None:
        self._blobs = blobs
        self._folder = folder
        self._before = before
        self._progress = progress
        self._digests: form.Digests = {}
        self._missing: list[str] = []
        self._looked = self._copied = self._bytes = 0

    def run(self, database: Database, home: Path, stamp: str) -> Report:
        suffix = "db" if database.is_sqlite else "pgdump"
        name = f"{PREFIXES['database']}{stamp}.{suffix}"
        created = utc_now()
        with replacing(self._folder / name, PRIVATE) as partial:  # noqa: SIM117  (closed before it is renamed)
            with dumped(database, partial) as rows:
                installation = installation_id(rows)
                for key in _keys(rows):
                    self._add_blob(key)
        self._note(name, form.file_sha256(self._folder / name), (self._folder / name).stat().st_size)
        self._copy_home(home)
        files = f"{PREFIXES['files']}{stamp}.sha256"
        manifest = form.Manifest(
            limner=__version__,
            installation=installation,
            created=created,
            kind="sqlite" if database.is_sqlite else "postgresql",
            database=name,
            files=files,
            files_sha256=form.write_digests(self._folder / files, self._digests),
            missing=tuple(self._missing),
        )
        form.write_manifest(self._folder, manifest)
        self._prune(manifest)
        blobs = sum(each.startswith("blobs/") for each in self._digests)
        return Report(blobs, self._copied, self._bytes, tuple(self._missing))

    def _add_blob(self, key: str) -> None:
        name = f"blobs/{key}"
        self._looked += 1
        self._progress(self._looked)
        target, known = self._folder / name, self._before.get(name)
        size = self._blobs.size(key)
        if known is not None and size and target.is_file() and target.stat().st_size == size:
            self._digests[name] = known
            return
        blob = self._blobs.find(key)
        if blob is None or (key.startswith("embeddings/") and embedding_size(self._blobs, key) is None):
            self._missing.append(key)
            return
        make_folder(target.parent)
        digest = hashlib.sha256()
        write_file(target, _hashed(blob, digest.update))
        if key.startswith(("images/", "snapshots/")) and digest.hexdigest() != Path(key).stem:
            target.unlink()
            self._missing.append(key)
            return
        self._copied += 1
        self._note(name, digest.hexdigest(), blob.size)

    def _copy_home(self, home: Path) -> None:
        """Models are files under names, so they are compared by what is in them."""
        models = (path for path in sorted((home / "models").rglob("*")) if not _is_unfinished(path.relative_to(home)))
        for path in (*models, *(home / each for each in HOME_FILES)):
            if not path.is_file():
                continue
            name = f"home/{path.relative_to(home).as_posix()}"
            target, digest = self._folder / name, form.file_sha256(path)
            if self._before.get(name) == digest and target.is_file() and target.stat().st_size == path.stat().st_size:
                self._digests[name] = digest
                continue
            make_folder(target.parent)
            write_file(target, _pieces(path), PRIVATE)
            self._note(name, form.file_sha256(target), target.stat().st_size)

    def _note(self, name: str, digest: str, size: int) -> None:
        self._digests[name] = digest
        self._bytes += size

    def _prune(self, manifest: form.Manifest) -> None:
        """Remove what the backup before had and this one has not."""
        keep = {*self._digests, manifest.files}
        for pattern in ("blobs/**/*", "home/**/*", *(f"{prefix}*" for prefix in PREFIXES.values())):
            for path in self._folder.glob(pattern):
                if path.is_file() and path.relative_to(self._folder).as_posix() not in keep:
                    path.unlink()


def _earlier(folder: Path) -> form.Digests:
    """What a backup in this folder has already.

    Raises:
        Conflict: the folder is not empty, and holds no backup.
        InvalidFile: the backup there is damaged.
    """
    try:
        return form.read_digests(folder, form.read_manifest(folder))
    except NotFound:
        ours = (LOCK, "blobs", "home", *PREFIXES.values())  # left by a first backup that was cut off
        others = [each.name for each in folder.iterdir() if not each.name.startswith(ours)] if folder.is_dir() else []
        others = [name for name in others if not name.endswith(SUFFIX)]
        if others:
            raise Conflict(
                f"{folder} holds other things than a backup: {', '.join(sorted(others)[:3])}.",
                hint="Name a new folder, or that of an earlier backup.",
            ) from None
        return {}


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    try:
        with FileLock(folder / LOCK, timeout=0, mode=PRIVATE):
            yield
    except Timeout:
        raise Conflict(f"Another backup is being written to {folder}.", hint="Wait until it is done.") from None


def _keys(rows: Session) -> Iterator[str]:
    """Keys of all blobs that rows name."""
    hashes = select(Image.sha256).distinct().order_by(Image.sha256).execution_options(yield_per=ROWS)
    for sha256 in rows.scalars(hashes):
        yield image_key(sha256)
        yield display_key(sha256)
        yield thumbnail_key(sha256)
    if inspect(rows.connection()).has_table(Snapshot.__tablename__):  # not before an upgrade to the version that has it
        for sha256 in rows.scalars(select(Snapshot.sha256).distinct().order_by(Snapshot.sha256)):
            yield snapshot_key(sha256)
    columns = (Embedding.image_sha256, Embedding.model_sha256, Embedding.preprocessing_version)
    for embedding in rows.execute(select(*columns).order_by(*columns).execution_options(yield_per=ROWS)):
        yield embedding_key(*embedding)


def _is_unfinished(path: Path) -> bool:
    """Whether somebody is still writing a file, or the folder that it lies in."""
    return any(part.endswith(UNFINISHED) for part in path.parts)


def _hashed(blob: Blob, update: Callable[[bytes], None]) -> Iterator[bytes]:
    for piece in blob.chunks():
        update(piece)
        yield piece


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(form.PIECE_BYTES):
            yield piece
