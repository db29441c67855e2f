"""Background work on a project: started, listed, paused, resumed, cancelled, tried again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from limner.access import Actor, Permission, access_job, access_project
from limner.jobs import control
from limner.jobs.control import JobAction
from limner.jobs.kinds import encode_target
from limner.jobs.precompute import count_unencoded, start_precompute
from limner.service.models import key_of
from limner.service.wiring import Services
from limner.store import jobs as store
from limner.store.images import file_names_of, names_of
from limner.store.tables import Job

__all__ = ["Job", "JobAction", "JobFailure", "act_on_job", "list_failures", "list_jobs", "start_encoding"]

MAX_FAILURES = 100


@dataclass(frozen=True)
class JobFailure:
    """Something in a job that has failed for good; ``image_id`` is None when the image was deleted since."""

    image_id: int | None
    file_name: str
    message: str


def start_encoding(context: Services, actor: Actor, project_id: int) -> Job:
    """Start encoding all images of a project ahead of time, also those that are added while the job runs.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not start jobs in it.
        Conflict: it has an unfinished job of this kind.
    """
    with context.database.read() as session:  # counting takes a while: nobody waits for it
        key = key_of(context, access_project(session, actor, project_id, Permission.RUN_JOBS))
        counted = count_unencoded(session, project_id, key)
    with context.database.write() as session:
        access_project(session, actor, project_id, Permission.RUN_JOBS)
        job_id = start_precompute(session, project_id, key, counted).id
    return _after_change(context, actor, job_id)


def list_jobs(context: Services, actor: Actor, project_id: int) -> Sequence[Job]:
    """The newest jobs of a project, newest first.

    Raises:
        NotFound: there is no such project that the actor may see.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.VIEW)
        return store.list_jobs(session, project_id)


def act_on_job(context: Services, actor: Actor, job_id: int, action: JobAction) -> Job:
    """Pause, resume or cancel a job, or have what has failed in it tried again.

    Raises:
        NotFound: there is no such job that the actor may see.
        Forbidden: the actor may not steer it.
        Conflict: the action makes no sense in the state that the job is in.
    """
    with context.database.write() as session:
        control.act_on_job(session, access_job(session, actor, job_id, Permission.RUN_JOBS), action)
    return _after_change(context, actor, job_id)


def list_failures(context: Services, actor: Actor, job_id: int) -> Sequence[JobFailure]:
    """What has failed for good in a job, and why; the first hundred of it.

    Raises:
        NotFound: there is no such job that the actor may see.
    """
    with context.database.read() as session:
        job = access_job(session, actor, job_id, Permission.VIEW)
        items = control.failures_of(session, job.id, MAX_FAILURES)
        if job.kind in ("suggest", "rank"):
            numbers = [int(item.key) for item in items]
            called = file_names_of(session, numbers)
            return [
                JobFailure(number if number in called else None, called.get(number, ""), item.message)
                for item, number in zip(items, numbers, strict=True)
            ]
        if job.kind == "export":
            return [JobFailure(None, item.key, item.message) for item in items]
        images = [encode_target(item.kind, item.key).image_sha256 for item in items]
        names = names_of(session, job.project_id, images)
    failures = []
    for item, sha256 in zip(items, images, strict=True):
        image_id, file_name = names.get(sha256, (None, ""))
        failures.append(JobFailure(image_id, file_name, item.message))
    return failures


def _after_change(context: Services, actor: Actor, job_id: int) -> Job:
    """Have the encoder act on it; the job as it is then."""
    context.encoder.look_again()
    context.suggester.look_again()
    context.exporter.look_again()
    with context.database.read() as session:
        return access_job(session, actor, job_id, Permission.RUN_JOBS)
