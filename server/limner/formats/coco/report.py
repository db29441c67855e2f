"""What an import did, and what it left out."""

from __future__ import annotations

from dataclasses import dataclass, field

from limner.vocabulary.counted import plural
from limner.vocabulary.names import printable

NAMED = 100  # of each reason; the others are counted
MAX_REASONS = 1000  # that are told apart; the rest share one
MAX_SHOWN = 200  # characters of a name or a reason
OTHER_REASONS = "of further reasons: mend these first, then import again"


@dataclass(frozen=True)
class Skipped:
    """Something that was left out, and why."""

    what: str
    why: str


@dataclass(frozen=True)
class ImportReport:
    """How much an import brought.

    Attributes:
        categories: created.
        images: that got annotations.
        annotations: added.
        skipped: what was left out, by reason.
        format: of the files.
        unmatched: images of the files that the project does not have, or that are not clear.
        by_category: how many of the annotations are of each category, by name; None is those without one.
        statements: that all of a category, or not all, are annotated on an image; written.
        tags: that images got and lacked.
        preview: nothing was written; the numbers are what an import would bring.
    """

    categories: int
    images: int
    annotations: int
    skipped: list[Skipped]
    format: str = "coco"
    unmatched: int = 0
    by_category: dict[str | None, int] = field(default_factory=dict)
    statements: int = 0
    preview: bool = False
    tags: int = 0


@dataclass
class SkipList:
    """Collects what is left out: names and a number for each reason, in bounded memory however many there are."""

    _names: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    _counts: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, kind: str, name: str, why: str) -> None:
        """Leave out ``name``, an "image", an "annotation", a "category", a "tag" or a "part"."""
        key = (kind, _short(why))
        if key not in self._counts and len(self._counts) >= MAX_REASONS:
            key = (kind, OTHER_REASONS)
        self._counts[key] = self._counts.get(key, 0) + 1
        names = self._names.setdefault(key, [])
        if len(names) < NAMED:
            names.append(_short(name))

    def summary(self) -> list[Skipped]:
        """One entry for each reason."""
        entries = []
        for (kind, why), names in self._names.items():
            count = self._counts[kind, why]
            more = f" and {count - len(names)} more" if count > len(names) else ""
            entries.append(Skipped(f"{kind if count == 1 else plural(kind)} {', '.join(names)}{more}", why))
        return entries


def _short(text: str) -> str:
    text = printable(text)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"
