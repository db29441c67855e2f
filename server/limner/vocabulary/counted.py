"""Numbers with the words for what they count."""

from __future__ import annotations


def plural(noun: str) -> str:
    """Of a regular English noun: "category" gives "categories", "image" gives "images"."""
    return f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"


def counted(count: int, noun: str) -> str:
    """As people write it: ``counted(1, "image")`` is "1 image", ``counted(0, "image")`` is "0 images"."""
    return f"{count} {noun if count == 1 else plural(noun)}"
