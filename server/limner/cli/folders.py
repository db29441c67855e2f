"""Files that a command was given, one by one or by folder: what they are is decided by their content."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from limner.encoding.sniffing import ACCEPTED, HEAD_BYTES, known_format, picture_kind
from limner.errors import InvalidInput
from limner.vocabulary.names import clean_file_name, printable

PICTURE_SUFFIXES = frozenset(
    [
        ".jpg",
        ".jpeg",
        ".jfif",
        ".png",
        ".webp",
        ".tif",
        ".tiff",
        ".bmp",
        ".gif",
        ".heic",
        ".heif",
        ".avif",
        ".jp2",
        ".j2k",
        ".jxl",
        ".dng",
        ".cr2",
        ".cr3",
        ".nef",
        ".arw",
        ".psd",
        ".exr",
        ".dcm",
        ".pgm",
        ".ppm",
    ]
)  # of files that somebody may take for pictures, whatever is in them


@dataclass(frozen=True)
class Source:
    """An image file and the name that it gets in the project: a relative path in NFC."""

    path: Path
    file_name: str


@dataclass
class FoundImages:
    """Image files, and complaints about files and folders that cannot be used, each with its name."""

    images: list[Source] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def find_images(sources: Sequence[Path]) -> FoundImages:
    """Image files as they are given, and those in folders; there the path below becomes the name.

    In folders every file counts that begins like an image, whatever it is called. Pictures of kinds that are not
    accepted, and names that are not Unicode, are refused by name; other files and hidden ones are left alone.
    """
    found = FoundImages()
    for source in sources:
        if not source.is_dir():
            _add(found, source, source.name)
            continue
        for path, name in walk(source, found.refused):
            try:
                with path.open("rb") as file:
                    head = file.read(HEAD_BYTES)
            except OSError as error:
                found.refused.append(f"{readable(path)}: {error.strerror}")
                continue
            kind = picture_kind(head)
            if known_format(head) is None and kind is not None:
                found.refused.append(f"{readable(path)}: The file is {kind}. Give a {ACCEPTED} file.")
            elif known_format(head) is not None or path.suffix.lower() in PICTURE_SUFFIXES:
                _add(found, path, name)
    return found


def walk(folder: Path, refused: list[str]) -> Iterator[tuple[Path, str]]:
    """Files below a folder in the order of their names, with their path below it; hidden ones left out.

    Folders that cannot be read are put on ``refused``, and so are links that lead nowhere.
    """

    def complain(error: OSError) -> None:
        refused.append(f"{readable(Path(error.filename))}: {error.strerror}")

    for where, folders, files in os.walk(folder, onerror=complain):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(where, name)
            if name.startswith("."):
                continue
            if path.is_file():
                yield path, path.relative_to(folder).as_posix()
            elif not path.exists():
                refused.append(f"{readable(path)}: The link leads nowhere. Mend or remove it.")


def readable(path: Path) -> str:
    r"""A path for messages: bytes that are no UTF-8 as ``\xe9``."""
    return printable(str(path))


def _add(found: FoundImages, path: Path, name: str) -> None:
    try:
        found.images.append(Source(path, clean_file_name(name)))
    except InvalidInput as error:
        found.refused.append(f"{readable(path)}: {error}")
