"""Jobs that make suggestions for all images of a project, or assess and rank them: begun, given items, ended.

Items are made a window of images at a time, as those of ``precompute`` are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import CursorResult, String, func, insert, literal, select
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import Session

from limner.jobs import queue
from limner.jobs.control import finish_if_done
from limner.jobs.kinds import Priority, SuggestPayload, suggest_kind
from limner.store import Database
from limner.store.jobs import announce_job, create_job, get_job, lock_job
from limner.store.projects import get_project
from limner.store.ranking import forget_ranks, put_ranks, ranking_of
from limner.store.tables import Image, ImageAssessment, Job, JobItem
from limner.store.types import JSON_OBJECT, UtcDateTime, utc_now
from limner.vocabulary.suggested import Assess, Marked, MarkedObject

KIND = "suggest"
RANK = "rank"  # jobs that assess all images, and then rank them
WINDOW = 500  # images made items of in one transaction


def start_suggest(session: Session, project_id: int, payload: SuggestPayload) -> Job:
    """Start a job that makes suggestions for all images of a project, also those that are added while it runs.

    Where the payload asks for assessments, the job is one that ranks them in the end.

    Raises:
        NotFound: no such project.
        Conflict: the project has an unfinished job of this kind.
    """
    get_project(session, project_id)
    total = session.scalar(select(func.count(Image.id)).where(Image.project_id == project_id)) or 0
    kind = RANK if isinstance(payload.request, Assess) else KIND
    job = create_job(session, project_id, kind, total, payload.model_dump(mode="json"))
    announce_job(session, job)
    return job


def start_marked(session: Session, project_id: int, payload: SuggestPayload, images: int) -> Job:
    """Start a job that makes masks of what files mark; :func:`add_marked` gives it its items.

    Args:
        session: of a writing transaction.
        project_id: whose images they are.
        payload: of the job, whose request names all objects by their digest; with the last image.
        images: how many will get items.

    Raises:
        Conflict: the project has an unfinished job of this kind.
    """
    job = create_job(session, project_id, KIND, images, payload.model_dump(mode="json"))
    announce_job(session, job)
    return job


def add_marked(session: Session, job: Job, marked: Sequence[tuple[int, Sequence[MarkedObject]]]) -> bool:
    """Give a running job of what files mark the items of its next images, each with its own objects.

    Args:
        session: of a writing transaction.
        job: made by :func:`start_marked`; its cursor is the last image that has an item.
        marked: (number of an image, objects on it), ascending, ``WINDOW`` of them at most.

    Returns:
        Whether the job still goes on.
    """
    lock_job(session, job.id)
    if job.state not in ("running", "paused"):
        return False
    payload = SuggestPayload.model_validate(job.payload)
    now = utc_now()
    rows = [
        {
            "job_id": job.id,
            "kind": suggest_kind(payload.model_sha256),
            "key": str(image_id),
            "priority": int(Priority.BULK),
            "state": "waiting" if job.state == "running" else "paused",
            "not_before": now,
            "attempts": 0,
            "crashes": 0,
            "payload": payload.model_copy(update={"request": Marked(objects=tuple(objects))}).model_dump(mode="json"),
            "message": "",
            "created": now,
        }
        for image_id, objects in marked
        if image_id > job.cursor
    ]
    if rows:
        session.execute(insert(JobItem), rows)
        job.cursor = marked[-1][0]
    return True


def make_items(session: Session, job: Job) -> bool:
    """Make items of the next images of a running job; end the job when there are no more.

    A job of what files mark gets its items by :func:`add_marked`, and ends when it has had all. One that ranks is not
    ended: :meth:`SuggestQueue.claim` does what is left; images that the model has assessed before count as done.

    Returns:
        Whether items were made.
    """
    lock_job(session, job.id)
    if job.state != "running":
        return False
    payload = SuggestPayload.model_validate(job.payload)
    if isinstance(payload.request, Marked):
        if payload.last_image is None or job.cursor >= payload.last_image:
            finish_if_done(session, job)
        return False
    window = select(Image.id).where(Image.project_id == job.project_id, Image.id > job.cursor)
    last = session.scalar(select(func.max(window.order_by(Image.id).limit(WINDOW).subquery().c.id)))
    if last is None:
        if job.kind != RANK:
            finish_if_done(session, job)
        return False
    now = literal(utc_now(), UtcDateTime)
    items: dict[Any, Any] = {
        JobItem.job_id: literal(job.id),
        JobItem.kind: literal(suggest_kind(payload.model_sha256)),
        JobItem.key: sql_cast(Image.id, String),
        JobItem.priority: literal(int(Priority.BULK)),
        JobItem.state: literal("waiting"),
        JobItem.not_before: now,
        JobItem.attempts: literal(0),
        JobItem.crashes: literal(0),
        JobItem.payload: literal(job.payload, JSON_OBJECT),
        JobItem.message: literal(""),
        JobItem.created: now,
    }
    images = select(*items.values()).where(Image.project_id == job.project_id, Image.id > job.cursor, Image.id <= last)
    if job.kind == RANK:
        known = select(ImageAssessment.image_id).where(ImageAssessment.model_sha256 == payload.model_sha256)
        some = session.scalar(select(func.count()).select_from(images.where(Image.id.in_(known)).subquery())) or 0
        images = images.where(Image.id.not_in(known))
        job.done += some
    made = session.execute(
        insert(JobItem).from_select(list(items), images.order_by(Image.id), include_defaults=False),
        execution_options={"preserve_rowcount": True},
    )
    count = cast("CursorResult[Any]", made).rowcount
    job.total = max(job.total, job.done + job.failed + count)  # images were added since it was counted
    job.cursor = last
    return True


def rank_assessed(database: Database, job_id: int) -> None:
    """Rank the images of a job once all are assessed, some at a time, and end it. What is cut off is done again."""
    with database.read() as session:
        job = get_job(session, job_id)
        if queue.open_items(session, job_id):
            return
        payload = SuggestPayload.model_validate(job.payload)
        by = payload.request.by if isinstance(payload.request, Assess) else "both"
        order = ranking_of(session, job.project_id, payload.model_sha256, by)
    forgotten = WINDOW
    while forgotten == WINDOW:
        with database.write() as session:
            forgotten = forget_ranks(session, job.project_id, WINDOW)
    for start in range(0, len(order), WINDOW):
        some = order[start : start + WINDOW]
        with database.write() as session:
            put_ranks(session, some, start + 1)
    with database.write() as session:
        finish_if_done(session, get_job(session, job_id))
