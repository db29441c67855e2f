"""Categories of a project."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response
from sqlalchemy.orm import Session

from limner.access import Permission, access_category, access_project
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.guard import requires
from limner.api.schemas.projects import Category, CategoryChanges, NewCategory
from limner.store import categories as store
from limner.store.tables import Category as CategoryRow

blueprint = APIBlueprint("categories", __name__)


@blueprint.post("/projects/<int:project_id>/categories")
@requires(Permission.MANAGE_CATEGORIES)
@blueprint.input(NewCategory)
@blueprint.output(Category, status_code=201)
@blueprint.doc(operation_id="createCategory")
def create_category(project_id: int, json_data: NewCategory) -> Category:
    """Add a category at the end of the project's list."""
    new = json_data
    with services().database.write() as session:
        access_project(session, current_actor(), project_id, Permission.MANAGE_CATEGORIES)
        row = store.create_category(session, project_id, new.name, new.supercategory, new.color)
        return _present(session, row)


@blueprint.patch("/categories/<int:category_id>")
@requires(Permission.MANAGE_CATEGORIES)
@blueprint.input(CategoryChanges)
@blueprint.output(Category)
@blueprint.doc(operation_id="updateCategory")
def update_category(category_id: int, json_data: CategoryChanges) -> Category:
    """Rename, recolour or move a category."""
    changes = json_data
    with services().database.write() as session:
        row = access_category(session, current_actor(), category_id, Permission.MANAGE_CATEGORIES)
        if changes.name is not None:
            store.rename_category(session, row, changes.name)
        if changes.supercategory is not None:
            row.supercategory = changes.supercategory
        if changes.color is not None:
            row.color = changes.color
        if changes.position is not None:
            store.move_category(session, row, changes.position)
        session.flush()
        return _present(session, row)


@blueprint.delete("/categories/<int:category_id>")
@requires(Permission.MANAGE_CATEGORIES)
@blueprint.doc(operation_id="deleteCategory", responses={204: "Deleted"})
def delete_category(category_id: int) -> Response:
    """Delete a category that no annotation uses."""
    with services().database.write() as session:
        row = access_category(session, current_actor(), category_id, Permission.MANAGE_CATEGORIES)
        store.delete_category(session, row)
    return Response(status=204)


def _present(session: Session, row: CategoryRow) -> Category:
    return Category.of(row, store.count_annotations(session, row.project_id).get(row.id, 0))
