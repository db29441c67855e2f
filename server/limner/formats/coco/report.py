"""What an import did, and what it left out."""

from __future__ import annotations

from dataclasses import dataclass, field

NAMED = 5  # of each reason; the others are counted


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
    """

    categories: int
    images: int
    annotations: int
    skipped: list[Skipped]


@dataclass
class SkipList:
    """Collects what is left out: a few names and a number for each reason, however many there are."""

    _names: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    _counts: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, kind: str, name: str, why: str) -> None:
        """Leave out ``name``, an "image" or an "annotation"."""
        key = (kind, why)
        self._counts[key] = self._counts.get(key, 0) + 1
        names = self._names.setdefault(key, [])
        if len(names) < NAMED:
            names.append(name)

    def summary(self) -> list[Skipped]:
        """One entry for each reason."""
        entries = []
        for (kind, why), names in self._names.items():
            count = self._counts[kind, why]
            more = f" and {count - len(names)} more" if count > len(names) else ""
            entries.append(Skipped(f"{kind}{'s' if count > 1 else ''} {', '.join(names)}{more}", why))
        return entries
