"""Background work on a project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from apiflask import APIBlueprint

from limner.access import Permission, access_job, access_project
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.guard import requires
from limner.api.schemas.server import Job, JobFailure, JobFailures, JobList, NewJob
from limner.jobs import control
from limner.jobs.control import JobAction
from limner.jobs.kinds import encode_target
from limner.jobs.precompute import count_unencoded, start_precompute
from limner.store import jobs as store
from limner.store.images import names_of
from limner.store.tables import JobItem

blueprint = APIBlueprint("jobs", __name__)

MAX_FAILURES = 100


@blueprint.post("/projects/<int:project_id>/jobs")
@requires(Permission.RUN_JOBS)
@blueprint.input(NewJob)
@blueprint.output(Job, status_code=201)
@blueprint.doc(operation_id="createJob")
def create_job(project_id: int, json_data: NewJob) -> Job:
    """Start encoding all images of a project ahead of time, also those that are added while the job runs."""
    key = services().embedding_key
    with services().database.read() as session:
        access_project(session, current_actor(), project_id, Permission.RUN_JOBS)
        counted = count_unencoded(session, project_id, key)
    with services().database.write() as session:
        job = start_precompute(session, project_id, key, counted)
    return _after_change(job.id)


@blueprint.get("/projects/<int:project_id>/jobs")
@requires(Permission.VIEW)
@blueprint.output(JobList)
@blueprint.doc(operation_id="listJobs")
def list_jobs(project_id: int) -> JobList:
    """The newest jobs of a project."""
    with services().database.read() as session:
        access_project(session, current_actor(), project_id, Permission.VIEW)
        rows = store.list_jobs(session, project_id)
        return JobList(jobs=[Job.model_validate(row) for row in rows])


@blueprint.post("/jobs/<int:job_id>/<any(pause, resume, cancel, retry):action>")
@requires(Permission.RUN_JOBS)
@blueprint.output(Job)
@blueprint.doc(operation_id="actOnJob")
def act_on_job(job_id: int, action: str) -> Job:
    """Pause, resume or cancel a job, or have what has failed in it tried again."""
    with services().database.write() as session:
        job = access_job(session, current_actor(), job_id, Permission.RUN_JOBS)
        control.act_on_job(session, job, cast(JobAction, action))
    return _after_change(job_id)


@blueprint.get("/jobs/<int:job_id>/failures")
@requires(Permission.VIEW)
@blueprint.output(JobFailures)
@blueprint.doc(operation_id="listJobFailures")
def list_failures(job_id: int) -> JobFailures:
    """What has failed for good in a job, and why; the first hundred of it."""
    with services().database.read() as session:
        job = access_job(session, current_actor(), job_id, Permission.VIEW)
        items = control.failures_of(session, job.id, MAX_FAILURES)
        names = names_of(session, job.project_id, [encode_target(item.key).image_sha256 for item in items])
        return JobFailures(failures=[_failure(item, names) for item in items])


def _after_change(job_id: int) -> Job:
    """Have the encoder act on it; the job as it is then."""
    services().encoder.look_again()
    with services().database.read() as session:
        return Job.model_validate(access_job(session, current_actor(), job_id, Permission.RUN_JOBS))


def _failure(item: JobItem, names: Mapping[str, tuple[int, str]]) -> JobFailure:
    image_id, file_name = names.get(encode_target(item.key).image_sha256, (None, ""))
    return JobFailure(image_id=image_id, file_name=file_name, message=item.message)
