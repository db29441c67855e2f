"""A scripted annotator: draws by clicks, and accepts, corrects or refuses what is suggested, by masks that it knows.

It asks the model as the page does: all clicks on an object together, and of a suggestion that is corrected its box
besides, or where it has none its mask. Every mask that is kept is as good as the annotator wants it, in every stage:
that is what makes seconds comparable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from limner.bench.engine.cost import NOT_BRUSHED, Brushing, Cost
from limner.quality.thresholds import Decision
from limner.sam.model import Features, PromptableModel
from limner.segment.embedding import ImageEmbedding
from limner.train.clicks import correcting_click, deepest_point
from limner.train.evaluation import ModelSubject, mask_iou
from limner.vocabulary import rle
from limner.vocabulary.geometry import logits_from_mask
from limner.vocabulary.prompts import Box, Prompts
from limner.vocabulary.suggested import NESTED

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Wish:
    """What the annotator wants.

    Attributes:
        iou: with the known mask, from which a mask is good enough.
        clicks: on one object; when they are not enough, the brush does the rest.
        threshold: least score of a suggestion that is looked at.
        correctable: IoU with the known mask from which a suggestion that is not good enough is taken and corrected
            instead of refused; 1: none is.
    """

    iou: float = 0.85
    clicks: int = 6
    threshold: float = 0.5
    correctable: float = 0.7


@dataclass(frozen=True)
class Kept:
    """A mask that became an annotation.

    Attributes:
        mask: (H, W).
        iou: with the known mask.
        clicks: that it took; 0 of a suggestion that was accepted as it was.
        brushing: what the brush did to it.
        suggested: whether it was a suggestion.
    """

    mask: Mask
    iou: float
    clicks: int
    brushing: Brushing = NOT_BRUSHED
    suggested: bool = False

    @property
    def brushed(self) -> bool:
        """Whether the brush finished it."""
        return self.brushing.strokes > 0

    @property
    def corrected(self) -> bool:
        """Whether it was a suggestion that was not good enough as it was."""
        return self.suggested and (self.clicks > 0 or self.brushed)


@dataclass
class Annotated:
    """What came of one image.

    Attributes:
        objects: that it has.
        kept: the masks.
        decisions: on suggestions, in the order in which they were looked at; accepted are those of use, also those
            that were corrected.
        seconds: of the person.
        flat_seconds: likewise, with the same time for whatever the brush does.
    """

    objects: int
    kept: list[Kept] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    seconds: float = 0.0
    flat_seconds: float = 0.0

    def spend(self, seconds: float, flat_seconds: float | None = None) -> None:
        """Add to what the person took; ``flat_seconds`` where the brush makes a difference."""
        self.seconds += seconds
        self.flat_seconds += seconds if flat_seconds is None else flat_seconds


@dataclass(frozen=True)
class Suggested:
    """A suggestion as the annotator sees it; ``box`` is what the model was asked, if it was one."""

    mask: Mask
    score: float
    box: Box | None = None


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

    def mask_prompt(self, mask: Mask) -> NDArray[np.float32]:
        """A mask (H, W) as the page gives it to the model: logits (G, G)."""
        return logits_from_mask(mask, self.geometry, self.model.config.low_res_size)


def by_hand(subject: OpenImage, objects: Sequence[Mask], wish: Wish, cost: Cost) -> Annotated:
    """Stage 1: every object is drawn with the model's help."""
    result = Annotated(len(objects))
    for wanted in objects:
        draw(subject, wanted, wish, cost, result)
    return result


def verified(suggestions: Sequence[Suggested], objects: Sequence[Mask], wish: Wish, cost: Cost) -> Annotated:
    """Stage 3: suggestions are accepted or refused, the surest first, and nothing is drawn."""
    result = Annotated(len(objects))
    _verify(None, suggestions, list(objects), wish, cost, result)
    return result


def prefilled(
    subject: OpenImage, suggestions: Sequence[Suggested], objects: Sequence[Mask], wish: Wish, cost: Cost
) -> Annotated:
    """Stage 2: suggestions are accepted, corrected or refused, and the objects that are left are drawn."""
    result = Annotated(len(objects))
    for wanted in _verify(subject, suggestions, list(objects), wish, cost, result):
        draw(subject, wanted, wish, cost, result)
    return result


