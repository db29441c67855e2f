"""Jobs as rows: what somebody started on a project, and how far it is. ``limner.jobs`` does what they ask for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from limner.errors import Conflict, NotFound
from limner.store.events import add_event
from limner.store.tables import Job
from limner.vocabulary.events import JobEvent
from limner.vocabulary.states import JobKindName, JobStateName

UNFINISHED = ("running", "paused", "failed")


def create_job(session: Session, project_id: int, kind: str, total: int, payload: dict[str, Any]) -> Job:
    """A new running job.

    Raises:
        Conflict: when the project has one of this kind that is running or can be resumed.
    """
    busy = unfinished_job(session, project_id, kind)
    if busy is not None:
        raise Conflict(
            f"Job {busy.id} is {busy.state} on this project already.",
            hint="Resume it, or cancel it first.",
            details={"job_id": busy.id},
        )
    job = Job(project_id=project_id, kind=kind, state="running", total=total, done=0, failed=0, message="")
    job.cursor, job.payload = 0, payload
    session.add(job)
    session.flush()
    return job


def unfinished_job(session: Session, project_id: int, kind: str) -> Job | None:
    """The job of this kind that is running on a project or can be resumed."""
    return session.scalar(select(Job).where(Job.project_id == project_id, Job.kind == kind, Job.state.in_(UNFINISHED)))


def get_job(session: Session, job_id: int) -> Job:
    """The job with this number.

    Raises:
        NotFound: when there is none.
    """
    job = session.get(Job, job_id)
    if job is None:
        raise NotFound.row("job", job_id)
    return job


def list_jobs(session: Session, project_id: int, limit: int = 100) -> Sequence[Job]:
    """The newest jobs of a project, newest first."""
    return session.scalars(select(Job).where(Job.project_id == project_id).order_by(Job.id.desc()).limit(limit)).all()


def lock_job(session: Session, job_id: int) -> Job:
    """The job as it is now, locked until the end of the transaction.

    Raises:
        NotFound: when there is none.
    """
    found = select(Job).where(Job.id == job_id).with_for_update()
    job = session.scalar(found.execution_options(populate_existing=True))
    return get_job(session, job_id) if job is None else job


def jobs_in_state(session: Session, kind: str, state: JobStateName) -> Sequence[Job]:
    """All jobs of a kind in this state, oldest first."""
    return session.scalars(select(Job).where(Job.state == state, Job.kind == kind).order_by(Job.id)).all()


def announce_job(session: Session, job: Job) -> None:
    """Tell the pages of the project how the job stands."""
    session.flush()
    event = JobEvent(
        id=job.id,
        project_id=job.project_id,
        kind=cast(JobKindName, job.kind),
        state=cast(JobStateName, job.state),
        done=job.done,
        total=job.total,
        failed=job.failed,
        message=job.message,
        model=job.model,
        created=job.created,
        updated=job.updated,
    )
    add_event(session, event, job.project_id)
