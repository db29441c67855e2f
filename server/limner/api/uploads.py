"""Reading uploads: parts go to temporary files as they arrive and are hashed on the way."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, cast

from flask import Request
from werkzeug.datastructures import FileStorage

from limner.atomic import make_folder, remove_leftovers

IN_MEMORY_BYTES = 4 << 20  # of all parts of a request; more goes to the disk
LEFTOVER_SECONDS = 86_400


class PartStore:
    """The parts of one request, one after the other: together a few megabytes in memory, beyond that in one file."""

    def __init__(self, folder: Path | None) -> None:
        place = None if folder is None else str(folder)
        self.file = tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES, dir=place)  # noqa: SIM115  (closed with its parts)
        self._open = 0

    def new(self) -> HashingFile:
        """A part that is written before any other is begun."""
        self._open += 1
        return HashingFile(self)

    def release(self) -> None:
        """A part is closed; the last one takes the file with it."""
        self._open -= 1
        if not self._open:
            self.file.close()


class HashingFile(io.RawIOBase):
    """One part of a request. It knows the SHA-256 and the size of what was written to it, front to back."""

    def __init__(self, store: PartStore) -> None:
        super().__init__()
        self._store = store
        self._begin = store.file.seek(0, os.SEEK_END)
        self._position = 0
        self._hash = hashlib.sha256()
        self.size = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def writable(self) -> bool:
        """Yes, at the end."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def write(self, data: Any) -> int:
        """Append bytes."""
        self._store.file.seek(self._begin + self.size)
        self._store.file.write(data)
        self._hash.update(data)
        self.size += len(data)
        self._position = self.size
        return len(data)

    def readinto(self, buffer: Any) -> int:
        """Read up to the end of the part."""
        self._store.file.seek(self._begin + self._position)
        data = self._store.file.read(min(len(buffer), self.size - self._position))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def readall(self) -> bytes:
        """What is left of the part, in one block of memory.

        The inherited one gathers thousands of small blocks first, among which the allocator keeps what they took.
        """
        self._store.file.seek(self._begin + self._position)
        data = self._store.file.read(self.size - self._position)
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place in the part."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        self._position = max(0, min(base + offset, self.size))
        return self._position

    def tell(self) -> int:
        """The place in the part."""
        return self._position

    def close(self) -> None:
        """Let go of the part."""
        if not self.closed:
            super().close()
            self._store.release()

    @property
    def sha256(self) -> str:
        """Of everything written so far, as 64 hexadecimal digits."""
        return self._hash.hexdigest()


def upload_folder(home: Path) -> Path:
    """Where uploads and large answers lie while they are on their way; made when missing."""
    folder = home / "uploads"
    make_folder(folder, mode=0o700)
    return folder


def remove_old_uploads(home: Path) -> None:
    """Remove what killed processes left a day ago: of uploads, and of files that were being written in the home.

    The blobs, which may be many, are looked through by the sweeper (``limner.jobs.sweep``).
    """
    for leftover in upload_folder(home).iterdir():
        with suppress(OSError):
            if leftover.is_file() and leftover.stat().st_mtime < time.time() - LEFTOVER_SECONDS:
                leftover.unlink()
    for folder in ("models", "detectors", "text", "graphs"):
        remove_leftovers(home / folder, LEFTOVER_SECONDS)
    remove_leftovers(home, LEFTOVER_SECONDS, below=False)


class UploadRequest(Request):
    """A request whose file parts become :class:`HashingFile` objects."""

    folder: Path | None = None
    _parts: PartStore | None = None

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        self._parts = self._parts or PartStore(self.folder)
        return cast(IO[bytes], self._parts.new())


def open_part(part: FileStorage) -> tuple[Callable[[], bytes], str]:
    """What reads an uploaded file from its temporary place, and the file's SHA-256."""
    stream = part.stream
    if not isinstance(stream, HashingFile):
        raise TypeError("uploads are read through UploadRequest")
    stream.seek(0)
    return stream.read, stream.sha256
