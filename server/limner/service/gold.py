"""Gold images: made so by managers, and how people's work on them compares.

Managers see all, everybody their own; who annotates sees everybody's sums where the project shares its figures.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from limner.access import Actor, Permission, access_project, knows_gold, permissions_in
from limner.service.audit import log_action
from limner.service.csv_lines import csv_lines
from limner.service.wiring import Services
from limner.store import gold as store
from limner.store.gold import GoldFigures
from limner.store.names import names_of_users
from limner.vocabulary.names import NOBODY

COLUMNS = (
    "image_id",
    "file_name",
    "person",
    "scored",
    "matched",
    "missed",
    "extra",
    "mask_iou",
    "boundary_iou",
    "same_category",
)


@dataclass(frozen=True)
class NamedGold:
    """How somebody's work on gold images compares, under their name."""

    name: str
    figures: GoldFigures


@dataclass(frozen=True)
class GoldSummary:
    """How many images of a project are gold, and how everybody's work on them compares, by name.

    ``images`` is None for who is measured by them.
    """

    images: int | None
    people: Sequence[NamedGold]


def set_gold(context: Services, actor: Actor, project_id: int, image_ids: Collection[int], *, gold: bool) -> int:
    """Make images gold, with what is on them now as the reference, or have them be gold no more.

    Returns:
        How many changed.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not say what people work on.
        InvalidInput: an image is not in the project; nothing was changed.
        Conflict: the work on one that is to be gold is not finished; nothing was changed.
    """
    with context.database.write() as session:
        access_project(session, actor, project_id, Permission.ASSIGN)
        changed = (
            store.make_gold(session, project_id, image_ids, actor.user_id)
            if gold
            else store.unmake_gold(session, project_id, image_ids)
        )
        if changed:
            said = {"gold": gold, "images": changed}
            log_action(session, actor, "images.gold", "project", project_id, **said)
        return changed


def summary(context: Services, actor: Actor, project_id: int) -> GoldSummary:
    """How everybody's work on a project's gold images compares.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not see what others did.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.READ_FIGURES)
        found = store.gold_figures(session, project_id)
        names = names_of_users(session, [each.user_id for each in found])
        knows = knows_gold(permissions_in(session, actor, project_id))
        images = store.count_gold(session, project_id) if knows else None
    people = [NamedGold(names.get(each.user_id, NOBODY), each) for each in found]
    return GoldSummary(images, sorted(people, key=lambda each: each.name.casefold()))


def own(context: Services, actor: Actor, project_id: int) -> NamedGold | None:
    """How the actor's work on gold images compares; None: none was scored.

    Raises:
        NotFound: there is no such project that the actor may see.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.VIEW)
        found = store.gold_figures(session, project_id, actor.user_id)
    return NamedGold(actor.name, found[0]) if found else None


def table(context: Services, actor: Actor, project_id: int) -> Iterator[str]:
    """Every score as CSV, by person and image.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not see what others did.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.READ_STATISTICS)
        found = store.gold_scores(session, project_id)
        names = names_of_users(session, [score.user_id for score, _, _ in found])
        rows = [
            (
                image_id,
                file_name,
                names.get(score.user_id, NOBODY),
                score.scored.isoformat(),
                score.matched,
                score.missed,
                score.extra,
                score.mask_iou / score.matched if score.matched else None,
                score.boundary_iou / score.matched if score.matched else None,
                sum(before == after for before, after in score.categories),
            )
            for score, image_id, file_name in found
        ]
    return csv_lines(COLUMNS, rows)
