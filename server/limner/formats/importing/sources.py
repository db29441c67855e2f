"""The files of an import: given one by one, in a folder, or in a ZIP archive."""

from __future__ import annotations

import io
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, cast

from limner.errors import InvalidFile
from limner.formats.files import opener
from limner.vocabulary.names import printable, shown

MIB = 1 << 20
MAX_DOCUMENT = 64 * MIB  # bytes of a file that is read as a whole
MAX_VALUES = 1_000_000  # of a JSON document that is read as a whole; each takes some hundred bytes of memory
MAX_FILES = 1_000_000  # of an archive
MAX_RATIO = 200  # an archive may unpack to this many times its size
SPARE_BYTES = 256 << 20  # and to this much more
ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")  # the second of an empty one
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    RuntimeError,
    OSError,
    ValueError,
    OverflowError,
    struct.error,
)


@dataclass(frozen=True)
class SourceFile:
    """One file; ``path`` is relative, with ``/`` between its parts. ``opener`` gives it from its beginning."""

    path: str
    opener: Callable[[], IO[bytes]]

    @property
    def shown(self) -> str:
        """The path for messages."""
        return printable(self.path)

    @property
    def suffix(self) -> str:
        """In lower case: ``.json``."""
        return PurePosixPath(self.path).suffix.lower()

    def open(self) -> IO[bytes]:
        """The file at its beginning, to be closed; opening and reading it raise as :meth:`read` where it is damaged."""
        with _readable(self.shown):
            return cast(IO[bytes], _Guarded(self.opener(), self.shown))

    def read(self, limit: int = MAX_DOCUMENT) -> bytes:
        """All of it.

        Raises:
            InvalidFile: when it is larger than the limit, or damaged in its archive.
        """
        data = self.head(limit + 1)
        if len(data) > limit:
            raise InvalidFile(
                f"{self.shown} is too large.", hint=f"At most {limit / MIB:g} MiB of such a file are read."
            )
        return data

    def head(self, count: int) -> bytes:
        """The first bytes of it, at most ``count``; raises as :meth:`read`."""
        with self.open() as file:
            return file.read(count)

    def text(self, limit: int = MAX_DOCUMENT) -> str:
        """All of it as text; raises as :meth:`read`, and when it is not UTF-8."""
        try:
            return self.read(limit).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InvalidFile(f"{self.shown} is not text in UTF-8.", hint="Save it as UTF-8.") from error

    def json(self) -> bytes:
        """All of a JSON document, to be parsed as a whole; raises as :meth:`read`, and for too many values."""
        data = self.read()
        if sum(map(data.count, (b",", b"[", b"{"))) > MAX_VALUES:
            raise InvalidFile(f"{self.shown} holds more than {MAX_VALUES:,} values.", hint="Split it.")
        return data


class Sources:
    """Files in the order of their paths."""

    def __init__(self, files: Iterable[SourceFile]) -> None:
        self.files = sorted(files, key=lambda file: file.path)

    def __iter__(self) -> Iterator[SourceFile]:
        return iter(self.files)

    def with_suffix(self, *suffixes: str) -> Iterator[SourceFile]:
        """Those whose names end so, in any capitals."""
        return (file for file in self.files if file.suffix in suffixes)

    def called(self, *names: str) -> SourceFile | None:
        """The first file of these names, in whatever folder, the outermost first."""
        wanted = [file for file in self.files if PurePosixPath(file.path).name in names]
        return min(wanted, key=lambda file: file.path.count("/"), default=None)


def of_paths(paths: Iterable[tuple[str, Path]]) -> Sources:
    """Files on the disk, each with the path that it is called by."""
    return Sources(SourceFile(name, opener(path)) for name, path in paths)


def of_bytes(contents: Iterable[tuple[str, bytes]]) -> Sources:
    """Files in memory."""
    return Sources(SourceFile(name, partial(io.BytesIO, data)) for name, data in contents)


def of_stream(name: str, file: IO[bytes]) -> Sources:
    """One file, or those of a ZIP archive; the stream must be seekable and stays open.

    Raises:
        InvalidFile: when it is an archive that cannot be used.
    """
    file.seek(0)
    if file.read(len(ZIP_MAGIC[0])) in ZIP_MAGIC:
        return Sources(_of_archive(file))
    return Sources([SourceFile(name, lambda: cast(IO[bytes], _Guarded(file, printable(name), lent=True)))])


def _of_archive(file: IO[bytes]) -> Iterator[SourceFile]:
    size = file.seek(0, io.SEEK_END)
    try:
        archive = zipfile.ZipFile(file)
    except _UNREADABLE as error:
        raise InvalidFile(f"The ZIP archive cannot be read: {error}.", hint="Pack the files again.") from error
    listed = [(_path_of(entry), entry) for entry in archive.infolist() if not entry.is_dir()]
    entries = [(path, entry) for path, entry in listed if path and not _is_hidden(path)]
    if len(entries) > MAX_FILES:
        raise InvalidFile(f"The archive holds {len(entries)} files.", hint=f"At most {MAX_FILES} are read.")
    if sum(entry.file_size for _, entry in entries) > MAX_RATIO * size + SPARE_BYTES:
        raise InvalidFile("The archive unpacks to far more than any annotations.", hint="Send the files in parts.")
    for path, entry in entries:
        if entry.flag_bits & 1:
            raise InvalidFile(f"{shown(path)} is encrypted.", hint="Pack the files without a password.")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise InvalidFile(f"{shown(path)} is a link.", hint="Pack the files that links lead to, not the links.")
        yield SourceFile(path, partial(archive.open, entry))


def _path_of(entry: zipfile.ZipInfo) -> str:
    r"""Where a file lies in its archive, whatever packed it: ``./a.json``, ``/a.json`` and ``labels\a.txt`` too."""
    parts = entry.filename.replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", ".", ".."))


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.split("/"))


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """Whatever a damaged file or archive makes its reader raise is said as what it is."""
    try:
        yield
    except _UNREADABLE as error:
        raise InvalidFile(f"{name} cannot be read: {error}.", hint="Send it again.") from error


class _Guarded(io.BufferedIOBase):
    """Reads from a stream, and says what is damaged in it. A stream that is lent is left open."""

    def __init__(self, file: IO[bytes], name: str, *, lent: bool = False) -> None:
        self._file = file
        self._name = name
        self._lent = lent
        if lent:
            file.seek(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        with _readable(self._name):
            return self._file.read(-1 if size is None else size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        with _readable(self._name):
            return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        if not self._lent and not self.closed:
            self._file.close()
        super().close()
