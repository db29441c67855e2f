"""Rows of the tables in which the sums of projects are, and adding to them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from limner.store.contributions import EFFORT, JUDGED, SIZES, Contributions
from limner.store.tables import EffortDay, EffortGroup, FolderSize, JudgementGroup, ProjectSize, StateDay
from limner.store.upsert import insert_for


@dataclass(frozen=True)
class Sums:
    """Rows of one table of sums.

    Attributes:
        table: which.
        names: of the columns that are sums; all others are the key, or no matter of images.
        rows: of one project.
    """

    table: type[EffortGroup | EffortDay | StateDay | JudgementGroup | ProjectSize | FolderSize]
    names: Sequence[str]
    rows: Sequence[dict[str, Any]]


def sums_of(project_id: int, change: Contributions, sizes: Mapping[str, int]) -> Sequence[Sums]:
    """The rows of all sums of a project to which contributions come, those of zeros left out.

    Args:
        project_id: which project.
        change: what its images add, or how much more than before.
        sizes: likewise, of :meth:`Contributions.sizes`.
    """
    groups: dict[tuple[int, int, str], Counter[str]] = defaultdict(Counter)
    days: dict[tuple[int, str], Counter[str]] = defaultdict(Counter)
    for (day, category_id, user_id, model), counts in change.effort.items():
        for name in EFFORT:
            groups[user_id, category_id, model][name] += counts[name]
            days[user_id, day][name] += counts[name]
    of_groups: list[dict[str, Any]] = [
        {"project_id": project_id, "user_id": user_id, "category_id": category_id, "model_sha256": model, **counts}
        for (user_id, category_id, model), counts in groups.items()
    ]
    of_days: list[dict[str, Any]] = [
        {"project_id": project_id, "user_id": user_id, "day": date.fromisoformat(day), **counts}
        for (user_id, day), counts in days.items()
    ]
    states: list[dict[str, Any]] = [
        {
            "project_id": project_id,
            "day": date.fromisoformat(day),
            "before": before,
            "after": after,
            "user_id": user_id,
            "author_id": author_id,
            "images": count,
        }
        for (day, before, after, user_id, author_id), count in change.states.items()
    ]
    judged: list[dict[str, Any]] = [
        {"project_id": project_id, "category_id": category_id, "user_id": user_id, **counts}
        for (category_id, user_id), counts in change.judged.items()
    ]
    of_project: list[dict[str, Any]] = [{"project_id": project_id, **{name: sizes[name] for name in SIZES}}]
    folders: list[dict[str, Any]] = [
        {"project_id": project_id, "path": path, "images": count} for path, count in change.folders.items()
    ]
    return [
        Sums(table, names, [row for row in rows if any(row[name] for name in names)])
        for table, names, rows in (
            (EffortGroup, EFFORT, of_groups),
            (EffortDay, EFFORT, of_days),
            (StateDay, ("images",), states),
            (JudgementGroup, JUDGED, judged),
            (ProjectSize, SIZES, of_project),
            (FolderSize, ("images",), folders),
        )
    ]


def add_rows(session: Session, sums: Sums) -> None:
    """Add to sums, and remove the rows in which all of them are 0."""
    table, rows = sums.table, sums.rows
    if not rows:
        return
    statement = insert_for(session, table)
    keys = [column.name for column in table.__table__.primary_key]
    more = {name: getattr(table, name) + statement.excluded[name] for name in sums.names}
    session.connection().execute(statement.on_conflict_do_update(index_elements=keys, set_=more), rows)
    if any(row[name] < 0 for row in rows for name in sums.names):
        mine = table.project_id == rows[0]["project_id"]
        session.execute(delete(table).where(mine, *(getattr(table, name) == 0 for name in sums.names)))
