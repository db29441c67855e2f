"""Files of exports: their names, writing them to a folder or as a ZIP archive, and opening them again."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from limner.atomic import make_folder, remove_leftovers, write_file
from limner.vocabulary.names import MAX_PART_BYTES, cut_to_bytes

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that ZIP knows: the same content gives the same archive
_UNSAFE = '<>:"|?*\\'  # in names of files on some system
_DEVICES = {
    *("con", "prn", "aux", "nul", "conin$", "conout$"),
    *(f"{device}{number}" for device in ("com", "lpt") for number in "0123456789¹²³"),
}
_FILE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".txt", ".json")  # of files that exports write
_COMPRESSED = (".png", ".jpg", ".jpeg", ".webp")  # already
LEFTOVER_SECONDS = 3600  # nobody writes one file for as long
LONGEST_SUFFIX = 5  # bytes: ".json", ".jpeg", ".webp"


@dataclass(frozen=True)
class ExportFile:
    """One file of an export, whole or in chunks; ``path`` is relative, with ``/`` between its parts."""

    path: str
    data: bytes | Iterable[bytes]


def opener(path: Path) -> Callable[[], IO[bytes]]:
    """What opens a file at its start, as often as it is called."""

    def opened() -> IO[bytes]:
        return path.open("rb")

    return opened


class FileNames:
    """Names for what belongs to an image, in the order of asking: its own name without suffix, made safe and unique.

    ``shelf/a.jpg`` becomes ``shelf/a``; when that is taken, as by ``shelf/a.png``, the suffix stays; when that is taken
    too, a number is added. Upper and lower case do not distinguish names, as they do not on some systems. A stem is cut
    where no room would be left for a suffix. No name begins with a dot: trainers that look for files pass such over.
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, file_name: str) -> str:
        """The name for what belongs to the image with this name."""
        whole = PurePosixPath(*(_shown(part) for part in safe_path(file_name).parts))
        folder = PurePosixPath(*(_safe_folder(part) for part in whole.parent.parts))
        stem = (folder / _cut(whole.stem)).as_posix()
        candidates = [stem, (folder / _cut(whole.name)).as_posix()]
        number = 2
        while candidates[0].casefold() in self._taken:
            candidates.pop(0)
            if not candidates:
                candidates.append((folder / _cut(whole.stem, f"-{number}")).as_posix())
                number += 1
        self._taken.add(candidates[0].casefold())
        return candidates[0]


def _shown(part: str) -> str:
    """A part of a path that no system hides."""
    return f"_{cut_to_bytes(part, MAX_PART_BYTES - 1)}" if part.startswith(".") else part


def _cut(stem: str, end: str = "") -> str:
    """A stem with room for any suffix; what is cut away is made up for by a digest, so that names stay apart."""
    room = MAX_PART_BYTES - LONGEST_SUFFIX - len(end)
    if len(stem.encode()) > room:
        digest = hashlib.sha256(stem.encode()).hexdigest()[:8]
        stem = f"{cut_to_bytes(stem, room - 9)}-{digest}"
    return stem + end


def _safe_folder(name: str) -> str:
    """A folder's name that is no file's name, nor the one by which YOLO's trainers find labels from images."""
    taken = name.casefold() in ("images", "labels") or PurePosixPath(name).suffix.lower() in _FILE_SUFFIXES
    return f"{cut_to_bytes(name, MAX_PART_BYTES - 1)}_" if taken else name


def safe_path(name: str) -> PurePosixPath:
    """A relative path below wherever it is put: no root, no drive, no ``..``, nothing that some system refuses."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    clean = ["".join("_" if c in _UNSAFE or ord(c) < 32 else c for c in part).rstrip(". ") or "_" for part in parts]
    clean = [_no_device(part) for part in clean]
    return PurePosixPath(*clean) if clean else PurePosixPath("_")


def _no_device(part: str) -> str:
    """A part of a path that Windows does not take for a device, whatever comes behind the first dot."""
    is_device = part.split(".")[0].rstrip().casefold() in _DEVICES
    return f"_{cut_to_bytes(part, MAX_PART_BYTES - 1)}" if is_device else part


def write_folder(files: Iterable[ExportFile], folder: Path) -> int:
    """Write files below ``folder``, which is made if need be; each appears whole or not at all. Returns how many.

    What an export into this folder left unfinished when it was killed is removed.
    """
    remove_leftovers(folder, LEFTOVER_SECONDS)
    count = 0
    for file in files:
        target = folder / safe_path(file.path)
        make_folder(target.parent)
        write_file(target, file.data)
        count += 1
    return count


def zip_chunks(files: Iterable[ExportFile]) -> Iterator[bytes]:
    """A ZIP archive in chunks, one file in memory at a time; the same files give the same bytes."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            info = zipfile.ZipInfo(safe_path(file.path).as_posix(), _EPOCH)
            info.external_attr = 0o644 << 16
            info.compress_type = zipfile.ZIP_STORED if file.path.lower().endswith(_COMPRESSED) else zipfile.ZIP_DEFLATED
            with archive.open(info, "w", force_zip64=not isinstance(file.data, bytes)) as entry:
                for chunk in [file.data] if isinstance(file.data, bytes) else file.data:
                    entry.write(chunk)
                    yield pipe.take()
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
