"""An export in parts that any number of workers write: a job whose items are ranges of images.

Each part is a COCO file of its own, of the project as it is when the part is written; an image is in one part alone.
A part that is written twice is written over. :mod:`limner.jobs.exported` has the parts afterwards.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import structlog
from pydantic import BaseModel, ConfigDict, TypeAdapter
from sqlalchemy import and_, insert, select
from sqlalchemy.orm import Session

from limner.blobs import BlobStore
from limner.errors import InvalidInput, LimnerError
from limner.formats.coco.exporting import export_coco
from limner.formats.exports import ExportChoice
from limner.jobs import queue
from limner.jobs.control import finish_if_done
from limner.jobs.exported import KIND, shard_key
from limner.jobs.kinds import EXPORT, Priority
from limner.jobs.working import Runner, WorkLoop
from limner.store import Database
from limner.store.export_choice import chosen_images
from limner.store.jobs import announce_job, create_job, get_job
from limner.store.projects import get_project
from limner.store.tables import Image, Job, JobItem
from limner.store.types import utc_now

HEARTBEAT = 15.0  # s, a quarter of a lease
MAX_SHARDS = 100_000

logger = structlog.get_logger(__name__)
_CHOICE = TypeAdapter(ExportChoice)


class _Range(BaseModel):
    """Of an item: numbers of images, the first excluded."""

    model_config = ConfigDict(frozen=True)

    number: int
    after: int
    until: int


@dataclass(frozen=True)
class _Shard:
    job_id: int
    project_id: int
    key: str
    images: _Range
    choice: ExportChoice


def start_export(session: Session, project_id: int, choice: ExportChoice, images_each: int) -> Job:
    """Start a job that writes the images of a choice in parts of so many each.

    Raises:
        NotFound: no such project.
        Conflict: the project has an unfinished job of this kind.
        InvalidInput: the choice is of several files, takes no image, or would come to too many parts.
    """
    get_project(session, project_id)
    if not choice.is_one_file:
        raise InvalidInput("Parts are COCO without images.", hint="Leave out the other format, images and the split.")
    ranges = list(_ranges(session, project_id, choice, images_each))
    if not ranges:
        raise InvalidInput("The choice takes no image.", hint="Choose others: --which all, for instance.")
    job = create_job(session, project_id, KIND, len(ranges), _CHOICE.dump_python(choice, mode="json"))
    now = utc_now()
    fixed = {"job_id": job.id, "kind": EXPORT, "priority": int(Priority.BULK), "state": "waiting", "not_before": now}
    fixed |= {"attempts": 0, "crashes": 0, "message": "", "created": now}
    rows = [{**fixed, "key": f"shard-{job.id}-{each.number}", "payload": each.model_dump()} for each in ranges]
    session.execute(insert(JobItem), rows)
    announce_job(session, job)
    return job


def _ranges(session: Session, project_id: int, choice: ExportChoice, images_each: int) -> Iterator[_Range]:
    chosen = and_(Image.project_id == project_id, chosen_images(project_id, choice.among))
    after = 0
    for number in range(1, MAX_SHARDS + 2):
        numbers = select(Image.id).where(chosen, Image.id > after).order_by(Image.id).limit(images_each)
        found = session.scalars(numbers).all()
        if not found:
            return
        if number > MAX_SHARDS:
            raise InvalidInput(f"That is more than {MAX_SHARDS:,} parts.", hint="Put more images into each.")
        yield _Range(number=number, after=after, until=found[-1])
        after = found[-1]


class ShardWriter(Runner):
    """Writes parts of exports, one after the other, in a thread of its own.

    Args:
        database: with the jobs.
        blobs: where parts go.
        holder: the name under which items are held.
    """

    def __init__(self, database: Database, blobs: BlobStore, holder: str) -> None:
        self._database, self._blobs, self._holder = database, blobs, holder
        super().__init__(WorkLoop("exports", self._write_next))

    def _write_next(self) -> bool:
        shard = self._claim()
        if shard is not None:
            self._write(shard)
        return shard is not None

    def _claim(self) -> _Shard | None:
        with self._database.read() as session:  # nobody who saves waits for a look that finds nothing
            if not queue.claimable(session, [EXPORT]):
                return None
        with self._database.write(durable=False) as session:
            claims = queue.claim(session, [EXPORT], 1, self._holder)
            if not claims:
                return None
            row = session.get_one(JobItem, claims[0].id)
            assert row.job_id is not None
            job = get_job(session, row.job_id)
            images = _Range.model_validate(claims[0].payload)
            return _Shard(job.id, job.project_id, claims[0].key, images, _CHOICE.validate_python(job.payload))

    def _write(self, shard: _Shard) -> None:
        try:
            with tempfile.TemporaryDirectory(prefix="limner-export-") as folder:
                file = Path(folder) / "part"
                with file.open("wb") as out:
                    whole = self._fill(shard, out)
                if not whole:
                    return
                self._blobs.put(shard_key(shard.job_id, shard.images.number), file, replace=True)
        except (LimnerError, OSError) as error:
            logger.error("a part of an export could not be written", job=shard.job_id, part=shard.images.number)
            with self._database.write() as session:
                for job_id in queue.fail(session, EXPORT, [shard.key], str(error), lasting=False):
                    self._tell(session, job_id)
            return
        with self._database.write() as session:
            for job_id in queue.done(session, EXPORT, [shard.key]):
                self._tell(session, job_id)

    def _tell(self, session: Session, job_id: int) -> None:
        job = get_job(session, job_id)
        if not finish_if_done(session, job):
            announce_job(session, job)

    def _fill(self, shard: _Shard, out: BinaryIO) -> bool:
        """Write the part; False when the item is not ours any more, or given back."""
        choice = shard.choice
        chosen = and_(
            chosen_images(shard.project_id, choice.among), Image.id > shard.images.after, Image.id <= shard.images.until
        )
        chunks = export_coco(
            self._database, shard.project_id, choice.segmentations, tolerance=choice.tolerance, chosen=chosen
        )
        beat = time.monotonic()
        for chunk in chunks:
            out.write(chunk)
            if self._loop.stopping.is_set():
                with self._database.write(durable=False) as session:
                    queue.release(session, [EXPORT], self._holder)
                return False
            if time.monotonic() - beat > HEARTBEAT:
                beat = time.monotonic()
                with self._database.write(durable=False) as session:
                    if shard.key not in queue.heartbeat(session, [EXPORT], self._holder):
                        return False
        return True
