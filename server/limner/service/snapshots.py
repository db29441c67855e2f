"""Snapshots of a project: taken, listed, read, compared with each other and with now, deleted."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from sqlalchemy.orm import Session

from limner.access import Actor, Permission, access_project, access_snapshot
from limner.atomic import write_file
from limner.blobs import Blob, snapshot_key
from limner.formats.coco.comparing import Comparison, Difference, compare_exports
from limner.formats.coco.exporting import coco_chunks, numbered_snapshot
from limner.formats.files import opener
from limner.jobs.sweep import abandon, revive, unreference
from limner.service.audit import log_action
from limner.service.wiring import Services
from limner.store import snapshots as store
from limner.store.names import names_of_users
from limner.store.tables import Snapshot

__all__ = ["Comparison", "Difference", "SnapshotInfo", "compare", "delete", "find", "list_all", "open_file", "take"]


@dataclass(frozen=True)
class SnapshotInfo:
    """The annotations of a project as they stood once.

    Attributes:
        id: its number.
        project_id: of which project.
        name: unlike those of the project's other snapshots.
        sha256: of its COCO file, which is the same for ever.
        bytes: of the file.
        images: how many.
        annotations: how many.
        user: who took it; None when it is not known.
        created: when.
    """

    id: int
    project_id: int
    name: str
    sha256: str
    bytes: int
    images: int
    annotations: int
    user: str | None
    created: datetime


def take(
    context: Services, actor: Actor, project_id: int, name: str, needed: Permission = Permission.EXPORT
) -> SnapshotInfo:
    """Keep the annotations of a project as they stand now, those on skipped images too.

    Args:
        context: the services.
        actor: who wants that.
        project_id: of the project.
        name: of the snapshot.
        needed: the permission for what the snapshot is taken for.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor lacks that permission.
        SnapshotExists: the project has one of this name.
        InvalidInput: the name is none that can be kept.
        StorageFull: the disk is full.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, needed)
        store.check_name(session, project_id, name)  # before it is written, which may take long
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "coco.json"
        written = _write(context, project_id, file)
        revive(context.database, written.sha256)
        context.blobs.put(snapshot_key(written.sha256), file)
    try:
        with context.database.write() as session:
            access_project(session, actor, project_id, needed)
            kept = store.check_name(session, project_id, name)
            row = Snapshot(project_id=project_id, name=kept, user_id=actor.user_id, **vars(written))
            session.add(row)
            session.flush()
            log_action(session, actor, "snapshot.take", "snapshot", row.id, project_id=project_id, name=kept)
            return _described(session, [row])[0]
    except BaseException:
        abandon(context.database, written.sha256)
        raise


def list_all(context: Services, actor: Actor, project_id: int) -> Sequence[SnapshotInfo]:
    """The snapshots of a project, oldest first.

    Raises:
        NotFound: there is no such project that the actor may see.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.VIEW)
        return _described(session, store.list_snapshots(session, project_id))


def find(context: Services, actor: Actor, project_id: int, name: str) -> SnapshotInfo:
    """The snapshot of this name.

    Raises:
        NotFound: there is none, or no such project that the actor may see.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.VIEW)
        return _described(session, [store.snapshot_named(session, project_id, name)])[0]


def open_file(context: Services, actor: Actor, snapshot_id: int) -> tuple[SnapshotInfo, Callable[[], Blob]]:
    """A snapshot, and what opens its COCO file.

    Raises:
        NotFound: there is none that the actor may see; when it is opened: the file is gone.
        Forbidden: the actor may not export.
    """
    with context.database.write() as session:
        row = access_snapshot(session, actor, snapshot_id, Permission.EXPORT)
        log_action(session, actor, "annotations.export", "snapshot", row.id, project_id=row.project_id, name=row.name)
        info = _described(session, [row])[0]
    return info, lambda: context.blobs.open(snapshot_key(info.sha256))


def delete(context: Services, actor: Actor, snapshot_id: int) -> None:
    """Forget a snapshot; its file goes a day later, unless another one is the same.

    Raises:
        NotFound: there is none that the actor may see.
        Forbidden: the actor does not manage the project.
    """
    with context.database.write() as session:
        row = access_snapshot(session, actor, snapshot_id, Permission.MANAGE_PROJECT)
        log_action(session, actor, "snapshot.delete", "snapshot", row.id, project_id=row.project_id, name=row.name)
        unreference(session, store.delete_snapshots(session, [row]))


def compare(
    context: Services,
    actor: Actor,
    before: int,
    after: int | None,
    found: Callable[[Difference], None],
) -> Comparison:
    """What differs between two snapshots of a project, or between one and now.

    Args:
        context: the services.
        actor: who asks.
        before: number of the older snapshot.
        after: number of the newer one; None for how the project stands now.
        found: told every annotation that differs.

    Raises:
        NotFound: there is no such snapshot that the actor may see.
        OtherProject: the two are of different projects.
        Forbidden: the actor may not export.
    """
    with context.database.read() as session:
        first = access_snapshot(session, actor, before, Permission.EXPORT)
        second = None if after is None else access_snapshot(session, actor, after, Permission.EXPORT)
        if second is not None and second.project_id != first.project_id:
            raise store.OtherProject.of(first.name, second.name)
        project_id = first.project_id
    with ExitStack() as stack:
        old = stack.enter_context(_as_file(context, project_id, first.sha256))
        new = stack.enter_context(_as_file(context, project_id, None if second is None else second.sha256))
        return compare_exports(old, new, found)


@dataclass(frozen=True)
class _Written:
    sha256: str
    bytes: int
    images: int
    annotations: int


def _write(context: Services, project_id: int, file: Path) -> _Written:
    """The COCO file of now, and what is in it."""
    digest, size = hashlib.sha256(), 0
    with numbered_snapshot(context.database, project_id) as session:

        def counted() -> Iterator[bytes]:
            nonlocal size
            for chunk in coco_chunks(session, project_id, "rle"):
                digest.update(chunk)
                size += len(chunk)
                yield chunk

        write_file(file, counted())
        images, annotations = store.count_content(session, project_id)
    return _Written(digest.hexdigest(), size, images, annotations)


@contextmanager
def _as_file(context: Services, project_id: int, sha256: str | None) -> Iterator[Callable[[], IO[bytes]]]:
    """What opens the file of a snapshot, or of now, as often as it is asked to."""
    blob = None if sha256 is None else context.blobs.open(snapshot_key(sha256))
    if blob is not None and blob.path is not None:
        yield opener(blob.path)
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "coco.json"
        if blob is None:
            _write(context, project_id, file)
        else:
            write_file(file, blob.chunks())
        yield opener(file)


def _described(session: Session, rows: Sequence[Snapshot]) -> list[SnapshotInfo]:
    names = names_of_users(session, [row.user_id for row in rows])
    return [
        SnapshotInfo(
            row.id,
            row.project_id,
            row.name,
            row.sha256,
            row.bytes,
            row.images,
            row.annotations,
            None if row.user_id is None else names.get(row.user_id),
            row.created,
        )
        for row in rows
    ]
