"""What a backup consists of, and whether all of it is there and as it was written.

A backup is a folder::

    backup.json             which of the following counts, written last; a SHA-256 over itself
    files-<time>.sha256     every file with its SHA-256, as ``sha256sum --check`` reads it
    database-<time>.…       the database in one snapshot: SQLite's file, or a dump by pg_dump
    blobs/…                 images and embeddings, under the keys that the blob store has
    home/…                  installed models, the default model, the key that signs cookies

``backup.json`` is replaced as a whole when everything else is on the disk: a backup that is cut off leaves the one
before as it was.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from limner.atomic import PRIVATE, write_file
from limner.errors import InvalidFile, NotFound

FILE = "backup.json"
FORMAT = 1
LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")
PIECE_BYTES = 1 << 20
NAMED = 5  # damaged files that a message names; the others are counted

Kind = Literal["sqlite", "postgresql"]
Digests = dict[str, str]
"""SHA-256 by path, relative to the backup, with ``/`` between its parts."""


class Manifest(BaseModel):
    """``backup.json``.

    Attributes:
        format: of the folder.
        limner: version that made it.
        installation: UUID of the database.
        created: when the snapshot was taken.
        kind: of the database.
        database: its file's name.
        files: name of the file with the digests.
        files_sha256: of that file.
        missing: keys of blobs that the database names and the blob store did not have, or only damaged.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    limner: str
    installation: str
    created: datetime
    kind: Kind
    database: str
    files: str
    files_sha256: str
    missing: tuple[str, ...] = ()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Make this the backup that counts.

    Raises:
        OSError: the one before still does.
    """
    body = manifest.model_dump(mode="json")
    text = json.dumps({**body, "sha256": _digest_of(body)}, indent=2) + "\n"
    write_file(folder / FILE, text.encode(), PRIVATE)


def read_manifest(folder: Path) -> Manifest:
    """The backup that counts in a folder.

    Raises:
        NotFound: there is none.
        InvalidFile: the file is damaged, or was made by a version that writes another format.
    """
    path = folder / FILE
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(
            f"There is no backup in {folder}: it has no {FILE}.", hint="Name the folder that `limner backup` was given."
        ) from error
    try:
        body = json.loads(data)
        digest = body.pop("sha256")
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise _damaged(path) from error
    if digest != _digest_of(body):
        raise _damaged(path)
    try:
        return Manifest.model_validate(body)
    except ValidationError as error:
        raise InvalidFile(
            f"{path} is of format {body.get('format')!r}, and this version reads format {FORMAT}.",
            hint="Restore with the version that made the backup.",
        ) from error


def write_digests(path: Path, digests: Digests) -> str:
    """Write the list of files; its SHA-256.

    Raises:
        OSError: nothing was written.
    """
    lines = [f"{digests[name]}  {name}\n".encode() for name in sorted(digests)]
    write_file(path, lines, PRIVATE)
    return file_sha256(path)


def read_digests(folder: Path, manifest: Manifest) -> Digests:
    """The list of files.

    Raises:
        InvalidFile: it is missing, damaged, or leads out of the backup.
    """
    path = folder / manifest.files
    if not path.is_file() or file_sha256(path) != manifest.files_sha256:
        raise _damaged(path)
    digests: Digests = {}
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            found = LINE.fullmatch(line.rstrip("\n"))
            if found is None or not is_inside(found[2]):
                raise _damaged(path)
            digests[found[2]] = found[1]
    return digests


def damaged_files(folder: Path, digests: Digests, progress: Callable[[int], None] = lambda _: None) -> Iterator[str]:
    """Files that are missing, or not what they were when they were written."""
    for count, (name, digest) in enumerate(digests.items(), start=1):
        path = folder / name
        if not path.is_file() or file_sha256(path) != digest:
            yield name
        progress(count)


def refuse_damaged(folder: Path, damaged: Iterable[str]) -> None:
    """Refuse a backup in which some file is damaged.

    Raises:
        InvalidFile: naming them.
    """
    names = list(damaged)
    if names:
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        raise InvalidFile(
            f"The backup {folder} is damaged: {', '.join(names[:NAMED])}{more} missing or not as written.",
            hint="Nothing was restored. Take another backup, or put these files back from a copy of this one.",
            details={"damaged": names},
        )


def is_inside(name: str) -> bool:
    """Whether a listed path stays inside the backup."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name and path.as_posix() == name


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_of(body: object) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _damaged(path: Path) -> InvalidFile:
    return InvalidFile(
        f"{path} is missing or damaged.", hint="Nothing was restored. Take another backup, or a copy of this one."
    )
