"""Snapshots: the annotations of a project as they stood once, as files that rows name."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Self

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from limner.errors import Conflict, InvalidInput, NotFound
from limner.store.tables import Annotation, Image, Snapshot
from limner.vocabulary.names import check_text, one_line


class SnapshotExists(Conflict):
    """The project has a snapshot of this name."""

    code = "snapshot_exists"


class OtherProject(InvalidInput):
    """Two snapshots are of different projects."""

    code = "other_project"

    @classmethod
    def of(cls, one: str, other: str) -> Self:
        """Name both."""
        return cls(f"{one!r} and {other!r} are snapshots of different projects.", hint="Compare two of one project.")


def check_name(session: Session, project_id: int, name: str) -> str:
    """The name as it is kept.

    Raises:
        InvalidInput: it is none that can be kept.
        SnapshotExists: a snapshot of the project has it.
    """
    name = check_text(one_line(name), "snapshot name")
    taken = select(Snapshot.id).where(Snapshot.project_id == project_id, Snapshot.name == name)
    if session.scalar(taken) is not None:
        raise SnapshotExists(
            f"The project has a snapshot {name!r} already; it never changes.", hint="Choose another name."
        )
    return name


def get_snapshot(session: Session, snapshot_id: int) -> Snapshot:
    """The snapshot with this number.

    Raises:
        NotFound: when there is none.
    """
    snapshot = session.get(Snapshot, snapshot_id)
    if snapshot is None:
        raise NotFound.row("snapshot", snapshot_id)
    return snapshot


def list_snapshots(session: Session, project_id: int) -> Sequence[Snapshot]:
    """Those of a project, oldest first."""
    return session.scalars(select(Snapshot).where(Snapshot.project_id == project_id).order_by(Snapshot.id)).all()


def snapshot_named(session: Session, project_id: int, name: str) -> Snapshot:
    """The snapshot of this name.

    Raises:
        NotFound: naming those that there are.
    """
    found = list_snapshots(session, project_id)
    for snapshot in found:
        if snapshot.name == one_line(name):
            return snapshot
    known = ", ".join(repr(each.name) for each in found) or "none"
    raise NotFound(f"The project has no snapshot {name!r}.", hint=f"There are: {known}.")


def count_content(session: Session, project_id: int) -> tuple[int, int]:
    """Images and annotations of a project, as an export of it has them."""
    images = select(func.count()).select_from(Image).where(Image.project_id == project_id)
    annotations = (
        select(func.count())
        .select_from(Annotation)
        .join(Image, Image.id == Annotation.image_id)
        .where(Image.project_id == project_id, Annotation.deleted.is_(None))
    )
    return session.scalar(images) or 0, session.scalar(annotations) or 0


def snapshots_of(session: Session, sha256s: Collection[str]) -> set[str]:
    """Which of these hashes are those of files that snapshots name."""
    return set(session.scalars(select(Snapshot.sha256).where(Snapshot.sha256.in_(sha256s))))


def delete_snapshots(session: Session, snapshots: Sequence[Snapshot]) -> list[str]:
    """Forget snapshots.

    Returns:
        Hashes of the files that no other snapshot names: they are no longer needed.
    """
    sha256s = {snapshot.sha256 for snapshot in snapshots}
    for snapshot in snapshots:
        session.delete(snapshot)
    session.flush()
    return sorted(sha256s - snapshots_of(session, sha256s))
