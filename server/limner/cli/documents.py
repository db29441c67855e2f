"""One document in SA-1B's form for each image of a folder: what was done already is not done again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limner.cli.folders import Source
from limner.errors import InvalidFile
from limner.formats.files import FileNames
from limner.formats.sa1b import read_document


@dataclass(frozen=True)
class Task:
    """One image, and where the document with its masks goes."""

    source: Source
    document: Path


def tasks_of(sources: Sequence[Source], folder: Path) -> list[Task]:
    """A document for each image, below a folder."""
    names = FileNames()
    return [Task(source, folder / f"{names.of(source.file_name)}.json") for source in sources]


def read_earlier(path: Path, sha256: str, made_by: dict[str, Any]) -> dict[str, Any] | None:
    """The document of an earlier run, if it is the one that would be made now.

    Args:
        path: of the document.
        sha256: of the image's bytes.
        made_by: all that decides what is found on it.
    """
    try:
        document = read_document(path.read_bytes(), path.name)
    except (FileNotFoundError, InvalidFile):
        return None  # there is none yet, or it is damaged and will be replaced
    same = document["image"].get("sha256") == sha256 and document.get("limner") == made_by
    return document if same else None
