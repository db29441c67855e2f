"""Background work on a project."""

from __future__ import annotations

from typing import cast

from apiflask import APIBlueprint

from limner.access import Permission
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.guard import requires
from limner.api.schemas.server import Job, JobFailure, JobFailures, JobList, NewJob
from limner.service import jobs, suggestions
from limner.service.jobs import JobAction
from limner.vocabulary.suggested import Everything

blueprint = APIBlueprint("jobs", __name__)


@blueprint.post("/projects/<int:project_id>/jobs")
@requires(Permission.RUN_JOBS)
@blueprint.input(NewJob)
@blueprint.output(Job, status_code=201)
@blueprint.doc(operation_id="createJob")
def create_job(project_id: int, json_data: NewJob) -> Job:
    """Start work on all images of a project, also on those that are added while the job runs.

    `precompute` encodes them ahead of time, `suggest` looks for masks, `rank` orders them by what they would teach the
    model.
    """
    if json_data.kind == "rank":
        by = json_data.by or "both"
        return Job.model_validate(suggestions.start_ranking(services(), current_actor(), project_id, by))
    if json_data.kind == "suggest":
        request = json_data.request or Everything()
        return Job.model_validate(suggestions.start_suggesting(services(), current_actor(), project_id, request))
    return Job.model_validate(jobs.start_encoding(services(), current_actor(), project_id))


@blueprint.get("/projects/<int:project_id>/jobs")
@requires(Permission.VIEW)
@blueprint.output(JobList)
@blueprint.doc(operation_id="listJobs")
def list_jobs(project_id: int) -> JobList:
    """The newest jobs of a project."""
    found = jobs.list_jobs(services(), current_actor(), project_id)
    return JobList(jobs=[Job.model_validate(job) for job in found])


@blueprint.post("/jobs/<int:job_id>/<any(pause, resume, cancel, retry):action>")
@requires(Permission.RUN_JOBS)
@blueprint.output(Job)
@blueprint.doc(operation_id="actOnJob")
def act_on_job(job_id: int, action: str) -> Job:
    """Pause, resume or cancel a job, or have what has failed in it tried again."""
    return Job.model_validate(jobs.act_on_job(services(), current_actor(), job_id, cast(JobAction, action)))


@blueprint.get("/jobs/<int:job_id>/failures")
@requires(Permission.VIEW)
@blueprint.output(JobFailures)
@blueprint.doc(operation_id="listJobFailures")
def list_failures(job_id: int) -> JobFailures:
    """What has failed for good in a job, and why; the first hundred of it."""
    found = jobs.list_failures(services(), current_actor(), job_id)
    return JobFailures(failures=[JobFailure.model_validate(failure) for failure in found])
