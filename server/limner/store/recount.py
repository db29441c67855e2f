"""Are the sums of statistics those of the rows, and if not, all of a project is counted anew.

They always are unless something else wrote them: a process of an earlier version that still ran when the database was
migrated, which knows fewer sums, or somebody's own SQL.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from limner.store.advisory import Only, wait_to_be
from limner.store.contributions import Contributions, contributions_of
from limner.store.rollup import NEVER
from limner.store.sums import sums_of
from limner.store.tables import (
    EffortDay,
    EffortGroup,
    FolderSize,
    Image,
    ImageRollup,
    JudgementGroup,
    Project,
    ProjectSize,
    StateDay,
)

ROWS_AT_ONCE = 200  # of images, in memory
SUMS = (EffortGroup, EffortDay, StateDay, JudgementGroup, ProjectSize, FolderSize)


def all_projects(session: Session) -> Sequence[int]:
    """The numbers of all projects, copies and trash among them, ascending."""
    return session.scalars(select(Project.id).order_by(Project.id)).all()


def sums_hold(session: Session, project_id: int) -> bool:
    """Whether each sum of a project is what its counted images add together.

    Args:
        session: that sees one snapshot.
        project_id: which project.
    """
    total, sizes = Contributions(), Counter[str]()
    rollups = select(ImageRollup.counted).where(ImageRollup.project_id == project_id)
    for counted in session.scalars(rollups.execution_options(yield_per=ROWS_AT_ONCE)):
        of_image = Contributions.from_json(counted)
        total.add(of_image)
        sizes.update(of_image.sizes())
    for sums in sums_of(project_id, total, sizes):
        keys = [column.name for column in sums.table.__table__.primary_key]
        named = [*keys, *sums.names]
        expected = {tuple(row[name] for name in named) for row in sums.rows}
        columns = [getattr(sums.table, name) for name in named]
        rows = session.execute(select(*columns).where(sums.table.project_id == project_id))
        if expected != {tuple(row) for row in rows if any(row[len(keys) :])}:
            return False
    return True


def images_hold(session: Session, project_id: int, after: int, limit: int) -> tuple[bool, int | None]:
    """Whether what counted images of a project add is what their rows say; those that are due are left out.

    Args:
        session: that sees one snapshot.
        project_id: which project.
        after: only images with higher numbers.
        limit: images at most.

    Returns:
        (whether, the number of the last image that was looked at; None: there are no more).
    """
    images = session.execute(
        select(
            Image.id,
            Image.file_name,
            Image.created,
            Image.state,
            Image.state_changed,
            Image.state_user_id,
            Image.author_id,
            Image.trashed,
            ImageRollup.gone,
            ImageRollup.counted,
        )
        .outerjoin(ImageRollup, ImageRollup.image_id == Image.id)
        .where(Image.project_id == project_id, Image.id > after, Image.revision == Image.counted_revision)
        .order_by(Image.id)
        .limit(limit)
    ).all()
    if not images:
        return True, None
    here = [image for image in images if image.trashed is None or image.gone is False]  # others are in no figures
    found = contributions_of(session, here)
    holds = all(
        image.counted is not None and found[image.id].to_json() == Contributions.from_json(image.counted).to_json()
        for image in here
    )
    return holds, images[-1].id


def count_anew(session: Session, project_id: int) -> None:
    """Forget all sums of a project, so that the thread that counts makes them again; sizes are right meanwhile.

    To do so twice, or while others save or count, does no harm: what was counted before is not put in after.

    Args:
        session: of a writing transaction.
        project_id: which project.
    """
    wait_to_be(Only.CHANGES_SUMS, session)
    images = update(Image).where(Image.project_id == project_id)
    session.execute(images.values(counted_revision=NEVER).execution_options(synchronize_session=False))
    for table in (ImageRollup, *SUMS):
        session.execute(
            delete(table).where(table.project_id == project_id).execution_options(synchronize_session=False)
        )
