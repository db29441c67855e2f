"""Masks in the verification grid, and how many were wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, Strict

from limner.api.schemas.base import Answer, Request
from limner.service.verification import Choice, Sample
from limner.service.verification import ErrorRate as ErrorRateInfo
from limner.service.verification import VerifiedMask as VerifiedMaskInfo
from limner.vocabulary.events import Timestamp
from limner.vocabulary.states import MaskVerdict, VerdictFilter, VerificationBy

MAX_SAMPLE = 2000
Number = Annotated[int, Field(ge=0, lt=2**63)]
Revision = Annotated[int, Field(ge=0, lt=2**31)]


class SampleQuery(Request):
    """Which masks are looked at: of a ``category`` (0: none), made by a ``person`` (0: not known), with a verdict.

    At most ``size`` of them, at random; the same ``seed`` gives the same ones, but for what came or went since.
    """

    category: Number | None = None
    person: Number | None = None
    verdict: VerdictFilter = "any"
    size: Annotated[int, Field(ge=1, le=MAX_SAMPLE)] = 200
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 1

    def choice(self) -> Choice:
        """What was asked for."""
        return Choice(self.category, self.person, self.verdict, self.size, self.seed)


class CropQuery(Request):
    """The revision since which the mask is what it is, as the sample says it: the answer to it never changes."""

    revision: Revision


class NewJudgement(Request):
    """What somebody says of a mask that they saw at ``revision``; a null ``verdict`` takes back what was said of it.

    With ``tell`` a mask that is wrong begins a thread of comments on the object.
    """

    revision: Annotated[int, Strict(), Field(ge=0, lt=2**31)]
    verdict: MaskVerdict | None
    tell: Annotated[bool, Strict()] = True


class VerifiedMask(Answer):
    """A mask, and what was judged of it as it is since ``revision`` of its image (null: nothing).

    ``bbox`` is x, y, width, height in pixels; ``author`` is who made it. ``mended``: it was wrong when it was judged
    last, and has changed since.
    """

    uid: UUID
    image_id: int
    file_name: str
    category_id: int | None
    revision: int
    area: int
    bbox: tuple[int, int, int, int]
    author: str | None
    verdict: MaskVerdict | None
    judged_by: str | None
    judged: Timestamp | None
    mended: bool

    @classmethod
    def of(cls, mask: VerifiedMaskInfo, names: Mapping[int, str]) -> Self:
        """The mask as it is told to clients."""
        row = mask.annotation
        return cls(
            uid=UUID(row.uid),
            image_id=row.image_id,
            file_name=mask.file_name,
            category_id=row.category_id,
            revision=row.content_revision,
            area=row.area,
            bbox=(row.bbox_x, row.bbox_y, row.bbox_width, row.bbox_height),
            author=names.get(mask.person),
            verdict=mask.verdict,
            judged_by=None if mask.judged_by is None else names.get(mask.judged_by),
            judged=mask.judged,
            mended=mask.mended,
        )


class MaskSample(Answer):
    """Masks, image by image, that were drawn at random among ``population``."""

    masks: list[VerifiedMask]
    population: int

    @classmethod
    def of(cls, sample: Sample) -> Self:
        """The sample as it is told to clients."""
        return cls(masks=[VerifiedMask.of(each, sample.names) for each in sample.masks], population=sample.population)


class RatesQuery(Request):
    """What makes a group of masks."""

    by: VerificationBy


class ErrorRate(Answer):
    """How masks of one category or person were judged. ``key`` 0: of none, or nobody is known.

    ``mended`` masks were wrong when they were judged last, and have changed since. ``error_rate`` is the share of wrong
    and mended ones (null: none was judged), ``low`` to ``high`` its 95 % interval, after Wilson.
    """

    key: int
    name: str
    right: int
    wrong: int
    mended: int
    error_rate: float | None
    low: float
    high: float

    @classmethod
    def of(cls, rate: ErrorRateInfo) -> Self:
        """The figures as they are told to clients."""
        return cls(
            key=rate.key,
            name=rate.name,
            right=rate.right,
            wrong=rate.wrong,
            mended=rate.mended,
            error_rate=rate.share,
            low=rate.low,
            high=rate.high,
        )


class ErrorRateList(Answer):
    """Groups of masks, that with most errors first."""

    groups: list[ErrorRate]
