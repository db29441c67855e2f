"""Suggestions: masks that a machine proposes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import JsonValue

from limner.api.schemas.base import Answer, Request
from limner.service.suggestions import CategoryThreshold, DetectorCard, DetectorJudgement, ImageSuggestions
from limner.vocabulary.events import Timestamp
from limner.vocabulary.operations import Segmentation
from limner.vocabulary.states import SuggestionActivity, SuggestionOrigin
from limner.vocabulary.suggested import SuggestRequest


class Suggestion(Answer):
    """A mask that nobody has taken yet, or whose annotation names it in ``provenance.origin``.

    ``score`` says how sure the machine is, 0 to 1; ``prompt`` is what the model was asked, in image pixels.
    """

    uid: UUID
    category_id: int | None
    segmentation: Segmentation
    area: int
    bbox: tuple[int, int, int, int]
    score: float
    stability: float | None
    origin: SuggestionOrigin
    model_sha256: str
    prompt: dict[str, JsonValue]
    accepted: bool
    created: Timestamp


class Detector(Answer):
    """A detector that a project can use, and what it learned from; ``quality`` is what was measured, for people.

    ``project_id`` is null for those that came with Limner. ``judgement`` says of a project's own one whether it is
    better than such a general one; null where there was none to compare it with.
    """

    name: str
    project_id: int | None
    categories: list[str]
    images: int
    masks: int
    created: Timestamp
    quality: dict[str, JsonValue]
    judgement: DetectorJudgement | None

    @classmethod
    def of(cls, card: DetectorCard) -> Detector:
        """The detector as it is told to clients."""
        return cls(
            name=card.name,
            project_id=card.project_id,
            categories=[category.name for category in card.categories],
            images=card.images,
            masks=card.masks,
            created=card.created,
            quality=card.quality,
            judgement=card.judgement,
        )


class DetectorList(Answer):
    """The detectors of a project; the one that is used unless another is named comes first."""

    detectors: list[Detector]


class TextThreshold(Answer):
    """The least score of a text detector's boxes of a category, where none is asked for.

    ``fitted`` says whether it was learned from the suggestions that people accepted and refused, so many of each; with
    few of them it is the usual one.
    """

    detector: str
    category_id: int
    box_threshold: float
    fitted: bool
    accepted: int
    refused: int

    @classmethod
    def of(cls, found: CategoryThreshold) -> TextThreshold:
        """The threshold as it is told to clients."""
        return cls(
            detector=found.detector,
            category_id=found.category_id,
            box_threshold=found.threshold.value,
            fitted=found.threshold.fitted,
            accepted=found.threshold.accepted,
            refused=found.threshold.refused,
        )


class TextThresholdList(Answer):
    """Thresholds of the categories that people have decided about."""

    thresholds: list[TextThreshold]


class SuggestionRequest(Request):
    """What to look for on an image."""

    request: SuggestRequest


class SuggestionList(Answer):
    """What is suggested for an image, best first; ``activity`` is null when nothing is being looked for."""

    image_id: int
    activity: SuggestionActivity | None
    suggestions: list[Suggestion]

    @classmethod
    def of(cls, found: ImageSuggestions) -> SuggestionList:
        """The suggestions as they are told to clients."""
        return cls(
            image_id=found.image_id,
            activity=found.activity,
            suggestions=[_suggestion(row, found.height, found.width) for row in found.suggestions],
        )


def _suggestion(row: Any, height: int, width: int) -> Suggestion:
    return Suggestion(
        uid=UUID(row.uid),
        category_id=row.category_id,
        segmentation=Segmentation(size=(height, width), counts=row.counts),
        area=row.area,
        bbox=(row.bbox_x, row.bbox_y, row.bbox_width, row.bbox_height),
        score=row.score,
        stability=row.stability,
        origin=row.origin,
        model_sha256=row.model_sha256,
        prompt=row.prompt,
        accepted=row.state == "accepted",
        created=row.created,
    )
