"""The folders that images of a project are in, without reading a million names: sums, and what they do not know yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from heapq import nsmallest

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from limner.store.sizes import batches, late_in
from limner.store.tables import FolderSize, Image
from limner.vocabulary.listing import natural_key
from limner.vocabulary.names import folder_of

ROWS_AT_ONCE = 1_000  # folders in memory, of those that are counted by their images


def folders_of(session: Session, project_id: int, limit: int) -> Sequence[tuple[str, int]]:
    """(path, how many images are right in it) of the folders that have any, as people order paths.

    Args:
        session: that sees one snapshot, as :func:`limner.store.sizes.late_in` wants it.
        project_id: of which project.
        limit: folders at most: the first ones by the code points of their paths.
    """
    late = late_in(session, [project_id])
    if late.everything:
        images = _count_images(session, project_id, limit)
    else:
        change: Counter[str] = Counter()
        for some in batches(late.images):
            names = session.scalars(select(Image.file_name).where(Image.id.in_(some)))
            change.update(folder for name in names if (folder := folder_of(name)))
        for old in late.old.get(project_id, ()):
            change.subtract(old.folders)
        images = _add_to_sums(session, project_id, change, limit)
    return sorted(images.items(), key=lambda each: (natural_key(each[0]), each[0]))


def _add_to_sums(session: Session, project_id: int, change: Mapping[str, int], limit: int) -> Mapping[str, int]:
    """The first folders by the sums and what changed since; of the sums no more are read than may be among them."""
    first = select(FolderSize.path, FolderSize.images).where(FolderSize.project_id == project_id)
    found = Counter(dict(session.execute(first.order_by(FolderSize.path).limit(limit + len(change))).all()))
    missing = [path for path in change if path not in found]
    if missing:
        found.update(dict(session.execute(first.where(FolderSize.path.in_(missing))).all()))
    found.update(change)
    return {path: found[path] for path in nsmallest(limit, (path for path, images in found.items() if images))}


def _count_images(session: Session, project_id: int, limit: int) -> Mapping[str, int]:
    """The first folders by the names of all images: 2 µs each."""
    beginning = func.rtrim(Image.file_name, func.replace(Image.file_name, "/", ""))  # up to the last slash, with it
    counted = select(beginning, func.count()).where(Image.project_id == project_id, Image.file_name.contains("/"))
    rows = session.execute(counted.group_by(beginning).execution_options(yield_per=ROWS_AT_ONCE))
    return dict(nsmallest(limit, ((path.rstrip("/"), int(images)) for path, images in rows)))
