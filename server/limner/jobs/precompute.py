"""The job that encodes all images of a project ahead of time, also those that are added while it runs.

Its items are made a window of images at a time, whenever none of them waits: a transaction is short however large the
project is, and pausing or cancelling touches few rows. What is encoded already is passed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import CursorResult, func, insert, literal, select
from sqlalchemy.orm import Session

from limner.jobs.control import finish_if_done
from limner.jobs.kinds import PrecomputePayload, Priority, encode_kind
from limner.store.embeddings import EmbeddingKey, embedded
from limner.store.jobs import announce_job, create_job, jobs_in_state, lock_job
from limner.store.projects import get_project
from limner.store.tables import Image, Job, JobItem
from limner.store.types import JSON_OBJECT, UtcDateTime, utc_now
from limner.vocabulary.states import JobStateName

KIND = "precompute"
WINDOW = 500  # images looked at in one transaction


def count_unencoded(session: Session, project_id: int, key: EmbeddingKey) -> tuple[int, int]:
    """How many images of a project have no embedding, and the number of the last image. Reads the whole project."""
    images = select(func.count(Image.id).filter(~embedded(key)), func.max(Image.id))
    left, last = session.execute(images.where(Image.project_id == project_id)).one()
    return left, last or 0


def start_precompute(session: Session, project_id: int, key: EmbeddingKey, counted: tuple[int, int]) -> Job:
    """Start a job.

    Args:
        session: of a writing transaction.
        project_id: whose images.
        key: the model.
        counted: what :func:`count_unencoded` said; asked in a transaction of its own, for it takes a while.

    Raises:
        NotFound: no such project.
        Conflict: the project has an unfinished job of this kind.
    """
    get_project(session, project_id)
    total, last = counted
    payload = PrecomputePayload(
        model_sha256=key.model_sha256, preprocessing_version=key.preprocessing_version, counted_until=last
    )
    job = create_job(session, project_id, KIND, total, payload.model_dump())
    announce_job(session, job)
    return job


def make_items(session: Session, job: Job, key: EmbeddingKey) -> bool:
    """Make items of the next images of a running job; end the job when there are no more.

    Returns:
        Whether there may be more images to look at.
    """
    lock_job(session, job.id)
    if job.state != "running":
        return False
    counted_until = PrecomputePayload.model_validate(job.payload).counted_until
    window = select(Image.id).where(Image.project_id == job.project_id, Image.id > job.cursor)
    if job.cursor < counted_until:
        window = window.where(Image.id <= counted_until)
    last = session.scalar(select(func.max(window.order_by(Image.id).limit(WINDOW).subquery().c.id)))
    if last is None:
        if job.cursor < counted_until:
            job.cursor = counted_until
            return True
        finish_if_done(session, job)
        return False
    now = literal(utc_now(), UtcDateTime)
    items: dict[Any, Any] = {
        JobItem.job_id: literal(job.id),
        JobItem.kind: literal(encode_kind(key)),
        JobItem.key: Image.sha256,
        JobItem.priority: literal(int(Priority.BULK)),
        JobItem.state: literal("waiting"),
        JobItem.not_before: now,
        JobItem.attempts: literal(0),
        JobItem.crashes: literal(0),
        JobItem.payload: literal({}, JSON_OBJECT),
        JobItem.message: literal(""),
        JobItem.created: now,
    }
    missing = (
        select(*items.values())
        .where(Image.project_id == job.project_id, Image.id > job.cursor, Image.id <= last, ~embedded(key))
        .order_by(Image.id)
    )
    made = session.execute(
        insert(JobItem).from_select(list(items), missing, include_defaults=False),
        execution_options={"preserve_rowcount": True},
    )
    if job.cursor >= counted_until:
        job.total += cast("CursorResult[Any]", made).rowcount
    job.cursor = last
    return True


def precompute_jobs(session: Session, state: JobStateName, key: EmbeddingKey) -> Sequence[Job]:
    """Jobs in this state that want embeddings of this model, oldest first."""
    found = jobs_in_state(session, KIND, state)
    return [job for job in found if PrecomputePayload.model_validate(job.payload).is_for(key)]
