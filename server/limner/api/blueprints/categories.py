"""Categories of a project."""

from __future__ import annotations

from apiflask import APIBlueprint
from flask import Response

from limner.access import Permission
from limner.api.auth import current_actor
from limner.api.context import services
from limner.api.guard import requires
from limner.api.schemas.projects import Category, CategoryChanges, NewCategory
from limner.service import categories

blueprint = APIBlueprint("categories", __name__)


@blueprint.post("/projects/<int:project_id>/categories")
@requires(Permission.MANAGE_CATEGORIES)
@blueprint.input(NewCategory)
@blueprint.output(Category, status_code=201)
@blueprint.doc(operation_id="createCategory")
def create_category(project_id: int, json_data: NewCategory) -> Category:
    """Add a category at the end of the project's list."""
    return Category.of(categories.create_category(services(), current_actor(), project_id, json_data.to_make()))


@blueprint.patch("/categories/<int:category_id>")
@requires(Permission.MANAGE_CATEGORIES)
@blueprint.input(CategoryChanges)
@blueprint.output(Category)
@blueprint.doc(operation_id="updateCategory")
def update_category(category_id: int, json_data: CategoryChanges) -> Category:
    """Rename, recolour or move a category."""
    return Category.of(
        categories.change_category(
            services(),
            current_actor(),
            category_id,
            name=json_data.name,
            supercategory=json_data.supercategory,
            color=json_data.color,
            position=json_data.position,
        )
    )


@blueprint.delete("/categories/<int:category_id>")
@requires(Permission.MANAGE_CATEGORIES)
@blueprint.doc(operation_id="deleteCategory", responses={204: "Deleted"})
def delete_category(category_id: int) -> Response:
    """Delete a category that no annotation uses."""
    categories.delete_category(services(), current_actor(), category_id)
    return Response(status=204)
