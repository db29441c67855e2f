"""Figures of the work in a project."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Annotated, Self

from pydantic import Field

from limner.api.schemas.base import Answer, Request
from limner.service.gold import NamedGold
from limner.service.statistics import STATES, NamedEffort, NamedReviews
from limner.service.statistics import Own as OwnInfo
from limner.service.statistics import Progress as ProgressInfo
from limner.vocabulary.states import EffortBy, ImageState

PersonNumber = Annotated[int, Field(ge=0, lt=2**63)]


class ProgressDay(Answer):
    """How many images were in each state at the end of a day (UTC)."""

    day: date
    images: dict[ImageState, int]


class Forecast(Answer):
    """When no image is open any more, if work goes on as in the last 14 days; ``ends`` null: never, or none is open.

    ``open`` images wait or were returned; ``per_day`` of them cease to, less those that are open again.
    """

    open: int
    per_day: float
    ends: date | None


class Progress(Answer):
    """How far a project is, for each day on which that changed; ``uncounted`` images changed seconds ago."""

    days: list[ProgressDay]
    forecast: Forecast
    uncounted: int

    @classmethod
    def of(cls, progress: ProgressInfo) -> Self:
        """The figures as they are told to clients."""
        days = [
            ProgressDay(day=each.day, images={state: each.images.get(state, 0) for state in STATES})
            for each in progress.days
        ]
        return cls(days=days, forecast=Forecast.model_validate(progress.forecast), uncounted=progress.uncounted)


class EffortQuery(Request):
    """What makes a group of masks; ``person``: only of masks that this one made (0: somebody who is not known)."""

    by: EffortBy
    person: PersonNumber | None = None


class Effort(Answer):
    """Masks of one group, as they are now. ``key``: a number, hash or day; ``name`` is what people read.

    ``seconds`` of work are those on ``timed`` masks, ``clicks`` those on ``clicked`` masks: not every mask's are known.
    """

    key: str
    name: str
    masks: int
    timed: int
    seconds: float
    clicked: int
    clicks: int

    @classmethod
    def of(cls, named: NamedEffort) -> Self:
        """The group as it is told to clients."""
        each = named.effort
        return cls(
            key=each.key,
            name=named.name,
            masks=each.masks,
            timed=each.timed,
            seconds=each.seconds,
            clicked=each.clicked,
            clicks=each.clicks,
        )


class EffortList(Answer):
    """Groups of masks: days in their order, of others that with most masks first."""

    groups: list[Effort]


class Reviews(Answer):
    """How often somebody submitted an image, and one of theirs was approved or returned.

    ``returned_share`` is that of the decisions which returned one, 0 to 1; null: there were none.
    """

    user_id: int
    name: str
    submitted: int
    approved: int
    returned: int
    returned_share: float | None

    @classmethod
    def of(cls, named: NamedReviews) -> Self:
        """The figures as they are told to clients."""
        each = named.reviews
        return cls(
            user_id=each.user_id,
            name=named.name,
            submitted=each.submitted,
            approved=each.approved,
            returned=each.returned,
            returned_share=each.returned_share,
        )


class ReviewsList(Answer):
    """What became of what people submitted, by their names."""

    people: list[Reviews]


class GoldFigures(Answer):
    """How somebody's work on gold images compares with the references; means are null where nothing is matched.

    Of masks, ``matched`` stand for one of a reference (IoU ≥ 0.5), ``missed`` ones are only in a reference, ``extra``
    ones in none. ``mask_iou``, ``boundary_iou`` and ``same_category`` are means over what is matched, 0 to 1; ``kappa``
    is Cohen's of its categories, null where it is not defined.
    """

    user_id: int
    name: str
    images: int
    matched: int
    missed: int
    extra: int
    mask_iou: float | None
    boundary_iou: float | None
    same_category: float | None
    kappa: float | None

    @classmethod
    def of(cls, named: NamedGold) -> Self:
        """The figures as they are told to clients."""
        return cls(name=named.name, **asdict(named.figures))


class GoldSummary(Answer):
    """How many images of the project are gold, and how people's work on them compares, by their names.

    ``images`` is null for who is measured by them.
    """

    images: int | None
    people: list[GoldFigures]


class OwnStatistics(Answer):
    """What one did oneself in a project: masks by day, category and model, and what became of one's images.

    ``gold`` is how one's work on gold images compares; null: none was scored.
    """

    by_day: list[Effort]
    by_category: list[Effort]
    by_model: list[Effort]
    reviews: Reviews
    gold: GoldFigures | None

    @classmethod
    def of(cls, own: OwnInfo, gold: NamedGold | None) -> Self:
        """The figures as they are told to clients."""
        return cls(
            by_day=[Effort.of(each) for each in own.by_day],
            by_category=[Effort.of(each) for each in own.by_category],
            by_model=[Effort.of(each) for each in own.by_model],
            reviews=Reviews.of(own.reviews),
            gold=None if gold is None else GoldFigures.of(gold),
        )
