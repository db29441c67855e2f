"""Jobs that encode all images of a project ahead of time, also those that are added while they run.

Their items are made a window of images at a time, whenever none of them waits: a transaction is short however large the
project is, and pausing or cancelling touches few rows. What is encoded already is passed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import CursorResult, func, insert, literal, select
from sqlalchemy.orm import Session

from limner.jobs import model_change
from limner.jobs.control import finish_if_done
from limner.jobs.kinds import PAYLOADS, PrecomputePayload, Priority, encode_kind
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
    counted_until = PAYLOADS[job.kind].model_validate(job.payload).counted_until
    window = select(Image.id).where(Image.project_id == job.project_id, Image.id > job.cursor)
    if job.cursor < counted_until:
        window = window.where(Image.id <= counted_until)
    last = session.scalar(select(func.max(window.order_by(Image.id).limit(WINDOW).subquery().c.id)))
    if last is None:
        if job.cursor < counted_until:
            job.cursor = counted_until
            return True
        if finish_if_done(session, job) and job.kind == model_change.KIND:
            model_change.switch_after(session, job, key)
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


def encoding_jobs(session: Session, state: JobStateName, default: EmbeddingKey) -> Sequence[tuple[Job, EmbeddingKey]]:
    """Jobs in this state that want embeddings, oldest first, and of which model; ``default`` is the installation's."""
    found = [job for kind in PAYLOADS for job in jobs_in_state(session, kind, state)]
    return [(job, encoding_key(job, default)) for job in sorted(found, key=lambda job: job.id)]


def encoding_key(job: Job, default: EmbeddingKey) -> EmbeddingKey:
    """Which embeddings a job wants."""
    return PAYLOADS[job.kind].model_validate(job.payload).key(default)
