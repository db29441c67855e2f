"""What share of objects of one kind is found from a few of them, on photos whose masks are known.

Not everything in a photo has a mask: what is found and has none counts as wrong, so precision is a lower bound.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from limner.segment.embedding import ImageEmbedding
from limner.segment.exemplars import Exemplar, exemplar
from limner.segment.predictor import Predictor
from limner.segment.similar import SimilarFinder, SimilarMask
from limner.train.photos import Photo
from limner.vocabulary import rle
from limner.vocabulary.suggested import SAME, mask_iou

Where = Literal["same", "other"]  # whether the examples lie on the photo that is searched, or on others of its source

FOUND = 0.5  # IoU from which an object counts as found
FEWEST = 6  # masks of a photo that is used


@dataclass(frozen=True)
class Finding:
    """Of one photo: scores of what was found with whether it is an object, best first, and how many there are."""

    answers: Sequence[tuple[float, bool]]
    objects: int


@dataclass(frozen=True)
class Figures:
    """Over all photos of a source.

    Attributes:
        objects: that could be found.
        average_precision: area under precision over recall, 0 to 1.
        recall: of everything that was found.
        best_precision: at the score where precision and recall are best together (F1).
        best_recall: likewise.
        best_score: that score.
    """

    objects: int
    average_precision: float
    recall: float
    best_precision: float
    best_recall: float
    best_score: float


@dataclass(frozen=True)
class Measured:
    """Figures for one source, where the examples lay and how many they were; seconds per photo beyond its embedding."""

    source: str
    where: Where
    examples: int
    figures: Figures
    seconds: float


@dataclass(frozen=True)
class _Opened:
    photo: Photo
    embedding: ImageEmbedding
    exemplars: Sequence[Exemplar]


def measure(
    predictor: Predictor,
    photos: Sequence[Photo],
    counts: Sequence[int],
    threads: int,
    on_photo: Callable[[], object] = lambda: None,
) -> list[Measured]:
    """Figures for every source of the photos, with examples on the photo itself and on others.

    Args:
        predictor: the model.
        photos: with masks; those with fewer than ``FEWEST`` are left out.
        counts: numbers of examples.
        threads: prompts that are worked on at once.
        on_photo: called after each photo that was searched.
    """
    sources: dict[str, list[_Opened]] = defaultdict(list)
    for photo in photos:
        masks = [mask for mask in photo.segmentations if rle.area(mask) > 0]
        if len(masks) >= FEWEST:
            embedding = predictor.embed(photo.image())
            sources[photo.source].append(_Opened(photo, embedding, [exemplar(embedding, mask) for mask in masks]))
    measured = []
    for source, opened in sources.items():
        for where in ("same", "other"):
            for count in counts:
                if where == "other" and len(opened) < 2:
                    continue
                rng = random.Random(count)
                started, findings = time.perf_counter(), []
                for each in opened:
                    findings.append(_finding(predictor, each, opened, where, count, threads, rng))
                    on_photo()
                seconds = (time.perf_counter() - started) / len(opened)
                measured.append(Measured(source, where, count, figures(findings), seconds))
    return measured


def _finding(
    predictor: Predictor,
    searched: _Opened,
    opened: Sequence[_Opened],
    where: Where,
    count: int,
    threads: int,
    rng: random.Random,
) -> Finding:
    masks = [mask for mask in searched.photo.segmentations if rle.area(mask) > 0]
    given: Sequence[rle.Rle] = []
    if where == "same":
        chosen = rng.sample(range(len(masks)), min(count, len(masks) - 1))
        examples = [searched.exemplars[index] for index in chosen]
        given = [masks[index] for index in chosen]
        masks = [mask for index, mask in enumerate(masks) if index not in chosen]
    else:
        others = [each for other in opened if other is not searched for each in other.exemplars]
        examples = rng.sample(others, min(count, len(others)))
    found = SimilarFinder(predictor, examples, threads=threads).find(searched.embedding)
    new = [each for each in found if not any(mask_iou(each.mask, mask) > SAME for mask in given)]
    return Finding(judged(new, masks), len(masks))


def judged(found: Sequence[SimilarMask], objects: Sequence[rle.Rle]) -> list[tuple[float, bool]]:
    """Scores, and whether each is an object that none before it was; best first as they come."""
    left = list(objects)
    answers = []
    for each in found:
        ious = [mask_iou(each.mask, mask) for mask in left]
        best = max(range(len(left)), key=ious.__getitem__) if left else -1
        right = best >= 0 and ious[best] >= FOUND
        if right:
            del left[best]
        answers.append((each.score, right))
    return answers


def figures(findings: Sequence[Finding]) -> Figures:
    """What the answers on all photos amount to."""
    objects = sum(each.objects for each in findings)
    answers = sorted((answer for each in findings for answer in each.answers), key=lambda answer: -answer[0])
    right, area = 0, 0.0
    best, best_f1 = (0.0, 0.0, 1.0), 0.0
    for number, (score, is_right) in enumerate(answers, start=1):
        right += is_right
        area += is_right * right / number
        f1 = 2 * right / (number + objects)  # of precision right / number and recall right / objects
        if f1 > best_f1:
            best, best_f1 = (right / number, right / objects, score), f1
    return Figures(objects, area / objects if objects else 0.0, right / objects if objects else 0.0, *best)
