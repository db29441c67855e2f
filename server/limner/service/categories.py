"""The categories of a project: made, changed, deleted."""

from __future__ import annotations

from limner.access import Actor, Permission, access_category, access_project
from limner.errors import NotFound
from limner.service.projects import CategoryInfo, NewCategory
from limner.service.wiring import Services
from limner.store import categories as store
from limner.vocabulary.names import folded, one_line


def find_category(context: Services, actor: Actor, project_id: int, name: str) -> int:
    """The number of the category of this name, however it is capitalised: what is typed on a command line.

    Raises:
        NotFound: there is no such project that the actor may see, or no such category; it says which there are.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.VIEW)
        known = store.list_categories(session, project_id)
    found = [each for each in known if each.name == one_line(name)]
    found = found or [each for each in known if folded(each.name) == folded(name)]
    if not found:
        names = ", ".join(repr(each.name) for each in known) or "none"
        raise NotFound(f"The project has no category {name!r}.", hint=f"There are: {names}.")
    return found[0].id


def create_category(context: Services, actor: Actor, project_id: int, new: NewCategory) -> CategoryInfo:
    """A new category at the end of the project's list.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not change its categories.
        InvalidInput: the name is none that can be kept.
        Conflict: the project has a category of this name.
    """
    with context.database.write() as session:
        access_project(session, actor, project_id, Permission.MANAGE_CATEGORIES)
        made = store.create_category(session, project_id, new.name, new.supercategory, new.color)
        store.announce_categories(session, project_id)
    return CategoryInfo(made, 0)


def change_category(
    context: Services,
    actor: Actor,
    category_id: int,
    *,
    name: str | None = None,
    supercategory: str | None = None,
    color: str | None = None,
    position: int | None = None,
) -> CategoryInfo:
    """Rename, recolour or move a category; what is None stays.

    Args:
        context: the services.
        actor: who does it.
        category_id: which.
        name: the new name.
        supercategory: as in COCO.
        color: ``#rrggbb``.
        position: place in the project's list, from 0.

    Raises:
        NotFound: there is no such category that the actor may see.
        Forbidden: the actor may not change it.
        InvalidInput: the name is none that can be kept.
        Conflict: the project has another category of this name.
    """
    with context.database.write() as session:
        row = access_category(session, actor, category_id, Permission.MANAGE_CATEGORIES)
        if name is not None:
            store.rename_category(session, row, name)
        if supercategory is not None:
            row.supercategory = supercategory
        if color is not None:
            row.color = color
        if position is not None:
            store.move_category(session, row, position)
        session.flush()
        store.announce_categories(session, row.project_id)
    with context.database.read() as session:  # the sums of one snapshot: a writing session sees a new one each time
        return CategoryInfo(row, store.count_annotations(session, [row.project_id]).get(row.id, 0))


def delete_category(context: Services, actor: Actor, category_id: int) -> None:
    """Delete a category that no annotation has.

    Raises:
        NotFound: there is no such category that the actor may see.
        Forbidden: the actor may not change it.
        CategoryInUse: naming how many annotations it has.
    """
    with context.database.write() as session:
        row = access_category(session, actor, category_id, Permission.MANAGE_CATEGORIES)
        store.delete_category(session, row)
        store.announce_categories(session, row.project_id)
