"""How far people agree on images on which several worked, and what is settled."""

from __future__ import annotations

from typing import Annotated, Self, cast

from pydantic import Field, Strict

from limner.api.schemas.annotations import segmentation_of
from limner.api.schemas.base import Answer, Request
from limner.quality.overlap import Agreement as AgreementInfo
from limner.quality.overlap import Estimate as EstimateInfo
from limner.service.agreement import ComparedImage as ComparedImageInfo
from limner.service.agreement import Summary
from limner.service.consensus import Chosen, Compared, SettledAs, Thing
from limner.vocabulary.operations import Segmentation
from limner.vocabulary.states import OverlapState

MOST_MASKS = 10_000  # on one image
Number = Annotated[int, Strict(), Field(ge=0, lt=2**63)]
Revision = Annotated[int, Strict(), Field(ge=0, lt=2**31)]


class Estimate(Answer):
    """A ratio, 0 to 1, and its 95 % interval over images; null where it is not defined, or too little is known."""

    value: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, estimate: EstimateInfo) -> Self:
        """The estimate as it is told to clients."""
        return cls(value=estimate.value, low=estimate.low, high=estimate.high)


class Agreement(Answer):
    """How far people agree, over pairs of people on ``images``.

    ``matched`` are pairs of masks of the same thing (IoU ≥ 0.5), ``unmatched`` masks for which the other person had
    none. ``quality`` is panoptic quality: the sum of the matches' mask IoU over matched + unmatched / 2. ``mask_iou``,
    ``boundary_iou`` and ``same_category`` are means over the matches, ``found`` is the share of masks that have one.
    """

    images: int
    matched: int
    unmatched: int
    quality: Estimate
    mask_iou: Estimate
    boundary_iou: Estimate
    found: Estimate
    same_category: Estimate

    @classmethod
    def of(cls, info: AgreementInfo) -> Self:
        """The figures as they are told to clients."""
        return cls(
            images=info.images,
            matched=info.matched,
            unmatched=info.unmatched,
            quality=Estimate.of(info.quality),
            mask_iou=Estimate.of(info.mask_iou),
            boundary_iou=Estimate.of(info.boundary_iou),
            found=Estimate.of(info.found),
            same_category=Estimate.of(info.same_category),
        )


class PairAgreement(Answer):
    """How two people agree; ``kappa`` is Cohen's, of categories: null where it is not defined."""

    first: str
    second: str
    agreement: Agreement
    kappa: float | None


class CategoryAgreement(Answer):
    """How far people agree on masks of a category; 0 stands for none."""

    category_id: int
    name: str
    agreement: Agreement


class OverlapCounts(Answer):
    """Images on which several people work, by how far they are."""

    open: int
    begun: int
    ready: int
    settled: int


class AgreementSummary(Answer):
    """How far people agree in a project; ``annotators`` is how many people can be handed such images.

    ``alpha`` is Krippendorff's, of the categories that people gave to the same things; null where it is not defined.
    """

    images: OverlapCounts
    annotators: int
    everybody: Agreement
    alpha: float | None
    pairs: list[PairAgreement]
    categories: list[CategoryAgreement]

    @classmethod
    def of(cls, summary: Summary) -> Self:
        """The figures as they are told to clients."""
        counts = {state: summary.states.get(state, 0) for state in OverlapCounts.model_fields}
        return cls(
            images=OverlapCounts(**counts),
            annotators=summary.annotators,
            everybody=Agreement.of(summary.everybody),
            alpha=summary.alpha,
            pairs=[
                PairAgreement(
                    first=each.first, second=each.second, agreement=Agreement.of(each.agreement), kappa=each.kappa
                )
                for each in summary.pairs
            ],
            categories=[
                CategoryAgreement(category_id=each.category_id, name=each.name, agreement=Agreement.of(each.agreement))
                for each in summary.categories
            ],
        )


