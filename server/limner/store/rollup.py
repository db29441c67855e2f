"""Statistics are rolled up by image: its project's sums lose what the image added before, and get what it adds now.

An image whose revision is not the one that was counted is due; a partial index finds those, so that saves write
nothing more for it. Who judges a mask or moves an image, which is no edit, makes it due (:func:`recount`). An image
that is gone leaves its row, which says what is to be taken out.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import Session

from limner.store.advisory import Only, can_be
from limner.store.contributions import Contributions, contributions_of
from limner.store.sums import add_rows, sums_of
from limner.store.tables import IS_GONE, IS_UNCOUNTED, Image, ImageRollup

MOST = 1_000_000  # images that are said to be due
NEVER = -1  # the counted revision of an image that is to be counted, whatever its revision is


@dataclass(frozen=True)
class Counted:
    """What an image adds as it was at a revision, when its masks had been judged so many times."""

    revision: int
    judged: int
    contributions: Contributions


def recount(image: Image) -> None:
    """An image, which is locked, adds other things though its revision is the same: it is to be counted again.

    What was said of a mask of it has changed, or its folder.
    """
    image.judged += 1
    image.counted_revision = NEVER


def count_due(session: Session, limit: int, on_row: Callable[[], None] = lambda: None) -> dict[int, Counted]:
    """Count some images that changed since they were counted, by number; nothing is written and nobody waits for it.

    Args:
        session: sees one snapshot.
        limit: images at most.
        on_row: called after every annotation.
    """
    due = session.execute(
        uncounted_images(
            limit,
            Image.id,
            Image.file_name,
            Image.revision,
            Image.judged,
            Image.created,
            Image.state,
            Image.state_changed,
            Image.state_user_id,
            Image.author_id,
        )
    ).all()
    found = contributions_of(session, due, on_row)
    return {image.id: Counted(image.revision, image.judged, found[image.id]) for image in due}


def roll_up(session: Session, counted: Mapping[int, Counted], limit: int) -> int:
    """Put what was counted into the sums, and take out images that are gone. An image that changed meanwhile stays due.

    Args:
        session: writes.
        counted: of :func:`count_due`.
        limit: images at most that are gone.

    Returns:
        How many were put in or taken out; 0: there are none, or another process is about it.
    """
    if not can_be(Only.CHANGES_SUMS, session):
        return 0
    rows = session.execute(
        select(Image.id, Image.project_id, Image.revision, Image.judged)
        .where(Image.id.in_(counted), IS_UNCOUNTED)
        .with_for_update(skip_locked=True)
    )
    projects = {
        row.id: row.project_id
        for row in rows
        if (row.revision, row.judged) == (counted[row.id].revision, counted[row.id].judged)
    }
    before = {
        row.image_id: row for row in session.scalars(select(ImageRollup).where(ImageRollup.image_id.in_(projects)))
    }
    gone = session.scalars(select(ImageRollup).where(IS_GONE).limit(limit)).all()
    changes: dict[int, Contributions] = defaultdict(Contributions)
    sizes: dict[int, Counter[str]] = defaultdict(Counter)
    for rollup in [*before.values(), *gone]:
        old = Contributions.from_json(rollup.counted)
        changes[rollup.project_id].add(old, -1)
        sizes[rollup.project_id].subtract(old.sizes())
    session.execute(delete(ImageRollup).where(ImageRollup.image_id.in_([row.image_id for row in gone])))
    for number, project_id in projects.items():
        contributions = counted[number].contributions
        changes[project_id].add(contributions)
        sizes[project_id].update(contributions.sizes())
        rollup = before.get(number) or ImageRollup(image_id=number, project_id=project_id)
        rollup.counted = contributions.to_json()
        session.add(rollup)
    session.flush()
    for project_id in sorted(changes):
        for sums in sums_of(project_id, changes[project_id], sizes[project_id]):
            add_rows(session, sums)
    session.execute(
        update(Image)
        .where(Image.id.in_(projects))
        .values(counted_revision=Image.revision)
        .execution_options(synchronize_session=False)
    )
    return len(projects) + len(gone)


def uncounted_images(limit: int, *columns: Any) -> Select[Any]:
    """The first images that changed since they were counted, along the index that has no others.

    Neither database knows how few they are: SQLite would take an index of all images of a project, PostgreSQL takes all
    for such ones and would read the table. The order of that index and a limit lead both to it, unless one project is
    named as equal, whose images other indexes have in that order. Nothing is to be joined: numbers are read first.

    Args:
        limit: images at most.
        columns: what is read.
    """
    return select(*columns).where(IS_UNCOUNTED).order_by(Image.project_id, Image.id).limit(limit)


def is_due(session: Session) -> bool:
    """Whether anything changed, or went, since it was counted."""
    return session.scalar(uncounted_images(1, Image.id)) is not None or (
        session.scalar(select(ImageRollup.image_id).where(IS_GONE).limit(1)) is not None
    )


def uncounted(session: Session, project_id: int) -> int:
    """How many images of a project changed, or went, since they were counted; of more than a million a million."""
    these = uncounted_images(MOST, Image.id).where(Image.project_id >= project_id, Image.project_id <= project_id)
    changed = select(func.count()).select_from(these.subquery())
    gone = select(func.count()).select_from(ImageRollup).where(ImageRollup.project_id == project_id, IS_GONE)
    return int(session.scalar(changed) or 0) + int(session.scalar(gone) or 0)
