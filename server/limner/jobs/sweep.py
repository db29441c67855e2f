"""Removing blobs that no row names any more: what belongs to images, and snapshots.

Deleting an image for good deletes rows. When it was the last of its bytes, an item of the kind ``sweep`` is left, due
after a day of grace. Whoever is about to rely on blobs that may be there already has that day start anew
(:func:`revive`). The sweeper looks and removes in one transaction that locks the item, so an import in another process
either comes before it, and the item is not due any more, or after it, and finds nothing and writes everything.

Imports that were killed between their blobs and their row leave no item. They are found by walking through all blobs;
those that were killed while they wrote a file leave a part of it, which goes on the same walk.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from limner.atomic import remove_leftovers
from limner.blobs import BlobStore, display_key, embedding_key, image_key, region_folder, snapshot_key, thumbnail_key
from limner.encoding.wire import DTYPES
from limner.jobs import queue
from limner.jobs.kinds import SWEEP, Priority
from limner.store import Database
from limner.store.images import is_used
from limner.store.snapshots import snapshots_of
from limner.store.tables import Embedding, Image, JobItem
from limner.store.types import utc_now
from limner.store.upsert import insert_for

GRACE = timedelta(hours=24)
AT_ONCE = 50  # items that one claim takes
BATCH = 500  # hashes in one statement
SHA256 = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")

logger = structlog.get_logger(__name__)


def unreference(session: Session, sha256s: Sequence[str], now: datetime | None = None) -> None:
    """No row names these images any more: their blobs are removed after the grace, unless one does again."""
    now = now or utc_now()
    for start in range(0, len(sha256s), BATCH):
        items = _items(session, sha256s[start : start + BATCH], now)
        again = {"state": "waiting", "holder": None, "lease_until": None, "not_before": now + GRACE}
        session.execute(items.on_conflict_do_update(**_WITHOUT_JOB, set_=again))


def revive(database: Database, sha256: str, now: datetime | None = None) -> None:
    """Somebody is going to name an image, and relies on what is stored of it: the day of grace starts anew.

    Waits while the sweeper is removing just this image.
    """
    mine = (JobItem.kind == SWEEP) & (JobItem.key == sha256)
    with database.read() as session:
        if session.scalar(select(JobItem.id).where(mine)) is None:
            return
    with database.write() as session:
        session.execute(
            update(JobItem)
            .where(mine)
            .values(state="waiting", holder=None, lease_until=None, not_before=(now or utc_now()) + GRACE)
        )


def abandon(database: Database, sha256: str) -> None:
    """Blobs of an image were written, but no row: the sweeper is to find out whether anybody else needs them.

    They are not removed at once, for another process may be relying on what was written here. When even this cannot
    be written down, the walk through all blobs finds them.
    """
    try:
        with database.write() as session:
            unreference(session, [sha256])
    except SQLAlchemyError as error:
        logger.warning("left over until all blobs are walked through", image_sha256=sha256, error=str(error))


def sweep(database: Database, blobs: BlobStore, holder: str, now: datetime | None = None) -> int:
    """Remove what is due; how many images that were."""
    removed = 0
    folders = list(_embedding_folders(blobs))
    while True:
        with database.read() as session:
            if not queue.claimable(session, [SWEEP], now):
                return removed
        with database.write() as session:
            claims = queue.claim(session, [SWEEP], AT_ONCE, holder, now=now)
        for claim in claims:
            removed += _remove(database, blobs, claim.key, folders, holder)


def find_unreferenced(database: Database, blobs: BlobStore) -> int:
    """Walk through all blobs and leave an item for each image that no row names; how many that are.

    Parts of blobs that nobody has been writing to for a day are removed on the way.
    """
    if blobs.folder is not None:
        remove_leftovers(blobs.folder, GRACE.total_seconds())
    found = 0
    for sha256s in _in_batches(_named_by_blobs(blobs)):
        with database.read() as session:
            known = set(session.scalars(select(Image.sha256).where(Image.sha256.in_(sha256s))))
            known |= snapshots_of(session, sha256s)
            known |= set(session.scalars(select(JobItem.key).where(JobItem.kind == SWEEP, JobItem.key.in_(sha256s))))
        if lost := [sha256 for sha256 in sha256s if sha256 not in known]:
            with database.write() as session:
                session.execute(_items(session, lost, utc_now()).on_conflict_do_nothing(**_WITHOUT_JOB))
            found += len(lost)
    return found


_WITHOUT_JOB = {"index_elements": ["kind", "key"], "index_where": text("job_id IS NULL")}


def _items(session: Session, sha256s: Sequence[str], now: datetime) -> Any:
    common = {"kind": SWEEP, "priority": int(Priority.BULK), "state": "waiting", "not_before": now + GRACE}
    more = {"attempts": 0, "crashes": 0, "payload": {}, "message": "", "created": now}
    return insert_for(session, JobItem).values([{**common, **more, "key": sha256} for sha256 in sha256s])


def _remove(database: Database, blobs: BlobStore, sha256: str, folders: Sequence[tuple[str, int]], holder: str) -> bool:
    """Remove everything stored of an image, unless a row names it again or somebody is about to."""
    keys = list(_keys(blobs, sha256, folders))
    with database.write() as session:
        mine = (JobItem.kind == SWEEP) & (JobItem.key == sha256) & (JobItem.holder == holder)
        item = session.scalar(select(JobItem).where(mine, JobItem.state == "running").with_for_update())
        if item is None:
            return False
        session.delete(item)
        if is_used(session, sha256) or snapshots_of(session, [sha256]):
            return False
        session.execute(delete(Embedding).where(Embedding.image_sha256 == sha256))
        session.flush()
        for key in keys:
            blobs.delete(key)
    return True


def _keys(blobs: BlobStore, sha256: str, folders: Sequence[tuple[str, int]]) -> Iterator[str]:
    """Where things may be stored of an image; the original last, by which the rest is found."""
    for model_sha256, version in folders:
        for dtype in DTYPES:
            yield embedding_key(sha256, model_sha256, version, dtype)
        for key, _ in blobs.list(region_folder(sha256, model_sha256, version)):
            yield key
    yield snapshot_key(sha256)
    yield thumbnail_key(sha256)
    yield display_key(sha256)
    yield image_key(sha256)


def _embedding_folders(blobs: BlobStore) -> Iterator[tuple[str, int]]:
    """(model sha256, preprocessing version) of everything that was ever encoded, of whichever model."""
    for model in blobs.folders("embeddings"):
        for version in blobs.folders(f"embeddings/{model}"):
            yield model, int(version)


def _named_by_blobs(blobs: BlobStore) -> Iterator[str]:
    for folder in ("images", "display", "thumbnails", "snapshots"):
        for key, _ in blobs.list(folder):
            if found := SHA256.search(key):
                yield found.group()
    for key, _ in blobs.list("embeddings"):
        if len(found_all := SHA256.findall(key)) > 1:  # the model's and the image's
            yield found_all[1]


def _in_batches(sha256s: Iterable[str]) -> Iterator[list[str]]:
    batch: dict[str, None] = {}
    for sha256 in sha256s:
        batch[sha256] = None
        if len(batch) == BATCH:
            yield list(batch)
            batch = {}
    if batch:
        yield list(batch)
