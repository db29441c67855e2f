"""Reading uploads: parts go to temporary files as they arrive and are hashed on the way."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

from flask import Request
from werkzeug.datastructures import FileStorage

IN_MEMORY_BYTES = 1 << 20  # a part up to this size never touches the disk


class HashingFile(tempfile.SpooledTemporaryFile[bytes]):
    """A temporary file that knows the SHA-256 and the size of what was written to it, front to back."""

    def __init__(self, folder: Path | None) -> None:
        super().__init__(IN_MEMORY_BYTES, dir=None if folder is None else str(folder))
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: Any) -> int:
        """Append bytes."""
        self._hash.update(data)
        self.size += len(data)
        return super().write(data)

    def writelines(self, lines: Iterable[Any]) -> None:
        """Append several pieces."""
        for line in lines:
            self.write(line)

    @property
    def sha256(self) -> str:
        """Of everything written so far, as 64 hexadecimal digits."""
        return self._hash.hexdigest()


def upload_folder(home: Path) -> Path:
    """Where uploads lie while they arrive; made when missing."""
    folder = home / "uploads"
    folder.mkdir(exist_ok=True)
    return folder


class UploadRequest(Request):
    """A request whose file parts become :class:`HashingFile` objects."""

    folder: Path | None = None

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        return HashingFile(self.folder)


def open_part(part: FileStorage) -> tuple[Callable[[], bytes], str]:
    """What reads an uploaded file from its temporary place, and the file's SHA-256."""
    stream = part.stream
    if not isinstance(stream, HashingFile):
        raise TypeError("uploads are read through UploadRequest")
    stream.seek(0)
    return stream.read, stream.sha256
