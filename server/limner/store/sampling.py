"""Which images of a project several people work on: a window of the hashes of their files.

So the sample is the same in whatever order images arrive, and is chosen again alike. Where the window begins differs
from project to project, so that it is no part of a split, which begins with the smallest hashes.
"""

from __future__ import annotations

import hashlib

from sqlalchemy import ColumnElement, and_, false, or_, true

from limner.store.tables import Image, Project

_ALL = 2**32  # hashes are told apart by their first eight digits


def is_sampled(project: Project, sha256: str) -> bool:
    """Whether the file of this hash is in a project's sample."""
    start, width = _window(project)
    return (int(sha256[:8], 16) - start) % _ALL < width


def sampled(project: Project) -> ColumnElement[bool]:
    """The same as a condition on images, along the index of their hashes."""
    start, width = _window(project)
    if width in (0, _ALL):
        return true() if width else false()
    end = start + width
    behind = Image.sha256 >= f"{start:08x}"
    if end == _ALL:
        return behind
    return and_(behind, Image.sha256 < f"{end:08x}") if end < _ALL else or_(behind, Image.sha256 < f"{end - _ALL:08x}")


def _window(project: Project) -> tuple[int, int]:
    """(where it begins, how many of the 2³² beginnings of hashes are in it)."""
    start = int.from_bytes(hashlib.sha256(f"overlap {project.id}".encode()).digest()[:4])
    return start, round((project.overlap_share or 0) * _ALL)
