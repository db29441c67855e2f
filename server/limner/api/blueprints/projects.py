"""Projects."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response
from sqlalchemy.orm import Session

from limner.access import Permission, access_project, visible_projects
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.guard import requires
from limner.api.schemas.projects import Category, NewProject, Project, ProjectChanges, ProjectList
from limner.jobs.sweep import unreference
from limner.store import categories as category_store
from limner.store import projects as project_store
from limner.store.projects import ProjectCounts
from limner.store.tables import Project as ProjectRow

blueprint = APIBlueprint("projects", __name__)


@blueprint.get("/projects")
@requires(Permission.VIEW)
@blueprint.output(ProjectList)
@blueprint.doc(operation_id="listProjects")
def list_projects() -> ProjectList:
    """The projects that one may see, oldest first."""
    with services().database.read() as session:
        counts = project_store.count_projects(session, services().embedding_key)
        rows = visible_projects(session, current_actor())
        return ProjectList(projects=[_present(session, row, counts.get(row.id)) for row in rows])


@blueprint.post("/projects")
@requires(Permission.CREATE_PROJECT)
@blueprint.input(NewProject)
@blueprint.output(Project, status_code=201)
@blueprint.doc(operation_id="createProject")
def create_project(json_data: NewProject) -> Project:
    """Create a project, with its first categories if any are given."""
    with services().database.write() as session:
        row = project_store.create_project(session, json_data.name)
        for new in json_data.categories:
            category_store.create_category(session, row.id, new.name, new.supercategory, new.color)
        return _present(session, row, None)


@blueprint.get("/projects/<int:project_id>")
@requires(Permission.VIEW)
@blueprint.output(Project)
@blueprint.doc(operation_id="getProject")
def get_project(project_id: int) -> Project:
    """One project."""
    with services().database.read() as session:
        return _present_counted(session, access_project(session, current_actor(), project_id, Permission.VIEW))


@blueprint.patch("/projects/<int:project_id>")
@requires(Permission.MANAGE_PROJECT)
@blueprint.input(ProjectChanges)
@blueprint.output(Project)
@blueprint.doc(operation_id="updateProject")
def update_project(project_id: int, json_data: ProjectChanges) -> Project:
    """Rename a project."""
    with services().database.write() as session:
        row = access_project(session, current_actor(), project_id, Permission.MANAGE_PROJECT)
        row.name = json_data.name
        session.flush()
        return _present_counted(session, row)


@blueprint.delete("/projects/<int:project_id>")
@requires(Permission.MANAGE_PROJECT)
@blueprint.doc(operation_id="deleteProject", responses={204: "Deleted"})
def delete_project(project_id: int) -> Response:
    """Delete a project with its images, annotations and history."""
    with services().database.write() as session:
        row = access_project(session, current_actor(), project_id, Permission.MANAGE_PROJECT)
        orphans = project_store.delete_project(session, row)
        unreference(session, orphans)
    for sha256 in orphans:
        services().encoder.cancel(sha256)
    return Response(status=204)


def _present_counted(session: Session, row: ProjectRow) -> Project:
    counts = project_store.count_projects(session, services().embedding_key, row.id)
    return _present(session, row, counts.get(row.id))


def _present(session: Session, row: ProjectRow, counts: ProjectCounts | None) -> Project:
    uses = category_store.count_annotations(session, row.id)
    categories = [
        Category.of(category, uses.get(category.id, 0)) for category in category_store.list_categories(session, row.id)
    ]
    return Project.of(row, counts or ProjectCounts(), categories)