def _verify(
    subject: OpenImage | None,
    suggestions: Sequence[Suggested],
    objects: list[Mask],
    wish: Wish,
    cost: Cost,
    result: Annotated,
) -> list[Mask]:
    """Look at all suggestions that are sure enough; returns the objects that are left.

    As on the page, one that lies in a mask that was kept, or around it (``NESTED``), is hidden and costs nothing.
    Without a subject none is corrected.
    """
    for each in sorted(suggestions, key=lambda each: -each.score):
        if each.score < wish.threshold or any(nested(each.mask, kept.mask) for kept in result.kept):
            continue
        result.spend(cost.verdict)
        ious = [mask_iou(each.mask, wanted) for wanted in objects]
        best = int(np.argmax(ious)) if ious else -1
        good = best >= 0 and ious[best] >= wish.iou
        of_use = good or (best >= 0 and subject is not None and ious[best] >= wish.correctable)
        result.decisions.append(Decision(each.score, of_use))
        if good:
            result.kept.append(Kept(each.mask, ious[best], clicks=0, suggested=True))
        elif of_use and subject is not None:
            correct(subject, each, objects[best], wish, cost, result)
        if of_use:
            del objects[best]
    return objects


def nested(a: Mask, b: Mask) -> bool:
    """Whether one of two masks (H, W) lies in the other, all but what ``NESTED`` leaves."""
    smaller = min(np.count_nonzero(a), np.count_nonzero(b))
    return bool(smaller and np.count_nonzero(a & b) >= NESTED * smaller)


def draw(subject: OpenImage, wanted: Mask, wish: Wish, cost: Cost, result: Annotated) -> None:
    """Draw an object by clicks, and by the brush what they do not reach."""
    column, row = deepest_point(wanted)[:2]
    prompts = Prompts(points=((column + 0.5, row + 0.5),), labels=(1,))
    mask, _ = subject.answer(prompts, None)
    mask, clicks = _clicked(subject, mask, prompts, None, wanted, wish)
    mask, brushing = brush(mask, wanted, wish.iou)
    result.kept.append(Kept(mask, mask_iou(mask, wanted), clicks, brushing))
    result.spend(cost.drawing(clicks, brushing), cost.drawing(clicks, brushing, flat=True))


def correct(subject: OpenImage, suggested: Suggested, wanted: Mask, wish: Wish, cost: Cost, result: Annotated) -> None:
    """A suggestion that was taken is opened again, and corrected by clicks and the brush."""
    mask, box = suggested.mask, suggested.box
    prompts = Prompts(box=box, has_mask=box is None)
    mask_prompt = subject.mask_prompt(mask) if box is None else None
    mask, clicks = _clicked(subject, mask, prompts, mask_prompt, wanted, wish)
    mask, brushing = brush(mask, wanted, wish.iou)
    result.kept.append(Kept(mask, mask_iou(mask, wanted), clicks, brushing, suggested=True))
    result.spend(cost.correcting(clicks, brushing), cost.correcting(clicks, brushing, flat=True))


def _clicked(
    subject: OpenImage,
    mask: Mask,
    prompts: Prompts,
    mask_prompt: NDArray[np.float32] | None,
    wanted: Mask,
    wish: Wish,
) -> tuple[Mask, int]:
    """Click into the largest errors until the mask is good enough, or often enough; the best mask, and all clicks.

    Where the last clicks made it worse, they are taken back, which is a key.
    """
    best, points, labels = mask, list(prompts.points), list(prompts.labels)
    while mask_iou(best, wanted) < wish.iou and len(points) < wish.clicks:
        click = correcting_click(mask, wanted)
        if click is None:
            break
        points.append((click.x + 0.5, click.y + 0.5))
        labels.append(int(click.foreground))
        asked = replace(prompts, points=tuple(points), labels=tuple(labels))
        mask, _ = subject.answer(asked, mask_prompt)
        if mask_iou(mask, wanted) > mask_iou(best, wanted):
            best = mask
    return best, len(points)


def brush(mask: Mask, wanted: Mask, iou: float) -> tuple[Mask, Brushing]:
    """Correct the largest connected errors, one after the other, until the mask (H, W) is good enough."""
    if mask_iou(mask, wanted) >= iou:
        return mask, NOT_BRUSHED
    mask, passed, strokes = mask.copy(), np.zeros_like(mask), 0
    outline = wanted & ~cv2.erode(wanted.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=0).astype(bool)
    _, parts, facts, _ = cv2.connectedComponentsWithStats((mask != wanted).astype(np.uint8), connectivity=4)
    sizes = facts[1:, cv2.CC_STAT_AREA]
    for part in 1 + np.argsort(-sizes, kind="stable"):
        if mask_iou(mask, wanted) >= iou:
            break
        wrong = parts == part
        mask[wrong] = wanted[wrong]
        passed |= cv2.dilate(wrong.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
        strokes += 1
    share = int(np.count_nonzero(outline & passed)) / max(1, int(np.count_nonzero(outline)))
    return mask, Brushing(share, strokes)


def as_suggested(mask: rle.Rle, score: float, box: Box | None = None) -> Suggested:
    """A suggestion from its mask as it is stored."""
    return Suggested(rle.decode(mask), score, box)
