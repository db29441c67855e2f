"""A scripted annotator: draws by clicks, and accepts or refuses what is suggested, by masks that it knows.

Every mask that is kept is as good as the annotator wants it, in every stage: that is what makes seconds comparable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.bench.engine.cost import Cost
from limner.quality.thresholds import Decision
from limner.sam.model import Features, PromptableModel
from limner.segment.embedding import ImageEmbedding
from limner.train.clicks import correcting_click, deepest_point
from limner.train.evaluation import ModelSubject, mask_iou
from limner.vocabulary import rle
from limner.vocabulary.prompts import Prompts
from limner.vocabulary.suggested import SAME

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Wish:
    """What the annotator wants.

    Attributes:
        iou: with the known mask, from which a mask is good enough.
        clicks: on one object; when they are not enough, the brush does the rest.
        threshold: least score of a suggestion that is looked at.
    """

    iou: float = 0.85
    clicks: int = 6
    threshold: float = 0.5


@dataclass(frozen=True)
class Kept:
    """A mask that became an annotation.

    Attributes:
        mask: (H, W).
        iou: with the known mask.
        clicks: that it took; 0 of a suggestion that was accepted.
        brushed: whether the brush finished it.
    """

    mask: Mask
    iou: float
    clicks: int
    brushed: bool


@dataclass
class Annotated:
    """What came of one image.

    Attributes:
        objects: that it has.
        kept: the masks.
        decisions: on suggestions, in the order in which they were looked at.
        seconds: of the person.
    """

    objects: int
    kept: list[Kept] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class Suggested:
    """A suggestion as the annotator sees it."""

    mask: Mask
    score: float


class OpenImage(ModelSubject):
    """Answers clicks on one image whose embedding is there."""

    def __init__(self, model: PromptableModel) -> None:
        super().__init__(model)
        self._features: Features | None = None

    def look_at(self, image: NDArray[np.uint8], embedding: ImageEmbedding) -> None:
        """The image (H, W, 3) that the next prompts are about, and its embedding by this model."""
        self._features = embedding.features
        self.open(image)

    def embed(self, image: NDArray[np.uint8]) -> Features:
        """The embedding that was given."""
        assert self._features is not None, "look_at comes first"
        return self._features


def by_hand(subject: OpenImage, objects: Sequence[Mask], wish: Wish, cost: Cost) -> Annotated:
    """Stage 1: every object is drawn with the model's help."""
    result = Annotated(len(objects))
    for wanted in objects:
        _draw(subject, wanted, wish, cost, result)
    return result


def verified(suggestions: Sequence[Suggested], objects: Sequence[Mask], wish: Wish, cost: Cost) -> Annotated:
    """Stage 3: suggestions are accepted or refused, the surest first, and nothing is drawn."""
    result = Annotated(len(objects))
    _verify(suggestions, list(objects), wish, cost, result)
    return result


def prefilled(
    subject: OpenImage, suggestions: Sequence[Suggested], objects: Sequence[Mask], wish: Wish, cost: Cost
) -> Annotated:
    """Stage 2: suggestions are accepted or refused, and the objects that are left are drawn."""
    result = Annotated(len(objects))
    for wanted in _verify(suggestions, list(objects), wish, cost, result):
        _draw(subject, wanted, wish, cost, result)
    return result


def _verify(
    suggestions: Sequence[Suggested], objects: list[Mask], wish: Wish, cost: Cost, result: Annotated
) -> list[Mask]:
    """Look at all suggestions that are sure enough; returns the objects that are left.

    As on the page, one that is the same as a mask that was kept (IoU above ``SAME``) is hidden and costs nothing.
    """
    for each in sorted(suggestions, key=lambda each: -each.score):
        if each.score < wish.threshold or any(mask_iou(each.mask, kept.mask) > SAME for kept in result.kept):
            continue
        result.seconds += cost.verdict
        ious = [mask_iou(each.mask, wanted) for wanted in objects]
        best = int(np.argmax(ious)) if ious else -1
        accepted = best >= 0 and ious[best] >= wish.iou
        result.decisions.append(Decision(each.score, accepted))
        if accepted:
            result.kept.append(Kept(each.mask, ious[best], clicks=0, brushed=False))
            del objects[best]
    return objects


def _draw(subject: OpenImage, wanted: Mask, wish: Wish, cost: Cost, result: Annotated) -> None:
    column, row = deepest_point(wanted)[:2]
    points, labels = [(column + 0.5, row + 0.5)], [1]
    previous: NDArray[np.float32] | None = None
    while True:
        prompts = Prompts(points=tuple(points), labels=tuple(labels), has_mask=previous is not None)
        mask, previous = subject.answer(prompts, previous)
        iou = mask_iou(mask, wanted)
        click = correcting_click(mask, wanted) if iou < wish.iou and len(points) < wish.clicks else None
        if click is None:
            break
        points.append((click.x + 0.5, click.y + 0.5))
        labels.append(int(click.foreground))
    brushed = iou < wish.iou
    if brushed:
        mask = brush(mask, wanted, wish.iou)
        iou = mask_iou(mask, wanted)
    result.kept.append(Kept(mask, iou, len(points), brushed))
    result.seconds += cost.drawing(len(points), brushed=brushed)


def brush(mask: Mask, wanted: Mask, iou: float) -> Mask:
    """Correct the largest connected errors, one after the other, until the mask (H, W) is good enough."""
    mask = mask.copy()
    _, parts, facts, _ = cv2.connectedComponentsWithStats((mask != wanted).astype(np.uint8), connectivity=4)
    sizes = facts[1:, cv2.CC_STAT_AREA]
    for part in 1 + np.argsort(-sizes, kind="stable"):
        if mask_iou(mask, wanted) >= iou:
            break
        wrong = parts == part
        mask[wrong] = wanted[wrong]
    return mask


def as_suggested(mask: rle.Rle, score: float) -> Suggested:
    """A suggestion from its mask as it is stored."""
    return Suggested(rle.decode(mask), score)
