"""How far people who annotated the same images independently agree, with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from limner.quality.masks import boundary_iou
from limner.quality.matching import match
from limner.vocabulary.intervals import Z_95
from limner.vocabulary.rle import Rle


@dataclass(frozen=True)
class NumberedMask:
    """A mask, its number, and that of its category; None: it has none."""

    number: int
    mask: Rle
    category: int | None


@dataclass(frozen=True)
class Match:
    """Two masks of the same thing by two people, and how much they have in common, 0 to 1."""

    first: int
    second: int
    mask_iou: float
    boundary_iou: float
    first_category: int | None
    second_category: int | None


@dataclass(frozen=True)
class Comparison:
    """The work of two people on one image: what both marked, and the categories of what only one did."""

    matches: Sequence[Match]
    only_first: Sequence[int | None]
    only_second: Sequence[int | None]

    def of_category(self, category: int | None) -> Comparison:
        """The same for masks of one category: a match of two categories is a mask that only one made, of each."""
        same = [each for each in self.matches if each.first_category == category == each.second_category]
        others = [each for each in self.matches if each.first_category != each.second_category]
        first = [*self.only_first, *(each.first_category for each in others)]
        second = [*self.only_second, *(each.second_category for each in others)]
        return Comparison(
            same, [each for each in first if each == category], [each for each in second if each == category]
        )

    @property
    def categories(self) -> set[int | None]:
        """All that were given."""
        matched = {category for each in self.matches for category in (each.first_category, each.second_category)}
        return matched | {*self.only_first, *self.only_second}


@dataclass(frozen=True)
class Estimate:
    """A ratio, 0 to 1, and its 95 % interval; None: it is not defined, or too few images say something about it."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Agreement:
    """How far people agree.

    Attributes:
        images: that at least two of them worked on.
        matched: pairs of masks of the same thing, over all pairs of people.
        unmatched: masks of one for which the other had none.
        quality: sum of the matches' mask IoU over matched + unmatched / 2: panoptic quality without classes.
        mask_iou: mean over the matches (segmentation quality).
        boundary_iou: likewise.
        found: matched over matched + unmatched / 2 (recognition quality, which is the F1 of one by the other).
        same_category: share of the matches.
    """

    images: int
    matched: int
    unmatched: int
    quality: Estimate
    mask_iou: Estimate
    boundary_iou: Estimate
    found: Estimate
    same_category: Estimate


@dataclass
class Sums:
    """What one image adds: sums over the pairs of people who worked on it."""

    matched: int = 0
    unmatched: int = 0
    mask_iou: float = 0.0
    boundary_iou: float = 0.0
    same: int = 0
    comparisons: int = 0

    def add(self, compared: Comparison) -> None:
        """Put in how two people compare."""
        self.comparisons += 1
        self.matched += len(compared.matches)
        self.unmatched += len(compared.only_first) + len(compared.only_second)
        self.mask_iou += sum(each.mask_iou for each in compared.matches)
        self.boundary_iou += sum(each.boundary_iou for each in compared.matches)
        self.same += sum(each.first_category == each.second_category for each in compared.matches)

    @property
    def quality(self) -> float | None:
        """Panoptic quality of the image, 0 to 1; where nobody marked anything, people agree."""
        if not self.comparisons:
            return None
        weight = self.matched + self.unmatched / 2
        return self.mask_iou / weight if weight else 1.0


def compare(first: Sequence[NumberedMask], second: Sequence[NumberedMask]) -> Comparison:
    """Compare the masks that two people made on one image, whatever their categories."""
    pairs = match([each.mask for each in first], [each.mask for each in second])
    ones, others = {pair.reference for pair in pairs}, {pair.given for pair in pairs}
    return Comparison(
        [
            Match(one.number, other.number, iou, boundary_iou(one.mask, other.mask), one.category, other.category)
            for one, other, iou in ((first[pair.reference], second[pair.given], pair.iou) for pair in pairs)
        ],
        [each.category for place, each in enumerate(first) if place not in ones],
        [each.category for place, each in enumerate(second) if place not in others],
    )


def agreement(images: Sequence[Sums]) -> Agreement:
    """How far people agree, over images.

    Panoptic quality is that of Kirillov, He, Girshick, Rother and Dollár, *Panoptic Segmentation*, CVPR 2019, with the
    masks of one person in the place of the truth: it is the same whichever of the two that is.
    """
    weights = [each.matched + each.unmatched / 2 for each in images]
    matched = [float(each.matched) for each in images]
    return Agreement(
        images=len(images),
        matched=sum(each.matched for each in images),
        unmatched=sum(each.unmatched for each in images),
        quality=ratio([each.mask_iou for each in images], weights),
        mask_iou=ratio([each.mask_iou for each in images], matched),
        boundary_iou=ratio([each.boundary_iou for each in images], matched),
        found=ratio(matched, weights),
        same_category=ratio([float(each.same) for each in images], matched),
    )


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Estimate:
    """The ratio of two sums over images that are a random sample, and its 95 % interval.

    Masks of one image are alike, so that images are what is sampled: the ratio estimator, with the variance
    Σ(y − r·x)² / (n (n − 1) x̄²) without the finite population's correction, and normal quantiles, cut at 0 and 1.
    W. G. Cochran, *Sampling Techniques*, 3rd edition (1977), chapter 6. Images whose denominator is 0 say nothing and
    are left out; of fewer than two there is no interval.

    Args:
        numerators: of each image, from 0 to its denominator.
        denominators: of each image, ≥ 0.
    """
    given = [(y, x) for y, x in zip(numerators, denominators, strict=True) if x > 0]
    if not given:
        return Estimate(None, None, None)
    count, total = len(given), sum(x for _, x in given)
    value = sum(y for y, _ in given) / total
    if count < 2:
        return Estimate(value, None, None)
    spread = sum((y - value * x) ** 2 for y, x in given)
    error = Z_95 * math.sqrt(spread / (count * (count - 1))) / (total / count)
    return Estimate(value, max(0.0, value - error), min(1.0, value + error))
