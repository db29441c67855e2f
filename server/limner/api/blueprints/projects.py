"""Projects."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response

from limner.access import Permission
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.guard import requires
from limner.api.schemas.projects import (
    ModelChange,
    NewModel,
    NewProject,
    Project,
    ProjectChanges,
    ProjectList,
    ProjectModel,
)
from limner.api.schemas.server import Job
from limner.service import projects
from limner.service.models import change_model

blueprint = APIBlueprint("projects", __name__)


@blueprint.get("/projects")
@requires(Permission.VIEW)
@blueprint.output(ProjectList)
@blueprint.doc(operation_id="listProjects")
def list_projects() -> ProjectList:
    """The projects that one may see, oldest first."""
    found = projects.list_projects(services(), current_actor())
    return ProjectList(projects=[Project.of(project) for project in found])


@blueprint.post("/projects")
@requires(Permission.CREATE_PROJECT)
@blueprint.input(NewProject)
@blueprint.output(Project, status_code=201)
@blueprint.doc(operation_id="createProject")
def create_project(json_data: NewProject) -> Project:
    """Create a project, with its first categories if any are given."""
    categories = [new.to_make() for new in json_data.categories]
    return Project.of(projects.create_project(services(), current_actor(), json_data.name, categories))


@blueprint.get("/projects/<int:project_id>")
@requires(Permission.VIEW)
@blueprint.output(Project)
@blueprint.doc(operation_id="getProject")
def get_project(project_id: int) -> Project:
    """One project."""
    return Project.of(projects.get_project(services(), current_actor(), project_id))


@blueprint.patch("/projects/<int:project_id>")
@requires(Permission.MANAGE_PROJECT)
@blueprint.input(ProjectChanges)
@blueprint.output(Project)
@blueprint.doc(operation_id="updateProject")
def update_project(project_id: int, json_data: ProjectChanges) -> Project:
    """Rename a project, or change its settings: how its images are handed out, and who sees its figures."""
    changes = json_data
    changed = projects.change_project(
        services(),
        current_actor(),
        project_id,
        name=changes.name,
        next_order=changes.next_order,
        next_seed=changes.next_seed,
        gold_share=changes.gold_share,
        overlap_share=changes.overlap_share,
        overlap_people=changes.overlap_people,
        shares_figures=changes.shares_figures,
    )
    return Project.of(changed)


@blueprint.put("/projects/<int:project_id>/model")
@requires(Permission.MANAGE_PROJECT)
@blueprint.input(NewModel)
@blueprint.output(ModelChange)
@blueprint.doc(operation_id="changeModel")
def put_model(project_id: int, json_data: NewModel) -> ModelChange:
    """Have a project use another model, once a job has encoded its images by it; until then it goes on as it is."""
    change = change_model(services(), current_actor(), project_id, json_data.model, at_once=json_data.at_once)
    return ModelChange(model=ProjectModel.of(change.used), job=change.job and Job.model_validate(change.job))


@blueprint.delete("/projects/<int:project_id>")
@requires(Permission.MANAGE_PROJECT)
@blueprint.doc(operation_id="deleteProject", responses={204: "Deleted"})
def delete_project(project_id: int) -> Response:
    """Delete a project with its images, annotations and history."""
    projects.delete_project(services(), current_actor(), project_id)
    return Response(status=204)
