"""Parts of exports in the blob store, until they are fetched, a week at most."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from limner.blobs import BlobStore
from limner.errors import Conflict
from limner.store import Database
from limner.store.tables import Job
from limner.store.types import utc_now

KIND = "export"  # of jobs
KEPT = timedelta(days=7)
FOLDER = "exports"  # of the blob store


def shard_key(job_id: int, number: int) -> str:
    """The blob of a part; the first is number 1."""
    return f"{FOLDER}/{job_id}/{number:05}.json"


def parts_of(job: Job) -> Sequence[str]:
    """The blobs of an export, in their order.

    Raises:
        Conflict: some are not written.
    """
    if job.state != "done" or job.failed:
        raise Conflict(
            f"Job {job.id} is {job.state}. {job.message}".strip(), hint="Resume it, or try again what failed."
        )
    return [shard_key(job.id, number) for number in range(1, job.total + 1)]


def remove_parts(blobs: BlobStore, job_id: int | str) -> None:
    """Nobody needs the parts of an export any more.

    Raises:
        Unavailable: the blob store does not answer.
    """
    for key, _ in list(blobs.list(f"{FOLDER}/{job_id}")):
        blobs.delete(key)


def remove_old_parts(database: Database, blobs: BlobStore, now: datetime | None = None) -> int:
    """Remove parts that were not fetched in time, and those of jobs that are not there any more; of how many exports.

    Raises:
        Unavailable: the blob store does not answer.
    """
    removed = 0
    for name in blobs.folders(FOLDER):
        with database.read() as session:
            job = session.get(Job, int(name)) if name.isdecimal() else None
            wanted = job is not None and job.updated > (now or utc_now()) - KEPT
        if not wanted:
            remove_parts(blobs, name)
            removed += 1
    return removed
