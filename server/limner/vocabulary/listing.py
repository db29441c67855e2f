"""Which images of a project are listed, and in which order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from limner.vocabulary.states import AlsoFilter, ExhaustivityFilter, ImageFilter

ImageOrder = Literal["added", "name", "state", "objects", "informative", "random"]
WorkDone = Literal["approved", "finished", "annotated", "all"]

MAX_SORT_KEY = 512  # characters; names that begin alike for longer stand in the order in which they came

_DIGITS = re.compile(r"[0-9]+")
_SLASH = "\x01"  # before all that can stand in a name, so that a folder's images follow each other


@dataclass(frozen=True)
class Listing:
    """A choice among the images of a project, and their order.

    Attributes:
        state: only those with, or without, annotations, in this state of work, that somebody works on, or is to, or on
            which a thread of comments is open, or that are gold.
        also: a second of these, which has to hold as well, as of submitted images those without annotations.
        search: only those whose path has each of these words in it; lower and upper case are the same (with SQLite only
            for A to Z).
        folder: only those in this folder and the ones in it; a path without a slash at its end. Empty: everywhere.
        category: only those with annotations of this category or, with ``exhaustive``, those of which it is so.
        exhaustive: whether all of the category are annotated, as people say. ``unknown``: nobody has said so, or it was
            reopened.
        author: the number of a person: only those that they submitted last, whatever became of them since.
        tag: only those that have this tag, exactly as it is written. Empty: with any or none.
        order: by the time they were added, natural name, state of work, number of annotations, or by what they would
            teach a model, as far as they were ranked. What is equal stands in the order in which it was added.
            ``random``: by the hashes of their files, which is the same order whenever it is asked for and says nothing
            of what is on them, so that the first ones are a random sample.
        descending: the other way round.
        person: the number of whoever ``state`` and ``also`` call "me".
        blind: without gold images, unless there is work to do on them, and without those on whose copies people work:
            for those who are measured by them.
    """

    state: ImageFilter = "all"
    also: AlsoFilter = "any"
    search: str = ""
    folder: str = ""
    category: int | None = None
    exhaustive: ExhaustivityFilter = "any"
    author: int | None = None
    tag: str = ""
    order: ImageOrder = "added"
    descending: bool = False
    person: int | None = None
    blind: bool = False


EVERYTHING = Listing()


@dataclass(frozen=True)
class ImageChoice:
    """Which images of a project are taken out; all of what is said here has to hold of them.

    Attributes:
        which: ``approved``; ``finished``: approved or submitted; ``annotated``: with annotations, or finished without
            any, so that only images on which nobody has done anything yet are left out; ``all``.
        skipped: whether images that were skipped may be among them.
        listing: what is listed; its order does not count.
        images: numbers of images that were chosen one by one; None: any.
    """

    which: WorkDone = "all"
    skipped: bool = True
    listing: Listing = EVERYTHING
    images: frozenset[int] | None = None


ALL_IMAGES = ImageChoice()


def natural_key(path: str) -> str:
    """What orders paths as people count: ``b2`` before ``b10``, capitals as small letters, folder by folder.

    Keys are compared by code points. A number is written as how many digits it has, in three digits, and then those.
    """

    def number(match: re.Match[str]) -> str:
        digits = match.group().lstrip("0") or "0"
        return f"{min(len(digits), 999):03}{digits}"

    return _DIGITS.sub(number, path.casefold().replace("/", _SLASH))[:MAX_SORT_KEY]


def folder_range(folder: str) -> tuple[str, str] | None:
    """Keys of all paths in a folder are ≥ the first of these and < the second; None when they are cut before that."""
    key = natural_key(folder)
    return None if len(key) + 1 > MAX_SORT_KEY else (key + _SLASH, key + chr(ord(_SLASH) + 1))