class ComparedImage(Answer):
    """An image on which several people work or worked: how many are done, and how far they agree (panoptic quality)."""

    image_id: int
    file_name: str
    overlap: OverlapState
    answers: int
    quality: float | None

    @classmethod
    def of(cls, info: ComparedImageInfo) -> Self:
        """The image as it is told to clients."""
        return cls(
            image_id=info.image_id,
            file_name=info.file_name,
            overlap=cast(OverlapState, info.overlap),
            answers=info.answers,
            quality=info.quality,
        )


class ComparedImages(Answer):
    """Images on which several people work or worked, ``total`` of them; those to be settled and disputed first."""

    images: list[ComparedImage]
    total: int


class OneAnswer(Answer):
    """Who made masks of an image on their copy, or skipped it: then ``note`` says why."""

    copy_id: int
    revision: int
    user_id: int
    name: str
    skipped: bool
    note: str
    masks: int


class OneMask(Answer):
    """A mask that a person made."""

    id: int
    user_id: int
    category_id: int | None
    segmentation: Segmentation


class OneThing(Answer):
    """Masks of the same thing, at most one of each person, and what stands for all of them.

    ``consensus`` has the pixels that most of them have, ``disputed`` those that some have and others have not.
    ``agreed``: more than half of the people marked it, and most gave it this category. ``iou`` is the mean over each
    two; null where only one person marked it.
    """

    masks: list[OneMask]
    consensus: Segmentation
    disputed: Segmentation
    category_id: int | None
    agreed: bool
    iou: float | None

    @classmethod
    def of(cls, thing: Thing) -> Self:
        """The masks as they are told to clients."""
        return cls(
            masks=[
                OneMask(
                    id=mask.number,
                    user_id=user_id,
                    category_id=mask.category,
                    segmentation=segmentation_of(mask.mask),
                )
                for user_id, mask in thing.masks
            ],
            consensus=segmentation_of(thing.consensus),
            disputed=segmentation_of(thing.disputed),
            category_id=thing.category_id,
            agreed=thing.agreed,
            iou=thing.iou,
        )


class ComparedAnswers(Answer):
    """What people made of an image; things on which they do not agree come first."""

    image_id: int
    file_name: str
    width: int
    height: int
    revision: int
    overlap: OverlapState
    answers: list[OneAnswer]
    things: list[OneThing]

    @classmethod
    def of(cls, compared: Compared) -> Self:
        """The answers as they are told to clients."""
        image = compared.image
        return cls(
            image_id=image.id,
            file_name=image.file_name,
            width=image.width,
            height=image.height,
            revision=image.revision,
            overlap=cast(OverlapState, image.overlap),
            answers=[
                OneAnswer(
                    copy_id=each.copy_id,
                    revision=each.revision,
                    user_id=each.user_id,
                    name=compared.names.get(each.user_id, "somebody who is not known"),
                    skipped=each.state == "skipped",
                    note=each.note,
                    masks=len(each.masks),
                )
                for each in compared.answers
            ],
            things=[OneThing.of(thing) for thing in compared.things],
        )


class ChosenMask(Request):
    """Masks that people made, by their numbers: the consensus of them is to be on the image, in this category."""

    annotations: list[Number] = Field(min_length=1, max_length=100)
    category_id: Annotated[int, Strict()] | None

    def to_choose(self) -> Chosen:
        """The same for the service."""
        return Chosen(self.annotations, self.category_id)


class SeenCopy(Request):
    """A copy, and its revision, that one looked at."""

    copy_id: Number
    revision: Revision


class Settlement(Request):
    """What is on an image on which several people worked, after what one saw: its revision, and those of the copies."""

    revision: Revision
    seen: list[SeenCopy] = Field(min_length=1, max_length=100)
    masks: list[ChosenMask] = Field(max_length=MOST_MASKS)
    state: SettledAs = "approved"


class Settled(Answer):
    """The image's revision after it was settled."""

    revision: int
