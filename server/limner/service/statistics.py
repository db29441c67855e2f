"""What is known of the work in a project: progress, time, clicks, reviews.

Managers see all, everybody their own; who annotates sees all where the project shares its figures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from sqlalchemy.orm import Session

from limner.access import Actor, Permission, access_project
from limner.service.csv_lines import csv_lines
from limner.service.wiring import Services
from limner.store import rollup, statistics
from limner.store.categories import list_categories
from limner.store.names import names_of_users
from limner.store.statistics import Effort, Forecast, ProgressDay, Reviews
from limner.store.types import utc_now
from limner.vocabulary.names import NO_CATEGORY, NOBODY
from limner.vocabulary.states import EffortBy, ImageState

STATES = get_args(ImageState)
WITHOUT = {"category": NO_CATEGORY, "person": NOBODY, "model": "drawn without a model", "day": ""}


@dataclass(frozen=True)
class Progress:
    """How far a project is; ``uncounted`` images changed since and are counted within seconds."""

    days: Sequence[ProgressDay]
    forecast: Forecast
    uncounted: int


@dataclass(frozen=True)
class NamedEffort:
    """A group of masks, under the name that people read."""

    name: str
    effort: Effort


@dataclass(frozen=True)
class NamedReviews:
    """What became of what somebody submitted, under their name."""

    name: str
    reviews: Reviews


@dataclass(frozen=True)
class Own:
    """One person's figures in a project: their masks by day, category and model, and what became of their images."""

    by_day: Sequence[NamedEffort]
    by_category: Sequence[NamedEffort]
    by_model: Sequence[NamedEffort]
    reviews: NamedReviews


def progress(context: Services, actor: Actor, project_id: int) -> Progress:
    """How many images were in each state, day by day, and when the last one will be done.

    Raises:
        NotFound: there is no such project that the actor may see.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.VIEW)
        days = statistics.progress(session, project_id)
        forecast = statistics.forecast(days, utc_now().date())
        return Progress(days, forecast, rollup.uncounted(session, project_id))


def effort(
    context: Services, actor: Actor, project_id: int, by: EffortBy, user_id: int | None = None
) -> Sequence[NamedEffort]:
    """Masks, time and clicks by category, person, model or day; of everybody, or of one person.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not see what others did.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.READ_FIGURES)
        return _named(context, session, project_id, by, user_id)


def reviews(context: Services, actor: Actor, project_id: int) -> Sequence[NamedReviews]:
    """What became of the images that each person submitted, by name.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not see what others did.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.READ_FIGURES)
        found = statistics.reviews(session, project_id)
        names = names_of_users(session, [each.user_id for each in found])
    named = [NamedReviews(names.get(each.user_id, NOBODY), each) for each in found]
    return sorted(named, key=lambda each: each.name.casefold())


def own(context: Services, actor: Actor, project_id: int) -> Own:
    """What the actor did in a project.

    Raises:
        NotFound: there is no such project that the actor may see.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.VIEW)
        found = statistics.reviews(session, project_id, actor.user_id)
        return Own(
            by_day=_named(context, session, project_id, "day", actor.user_id),
            by_category=_named(context, session, project_id, "category", actor.user_id),
            by_model=_named(context, session, project_id, "model", actor.user_id),
            reviews=NamedReviews(actor.name, found[0] if found else Reviews(actor.user_id, 0, 0, 0)),
        )


def progress_table(context: Services, actor: Actor, project_id: int) -> Iterator[str]:
    """The days of :func:`progress` as CSV."""
    days = progress(context, actor, project_id).days
    return csv_lines(["day", *STATES], ([day.day, *(day.images.get(state, 0) for state in STATES)] for day in days))


def effort_table(context: Services, actor: Actor, project_id: int, *, mine: bool) -> Iterator[str]:
    """All that is known of masks as CSV: by day, category, person and model; of everybody, or of the actor.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not see what others did.
    """
    needed = Permission.VIEW if mine else Permission.READ_FIGURES
    with context.database.read() as session:
        access_project(session, actor, project_id, needed)
        rows = statistics.effort_rows(session, project_id, actor.user_id if mine else None)
        names = {
            by: _names(context, session, project_id, by, {key[place] for key, _ in rows})
            for place, by in enumerate(("day", "category", "person", "model"))
        }
    return csv_lines(
        ["day", "category", "person", "model", "masks", "timed_masks", "seconds", "clicked_masks", "clicks"],
        (
            [
                day,
                names["category"](category_id),
                names["person"](user_id),
                names["model"](model),
                counts["masks"],
                counts["timed"],
                counts["milliseconds"] / 1000,
                counts["clicked"],
                counts["clicks"],
            ]
            for (day, category_id, user_id, model), counts in rows
        ),
    )


def _named(
    context: Services, session: Session, project_id: int, by: EffortBy, user_id: int | None
) -> Sequence[NamedEffort]:
    found = statistics.effort(session, project_id, by, user_id)
    name = _names(context, session, project_id, by, {each.key for each in found})
    return [NamedEffort(name(each.key), replace(each, key=str(each.key))) for each in found]


def _names(context: Services, session: Session, project_id: int, by: str, keys: Iterable[Any]) -> Callable[[Any], str]:
    """What people read for the keys of groups."""
    known: Mapping[Any, str] = {}
    if by == "category":
        known = {category.id: category.name for category in list_categories(session, project_id)}
    elif by == "person":
        known = names_of_users(session, list(keys))
    elif by == "model":
        known = {model.card.weights_sha256: model.card.title or model.name for model in context.models.usable()}
    return lambda key: known.get(key) or (str(key) if key and by in ("day", "model") else WITHOUT[by])
