"""Background work on a project."""

from __future__ import annotations

from typing import cast

from apiflask import APIBlueprint

from limner.access import Permission, access_job, access_project
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.guard import requires
from limner.api.schemas.server import Job, JobList, NewJob
from limner.store import jobs as store
from limner.store.jobs import JobAction

blueprint = APIBlueprint("jobs", __name__)


@blueprint.post("/projects/<int:project_id>/jobs")
@requires(Permission.RUN_JOBS)
@blueprint.input(NewJob)
@blueprint.output(Job, status_code=201)
@blueprint.doc(operation_id="createJob")
def create_job(project_id: int, json_data: NewJob) -> Job:
    """Start encoding all images of a project ahead of time."""
    with services().database.read() as session:
        access_project(session, current_actor(), project_id, Permission.RUN_JOBS)
    job = services().precompute.create(project_id)
    with services().database.read() as session:
        return Job.model_validate(store.get_job(session, job.id))


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


@blueprint.post("/jobs/<int:job_id>/<any(pause, resume, cancel):action>")
@requires(Permission.RUN_JOBS)
@blueprint.output(Job)
@blueprint.doc(operation_id="actOnJob")
def act_on_job(job_id: int, action: str) -> Job:
    """Pause, resume or cancel a job."""
    with services().database.write() as session:
        job = access_job(session, current_actor(), job_id, Permission.RUN_JOBS)
        store.act_on_job(job, cast(JobAction, action))
        store.announce_job(session, job)
    services().precompute.advance()
    with services().database.read() as session:
        return Job.model_validate(store.get_job(session, job_id))
