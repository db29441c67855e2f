"""Exports of several files: their names, and writing them to a folder or as a ZIP archive."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that ZIP knows: the same content gives the same archive
_UNSAFE = '<>:"|?*\\'  # in names of files on some system


@dataclass(frozen=True)
class ExportFile:
    """One file of an export; ``path`` is relative, with ``/`` between its parts, and leads nowhere else."""

    path: str
    data: bytes


class FileNames:
    """Names for what belongs to an image, in the order of asking: its own name without suffix, made safe and unique.

    ``shelf/a.jpg`` becomes ``shelf/a``; when that is taken, as by ``shelf/a.png``, the suffix stays; when that is taken
    too, a number is added. Upper and lower case do not distinguish names, as they do not on some systems.
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, file_name: str) -> str:
        """The name for what belongs to the image with this name."""
        whole = safe_path(file_name)
        stem = whole.with_suffix("").as_posix()
        candidates = [stem, whole.as_posix()]
        number = 2
        while candidates[0].casefold() in self._taken:
            candidates.pop(0)
            if not candidates:
                candidates.append(f"{stem}-{number}")
                number += 1
        self._taken.add(candidates[0].casefold())
        return candidates[0]


def safe_path(name: str) -> PurePosixPath:
    """A relative path below wherever it is put: no root, no drive, no ``..``, no character that some system refuses."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    clean = ["".join("_" if c in _UNSAFE or ord(c) < 32 else c for c in part).rstrip(". ") or "_" for part in parts]
    return PurePosixPath(*clean) if clean else PurePosixPath("_")


def write_folder(files: Iterable[ExportFile], folder: Path) -> int:
    """Write files below ``folder``, which is made if need be; each appears whole or not at all. Returns how many."""
    count = 0
    for file in files:
        target = folder / safe_path(file.path)
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_bytes(target, file.data)
        count += 1
    return count


def replace_bytes(target: Path, data: bytes) -> None:
    """Write a file so that readers find the old content or the new, whatever happens meanwhile."""
    partial = target.with_name(f".{target.name}.partial")
    try:
        partial.write_bytes(data)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def zip_chunks(files: Iterable[ExportFile]) -> Iterator[bytes]:
    """A ZIP archive in chunks, one file in memory at a time; the same files give the same bytes."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            info = zipfile.ZipInfo(safe_path(file.path).as_posix(), _EPOCH)
            info.external_attr = 0o644 << 16
            stored = file.path.endswith(".png")
            info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
            archive.writestr(info, file.data)
            yield pipe.take()
    yield pipe.take()


class _Pipe:
    """What ``zipfile`` writes to when it cannot seek."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def write(self, data: bytes) -> int:
        self._waiting += data
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is open."""

    def take(self) -> bytes:
        """What was written since the last time."""
        data = bytes(self._waiting)
        self._waiting.clear()
        return data
