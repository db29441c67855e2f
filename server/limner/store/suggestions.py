"""Suggestions: masks that a machine proposes for an image, and what people decided about them.

A suggestion is no annotation: exports and counts know nothing of it. Taking one is an ordinary operation that creates
an annotation whose provenance names the suggestion; refusing one is an operation too, so that both reach the server
through the same queue and neither is lost.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from limner.store.annotations import mask_facts
from limner.store.rows import AnyAnnotation
from limner.store.tables import Image, Suggestion
from limner.store.types import utc_now
from limner.vocabulary import rle
from limner.vocabulary.states import SuggestionOrigin
from limner.vocabulary.suggested import SAME, mask_iou

SuggestionState = Literal["open", "accepted", "refused"]


@dataclass(frozen=True)
class NewSuggestion:
    """A mask as a machine proposes it.

    Attributes:
        segmentation: COCO RLE at the image's size; must be valid.
        score: how sure the machine is, 0 to 1; what the slider filters by.
        stability: IoU of the mask between a higher and a lower threshold, 0 to 1; None where it was not measured.
        model_sha256: of the weights that made the mask.
        prompt: what the model was asked: ``points`` [[x, y, label], …] or ``box``, in image pixels.
        category_id: None where nobody knows.
    """

    segmentation: rle.Rle
    score: float
    model_sha256: str
    stability: float | None = None
    prompt: dict[str, Any] = field(default_factory=dict)
    category_id: int | None = None


def replace_suggestions(session: Session, image_id: int, origin: SuggestionOrigin, new: Sequence[NewSuggestion]) -> int:
    """Give an image new suggestions in place of the open ones of the same origin.

    What people accepted or refused stays; a mask that is the same as a refused one is not suggested again.

    Args:
        session: of a writing transaction.
        image_id: the image; its masks must have its size.
        origin: where they come from.
        new: the best one first.

    Returns:
        How many were added.
    """
    session.execute(
        delete(Suggestion).where(
            Suggestion.image_id == image_id, Suggestion.origin == origin, Suggestion.state == "open"
        )
    )
    refused = session.scalars(
        select(Suggestion).where(Suggestion.image_id == image_id, Suggestion.state == "refused")
    ).all()
    rows = [_row(image_id, origin, each) for each in new]
    kept = [
        row
        for row, each in zip(rows, new, strict=True)
        if not any(_boxes_meet(row, other) and _is_same(each.segmentation, other) for other in refused)
    ]
    session.add_all(kept)
    session.flush()
    return len(kept)


def suggestions_of(session: Session, image_id: int) -> Sequence[Suggestion]:
    """The suggestions of an image that wait for somebody or were accepted, best first.

    Accepted ones come too: a page hides them by the annotation that was made of them, and shows them again when that
    is taken back.
    """
    return session.scalars(
        select(Suggestion)
        .where(Suggestion.image_id == image_id, Suggestion.state != "refused")
        .order_by(Suggestion.score.desc(), Suggestion.id)
    ).all()


def next_image_with_suggestions(session: Session, project_id: int, origin: SuggestionOrigin, after: int) -> int | None:
    """The id of the first image behind this one that has open suggestions of an origin; None when there is none."""
    return session.scalar(
        select(func.min(Suggestion.image_id))
        .join(Image, Image.id == Suggestion.image_id)
        .where(
            Image.project_id == project_id,
            Suggestion.origin == origin,
            Suggestion.state == "open",
            Suggestion.image_id > after,
        )
    )


def set_refused(session: Session, image_id: int, uid: str, *, refused: bool) -> None:
    """Refuse a suggestion, or take that back.

    One that is gone needs no verdict: new ones may have taken its place while the operation was on its way.
    """
    session.execute(
        update(Suggestion)
        .where(Suggestion.image_id == image_id, Suggestion.uid == uid, Suggestion.state != "accepted")
        .values(state="refused" if refused else "open", decided=utc_now() if refused else None)
        .execution_options(synchronize_session=False)
    )


def follow_annotation(session: Session, annotation: AnyAnnotation) -> None:
    """An annotation was made, deleted or restored: the suggestion it came from, if any, is accepted, or open again."""
    origin = (annotation.provenance or {}).get("origin")
    if origin is None or origin.get("suggestion") is None:
        return
    accepted = annotation.deleted is None
    session.execute(
        update(Suggestion)
        .where(Suggestion.image_id == annotation.image_id, Suggestion.uid == origin["suggestion"])
        .values(state="accepted" if accepted else "open", decided=utc_now() if accepted else None)
        .execution_options(synchronize_session=False)
    )


@dataclass(frozen=True)
class PhraseDecision:
    """What somebody decided about what a text detector found: how sure that was of the box, and of which category."""

    detector: str
    category_id: int
    confidence: float
    accepted: bool


def phrase_decisions(session: Session, project_id: int, limit: int) -> Sequence[PhraseDecision]:
    """The newest decisions in a project about what phrases named that are categories, at most so many."""
    rows = session.execute(
        select(Suggestion.prompt, Suggestion.category_id, Suggestion.state)
        .join(Image, Image.id == Suggestion.image_id)
        .where(
            Image.project_id == project_id,
            Suggestion.origin == "text",
            Suggestion.state.in_(("accepted", "refused")),
            Suggestion.category_id.is_not(None),
        )
        .order_by(Suggestion.decided.desc(), Suggestion.id.desc())
        .limit(limit)
    )
    return [
        PhraseDecision(str(prompt["detector"]), category_id, float(prompt["confidence"]), state == "accepted")
        for prompt, category_id, state in rows
        if category_id is not None and "confidence" in prompt and "detector" in prompt  # older ones lack the first
    ]


def _row(image_id: int, origin: SuggestionOrigin, new: NewSuggestion) -> Suggestion:
    facts = mask_facts(new.segmentation)
    x, y, width, height = facts.bbox
    return Suggestion(
        uid=str(uuid.uuid4()),
        image_id=image_id,
        category_id=new.category_id,
        counts=new.segmentation["counts"],
        area=facts.area,
        bbox_x=x,
        bbox_y=y,
        bbox_width=width,
        bbox_height=height,
        score=new.score,
        stability=new.stability,
        origin=origin,
        model_sha256=new.model_sha256,
        prompt=new.prompt,
        state="open",
        created=utc_now(),
        decided=None,
    )


def _boxes_meet(a: Suggestion, b: Suggestion) -> bool:
    return (
        a.bbox_x < b.bbox_x + b.bbox_width
        and b.bbox_x < a.bbox_x + a.bbox_width
        and a.bbox_y < b.bbox_y + b.bbox_height
        and b.bbox_y < a.bbox_y + a.bbox_height
    )


def _is_same(mask: rle.Rle, other: Suggestion) -> bool:
    return mask_iou(mask, rle.Rle(size=mask["size"], counts=other.counts)) > SAME
