"""Numbers with the words for what they count."""

from __future__ import annotations


def plural(noun: str) -> str:
    """Of a regular English noun: "image" gives "images", "category" gives "categories", "class" gives "classes"."""
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "z", "ch", "sh")) else f"{noun}s"


def counted(count: int, noun: str) -> str:
    """As people write it: ``counted(1, "image")`` is "1 image", ``counted(0, "image")`` is "0 images"."""
    return f"{count} {noun if count == 1 else plural(noun)}"
