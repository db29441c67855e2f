"""Jobs as people steer them: pause, resume, cancel, retry; and what a job is when its encoder cannot run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from limner.errors import Conflict
from limner.jobs.queue import open_items, withdraw
from limner.store.jobs import announce_job, lock_job, unfinished_job
from limner.store.tables import Job, JobItem
from limner.store.types import utc_now
from limner.vocabulary.counted import counted
from limner.vocabulary.states import JobStateName

JobAction = Literal["pause", "resume", "cancel", "retry"]

# action: states in which it makes sense
ALLOWED: dict[JobAction, frozenset[JobStateName]] = {
    "pause": frozenset({"running"}),
    "resume": frozenset({"paused", "failed"}),
    "cancel": frozenset({"running", "paused", "failed"}),
    "retry": frozenset({"running", "done"}),
}

UNDONE = {"suggest": ("image", "looked through"), "rank": ("image", "looked through"), "export": ("part", "written")}
"""What the items of jobs are, by their kind, and what did not become of those that failed; of others: encoded."""


def act_on_job(session: Session, job: Job, action: JobAction) -> None:
    """Pause, resume or cancel a job, or have what failed in it tried again; tells the pages.

    Raises:
        Conflict: when that makes no sense in the state that the job is in.
    """
    lock_job(session, job.id)
    if job.state not in ALLOWED[action]:
        raise Conflict(
            f"Job {job.id} is {job.state}; it cannot be told to {action}.",
            hint=f"Possible when it is {' or '.join(sorted(ALLOWED[action]))}.",
        )
    match action:
        case "pause":
            _hold(session, job)
            job.state = "paused"
        case "resume":
            _let_go(session, job)
        case "cancel":
            session.execute(delete(JobItem).where(JobItem.job_id == job.id))
            job.state = "cancelled"
        case "retry":
            _retry(session, job)
    job.updated = utc_now()
    announce_job(session, job)


def stop_jobs(session: Session, jobs: Sequence[Job], reason: str) -> None:
    """Nobody can do what these running jobs need: they fail, and go on with :func:`revive_jobs`."""
    for job in jobs:
        _hold(session, job)
        job.state, job.message, job.updated = "failed", reason, utc_now()
        announce_job(session, job)


def revive_jobs(session: Session, jobs: Sequence[Job]) -> None:
    """What these failed jobs need can be done again."""
    for job in jobs:
        act_on_job(session, job, "resume")


def finish_if_done(session: Session, job: Job) -> bool:
    """End a running job that has nothing left to do and whose items were all made; tells the pages.

    Returns:
        Whether it ended.
    """
    lock_job(session, job.id)
    if job.state != "running" or open_items(session, job.id):
        return False
    job.state, job.total, job.updated = "done", job.done + job.failed, utc_now()
    things, undone = UNDONE.get(job.kind, ("image", "encoded"))
    job.message = f"{counted(job.failed, things)} could not be {undone}." if job.failed else ""
    announce_job(session, job)
    return True


def withdraw_image(session: Session, project_id: int, image_sha256: str, image_id: int) -> bool:
    """An image leaves a project: its jobs pass it over, and tell the pages. Whether one of them had it to do."""
    jobs = withdraw(session, project_id, image_sha256) | withdraw(session, project_id, str(image_id))
    for job_id in sorted(jobs):
        announce_job(session, lock_job(session, job_id))
    return bool(jobs)


def failures_of(session: Session, job_id: int, limit: int) -> Sequence[JobItem]:
    """The first items of a job that failed for good, each with its message."""
    failed = select(JobItem).where(JobItem.job_id == job_id, JobItem.state == "failed")
    return session.scalars(failed.order_by(JobItem.id).limit(limit)).all()


def _hold(session: Session, job: Job) -> None:
    """Nobody is to have the items of a job; who has some loses them at the next heartbeat."""
    _set_state(session, job, ("waiting", "running"), "paused")


def _let_go(session: Session, job: Job) -> None:
    _set_state(session, job, ("paused",), "waiting")
    job.state, job.message = "running", ""


def _retry(session: Session, job: Job) -> None:
    if job.kind == "change_model" and job.state == "done":  # its end would choose the model once more
        raise Conflict(
            f"Job {job.id} has changed the project's model already.",
            hint="Encode the project ahead of time: that tries everything that is missing.",
        )
    if not job.failed:
        raise Conflict(f"Nothing of job {job.id} has failed.", hint="There is nothing to try again.")
    other = unfinished_job(session, job.project_id, job.kind)
    if other is not None and other.id != job.id:
        raise Conflict(
            f"Job {other.id} is {other.state} on this project already.",
            hint="It tries everything that is missing.",
            details={"job_id": other.id},
        )
    failed = (JobItem.job_id == job.id) & (JobItem.state == "failed")
    again = session.scalar(select(func.count()).select_from(JobItem).where(failed)) or 0
    session.execute(
        update(JobItem)
        .where(failed)
        .values(state="waiting", attempts=0, crashes=0, not_before=utc_now())
        .execution_options(synchronize_session=False)
    )
    job.failed -= again
    job.state, job.message = "running", ""


def _set_state(session: Session, job: Job, before: tuple[str, ...], after: str) -> None:
    session.execute(
        update(JobItem)
        .where(JobItem.job_id == job.id, JobItem.state.in_(before))
        .values(state=after, holder=None, lease_until=None)
        .execution_options(synchronize_session=False)
    )
