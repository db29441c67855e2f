"""What is known of the work in a project, read from the sums that :mod:`limner.store.rollup` keeps."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import func, select, true
from sqlalchemy.orm import Session

from limner.store.contributions import Contributions, EffortKey
from limner.store.tables import EffortDay, EffortGroup, ImageRollup, JudgementGroup, StateDay
from limner.vocabulary.states import EffortBy

FORECAST_DAYS = 14  # of which the pace is that of the forecast
OPEN = ("waiting", "returned")
DECIDED = ("submitted", "approved", "skipped")


@dataclass(frozen=True)
class ProgressDay:
    """How many images of a project were in each state at the end of a day (UTC)."""

    day: date
    images: Mapping[str, int]


@dataclass(frozen=True)
class Forecast:
    """When the open images of a project are done, if work goes on as it did.

    Attributes:
        open: images that wait or were returned.
        per_day: images that ceased to be open a day, less those that became open again: mean of the last 14 days, or
            of all days since the first such image, when these are fewer.
        ends: the day (UTC) on which none is open any more; None: never at this pace, or there are none.
    """

    open: int
    per_day: float
    ends: date | None


@dataclass(frozen=True)
class Effort:
    """Masks of one group, and the work on them.

    Attributes:
        key: number of the category or person (0: none), hash of the model ("": made without one), or the day.
        masks: how many there are.
        timed: of these, those whose time is known.
        seconds: of work on those.
        clicked: those whose clicks are known.
        clicks: on those.
    """

    key: Any
    masks: int
    timed: int
    seconds: float
    clicked: int
    clicks: int


@dataclass(frozen=True)
class Reviews:
    """What became of the images that one person submitted, each time that something was said.

    Attributes:
        user_id: the person; 0: somebody who is not known.
        submitted: times that they submitted one.
        approved: times that one of theirs was approved.
        returned: times that one of theirs was returned.
    """

    user_id: int
    submitted: int
    approved: int
    returned: int

    @property
    def returned_share(self) -> float | None:
        """Share of the decisions about their images that returned one, 0 to 1; None: there were none."""
        decided = self.approved + self.returned
        return self.returned / decided if decided else None


@dataclass(frozen=True)
class Judged:
    """How masks of a category (0: none) that a person made (0: nobody is known) were judged, each the last time."""

    category_id: int
    user_id: int
    right: int
    wrong: int
    mended: int


def progress(session: Session, project_id: int) -> Sequence[ProgressDay]:
    """How many images were in each state, for each day on which that changed, oldest first."""
    changes: dict[date, Counter[str]] = {}
    rows = session.execute(
        select(StateDay.day, StateDay.before, StateDay.after, func.sum(StateDay.images))
        .where(StateDay.project_id == project_id)
        .group_by(StateDay.day, StateDay.before, StateDay.after)
        .order_by(StateDay.day)
    )
    for day, before, after, images in rows:
        change = changes.setdefault(day, Counter())
        change[after] += int(images)
        if before:
            change[before] -= int(images)
    days, total = [], Counter[str]()
    for day, change in changes.items():
        for state, images in change.items():
            total[state] += images
        days.append(ProgressDay(day, dict(total)))
    return days


def forecast(days: Sequence[ProgressDay], today: date) -> Forecast:
    """When a project with this progress is done, if work goes on as it did in the last days, ``today`` included."""
    if not days:
        return Forecast(0, 0.0, None)
    still_open = _sum(days[-1], OPEN)
    first = next((each.day for each in days if _sum(each, DECIDED)), None)
    if first is None:
        return Forecast(still_open, 0.0, None)
    since = max(today - timedelta(days=FORECAST_DAYS - 1), first)
    earlier = [each for each in days if each.day < since]
    done = _sum(days[-1], DECIDED) - (_sum(earlier[-1], DECIDED) if earlier else 0)
    per_day = done / max(1, (today - since).days + 1)
    ends = None
    if still_open and per_day > 0 and (left := math.ceil(still_open / per_day)) <= (date.max - today).days:
        ends = today + timedelta(days=left)
    return Forecast(still_open, per_day, ends)


def effort(session: Session, project_id: int, by: EffortBy, user_id: int | None = None) -> Sequence[Effort]:
    """Masks and the work on them in groups: days in their order, of others the group with most masks first.

    Args:
        session: where to look.
        project_id: in which project.
        by: what makes a group.
        user_id: only of masks that this person made.
    """
    key: Any = {
        "category": EffortGroup.category_id,
        "person": EffortGroup.user_id,
        "model": EffortGroup.model_sha256,
        "day": EffortDay.day,
    }[by]
    table = EffortDay if by == "day" else EffortGroup
    masks = func.sum(table.masks)
    order = [key] if by == "day" else [masks.desc(), key]
    rows = session.execute(
        select(
            key,
            masks,
            func.sum(table.timed),
            func.sum(table.milliseconds),
            func.sum(table.clicked),
            func.sum(table.clicks),
        )
        .where(table.project_id == project_id, true() if user_id is None else table.user_id == user_id)
        .group_by(key)
        .order_by(*order)
    )
    return [
        Effort(group, int(count), int(timed), int(milliseconds) / 1000, int(clicked), int(clicks))
        for group, count, timed, milliseconds, clicked, clicks in rows
    ]


def reviews(session: Session, project_id: int, user_id: int | None = None) -> Sequence[Reviews]:
    """What became of what people submitted, by the person's number; of all, or of one."""
    found: dict[int, Counter[str]] = {}
    rows = session.execute(
        select(StateDay.author_id, StateDay.before, StateDay.after, func.sum(StateDay.images))
        .where(StateDay.project_id == project_id, StateDay.after.in_(("submitted", "approved", "returned")))
        .group_by(StateDay.author_id, StateDay.before, StateDay.after)
    )
    for author_id, before, after, images in rows:
        if user_id is not None and author_id != user_id:
            continue
        if (before, after) != ("approved", "submitted"):  # an approval that was taken back
            found.setdefault(author_id, Counter())[after] += int(images)
    return [
        Reviews(author_id, counts["submitted"], counts["approved"], counts["returned"])
        for author_id, counts in sorted(found.items())
    ]


def judged(session: Session, project_id: int) -> Sequence[Judged]:
    """How the masks of a project were judged, by category and person."""
    table = JudgementGroup
    rows = session.execute(
        select(table.category_id, table.user_id, table.right, table.wrong, table.mended)
        .where(table.project_id == project_id)
        .order_by(table.category_id, table.user_id)
    )
    return [Judged(*row) for row in rows]


def effort_rows(
    session: Session, project_id: int, user_id: int | None = None
) -> Sequence[tuple[EffortKey, Mapping[str, int]]]:
    """All that is known of masks, by day, category, person and model, in this order: from what each image adds.

    That is no sum that is kept: it takes a second for some ten thousand images.
    """
    total = Contributions()
    counted = select(ImageRollup.counted).where(ImageRollup.project_id == project_id, ImageRollup.gone.is_(False))
    for each in session.scalars(counted.execution_options(yield_per=1000)):
        total.add(Contributions.from_json({"effort": each["effort"], "states": []}))
    return [(key, total.effort[key]) for key in sorted(total.effort) if user_id is None or key[2] == user_id]


def _sum(day: ProgressDay, states: Sequence[str]) -> int:
    return sum(day.images.get(state, 0) for state in states)
