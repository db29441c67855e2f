"""What the stages of the work gave, as in the paper's data engine: drawn, partly suggested, suggested and verified."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from limner.store.tables import Annotation, Image, Suggestion

MOST_MASKS = 20_000  # the newest; others are not looked at
AT_ONCE = 500  # suggestions in one question

StageName = Literal["drawn", "mixed", "verified"]
STAGES: tuple[StageName, ...] = ("drawn", "mixed", "verified")


@dataclass
class StageFigures:
    """Of images in one stage, which their masks decide: none of them was suggested, some were, all were.

    Attributes:
        images: that have masks.
        masks: on them.
        seconds: of work on the ``timed`` masks, whose time is known.
        clicks: on the ``clicked`` masks, whose clicks are known.
        suggested: masks that were taken from suggestions, ``untouched`` of which are as they were suggested.
    """

    stage: StageName
    images: int = 0
    masks: int = 0
    timed: int = 0
    seconds: float = 0.0
    clicked: int = 0
    clicks: int = 0
    suggested: int = 0
    untouched: int = 0


@dataclass(frozen=True)
class Stages:
    """The figures of all stages, and what became of all suggestions; ``left_out`` masks are older and not counted."""

    stages: Sequence[StageFigures]
    accepted: int
    refused: int
    left_out: int


def stages_of(session: Session, project_id: int) -> Stages:
    """Of a project, from its annotations and suggestions as they are."""
    of_project = (
        select(Annotation.image_id, Annotation.provenance, Annotation.id)
        .join(Image, Image.id == Annotation.image_id)
        .where(Image.project_id == project_id, Annotation.deleted.is_(None))
    )
    total = session.scalar(select(func.count()).select_from(of_project.subquery())) or 0
    images: dict[int, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
    for row in session.execute(of_project.order_by(Annotation.id.desc()).limit(MOST_MASKS)):
        images[row.image_id].append((row.id, row.provenance or {}))
    untouched = _untouched(session, [(number, each) for masks in images.values() for number, each in masks])
    figures = {stage: StageFigures(stage) for stage in STAGES}
    for masks in images.values():
        taken = [number for number, each in masks if each.get("origin")]
        stage: StageName = "drawn" if not taken else "verified" if len(taken) == len(masks) else "mixed"
        found = figures[stage]
        found.images += 1
        found.masks += len(masks)
        found.suggested += len(taken)
        found.untouched += sum(number in untouched for number in taken)
        for _, each in masks:
            if each.get("seconds") is not None:
                found.timed, found.seconds = found.timed + 1, found.seconds + each["seconds"]
            if each.get("clicks") is not None:
                found.clicked, found.clicks = found.clicked + 1, found.clicks + each["clicks"]
    decided = select(Suggestion.state, func.count()).join(Image, Image.id == Suggestion.image_id)
    decided = decided.where(Image.project_id == project_id).group_by(Suggestion.state)
    states = {row[0]: row[1] for row in session.execute(decided)}
    return Stages(
        [figures[stage] for stage in STAGES],
        states.get("accepted", 0),
        states.get("refused", 0),
        max(0, total - MOST_MASKS),
    )


def _untouched(session: Session, masks: Sequence[tuple[int, dict[str, Any]]]) -> set[int]:
    """Numbers of the annotations whose mask is that of the suggestion which they name."""
    named = [(number, each["origin"]["suggestion"]) for number, each in masks if each.get("origin")]
    same: set[int] = set()
    for start in range(0, len(named), AT_ONCE):
        part = named[start : start + AT_ONCE]
        suggestions = select(Suggestion.uid, Suggestion.counts).where(Suggestion.uid.in_([uid for _, uid in part]))
        of_suggestion = {row.uid: row.counts for row in session.execute(suggestions)}
        annotations = select(Annotation.id, Annotation.counts).where(Annotation.id.in_([number for number, _ in part]))
        of_mask = {row.id: row.counts for row in session.execute(annotations)}
        same |= {number for number, uid in part if of_mask.get(number) == of_suggestion.get(uid)}
    return same
