"""Background work and its progress. What is done already is visible in the data, so running a job again is harmless."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from limner.errors import Conflict, NotFound
from limner.store.events import add_event
from limner.store.tables import Job
from limner.store.types import utc_now

JobKind = Literal["precompute"]
JobState = Literal["running", "paused", "done", "cancelled", "failed"]
JobAction = Literal["pause", "resume", "cancel"]

UNFINISHED = ("running", "paused", "failed")

# action: (states in which it makes sense, state that it leads to)
TRANSITIONS: dict[JobAction, tuple[frozenset[str], JobState]] = {
    "pause": (frozenset({"running"}), "paused"),
    "resume": (frozenset({"paused", "failed"}), "running"),
    "cancel": (frozenset({"running", "paused", "failed"}), "cancelled"),
}


def create_job(session: Session, project_id: int, kind: JobKind, total: int, done: int) -> Job:
    """A new running job.

    Raises:
        Conflict: when the project has one of this kind that is running or can be resumed.
    """
    busy = session.scalar(select(Job).where(Job.project_id == project_id, Job.kind == kind, Job.state.in_(UNFINISHED)))
    if busy is not None:
        raise Conflict(
            f"Job {busy.id} is {busy.state} on this project already.",
            hint="Resume it, or cancel it first.",
            details={"job_id": busy.id},
        )
    job = Job(project_id=project_id, kind=kind, state="running", total=total, done=done, failed=0, message="")
    session.add(job)
    session.flush()
    return job


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


def jobs_in_state(session: Session, state: JobState) -> Sequence[Job]:
    """All jobs in this state, oldest first."""
    return session.scalars(select(Job).where(Job.state == state).order_by(Job.id)).all()


def act_on_job(job: Job, action: JobAction) -> None:
    """Pause, resume or cancel a job.

    Raises:
        Conflict: when that makes no sense in the state that the job is in.
    """
    allowed, state = TRANSITIONS[action]
    if job.state not in allowed:
        raise Conflict(
            f"Job {job.id} is {job.state}; it cannot be told to {action}.",
            hint=f"Possible when it is {' or '.join(sorted(allowed))}.",
        )
    job.state, job.updated = state, utc_now()
    if action == "resume":
        job.message = ""


def announce_job(session: Session, job: Job) -> None:
    """Tell the pages of the project how the job stands. The last thing in a transaction."""
    session.flush()
    add_event(session, "job", job_facts(job), job.project_id)


def job_facts(job: Job) -> dict[str, object]:
    """The job as JSON: what the API answers and what the event says."""
    return {
        "id": job.id,
        "project_id": job.project_id,
        "kind": job.kind,
        "state": job.state,
        "done": job.done,
        "total": job.total,
        "failed": job.failed,
        "message": job.message,
        "created": job.created.isoformat(),
        "updated": job.updated.isoformat(),
    }
