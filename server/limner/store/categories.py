"""Categories of a project."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from limner.errors import Conflict, NotFound
from limner.store.events import add_event
from limner.store.sizes import Late, masks_by_category
from limner.store.tables import Annotation, Category, Image, Project
from limner.vocabulary.counted import counted
from limner.vocabulary.events import CategoriesEvent
from limner.vocabulary.names import check_text

# Distinct for people who see colours differently as well: Okabe and Ito's set, then lighter relatives.
PALETTE = (
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#f0e442",
    "#0072b2",
    "#d55e00",
    "#cc79a7",
    "#8dd3c7",
    "#bebada",
    "#fb8072",
    "#b3de69",
    "#bc80bd",
)


class CategoryInUse(Conflict):
    """A category that has annotations cannot be deleted."""

    code = "category_in_use"


def create_category(
    session: Session, project_id: int, name: str, supercategory: str = "", color: str | None = None
) -> Category:
    """A new category at the end of the project's list, in the next colour of the palette unless one is given.

    Raises:
        NotFound: when there is no such project.
        InvalidInput: when the name is none that can be kept.
        Conflict: when the project has a category of this name.
    """
    name = check_text(unicodedata.normalize("NFC", name), "category name")
    number = next_category_number(session, project_id)
    _check_name_free(session, project_id, name)
    last = session.scalar(select(func.max(Category.position)).where(Category.project_id == project_id))
    position = 0 if last is None else last + 1
    category = Category(
        project_id=project_id,
        name=name,
        supercategory=supercategory,
        color=color or PALETTE[position % len(PALETTE)],
        position=position,
        number=number,
    )
    session.add(category)
    session.flush()
    return category


def next_category_number(session: Session, project_id: int) -> int:
    """A number for a category that none of the project has or had. The project is locked until the transaction ends.

    Raises:
        NotFound: when there is no such project.
    """
    raised = (
        update(Project).where(Project.id == project_id).values(last_category_number=Project.last_category_number + 1)
    )
    number: int | None = session.scalar(raised.returning(Project.last_category_number))
    if number is None:
        raise NotFound(f"There is no project {project_id}.", hint="It may have been deleted.")
    return number


def ensure_unlabelled_number(session: Session, project_id: int) -> int:
    """The number that stands for annotations without a category in exports of a project: given once, then kept.

    Raises:
        NotFound: when there is no such project.
    """
    project = session.scalar(select(Project).where(Project.id == project_id).with_for_update())
    if project is None:
        raise NotFound(f"There is no project {project_id}.", hint="It may have been deleted.")
    if project.unlabelled_number is None:
        project.unlabelled_number = next_category_number(session, project_id)
        session.flush()
    return project.unlabelled_number


def get_category(session: Session, category_id: int) -> Category:
    """The category with this number.

    Raises:
        NotFound: when there is none.
    """
    category = session.get(Category, category_id)
    if category is None:
        raise NotFound.row("category", category_id)
    return category


def list_categories(session: Session, project_id: int) -> Sequence[Category]:
    """The categories of a project in their order."""
    return categories_of(session, [project_id]).get(project_id, ())


def categories_of(session: Session, project_ids: Collection[int]) -> Mapping[int, Sequence[Category]]:
    """The categories of projects, by the project's number and in their order; projects without any are missing."""
    found: dict[int, list[Category]] = {}
    inside = select(Category).where(Category.project_id.in_(project_ids))
    for category in session.scalars(inside.order_by(Category.position, Category.id)):
        found.setdefault(category.project_id, []).append(category)
    return found


def rename_category(session: Session, category: Category, name: str) -> None:
    """Give a category another name.

    Raises:
        InvalidInput: when the name is none that can be kept.
        Conflict: when the project has another category of this name.
    """
    name = check_text(unicodedata.normalize("NFC", name), "category name")
    if name != category.name:
        _check_name_free(session, category.project_id, name)
        category.name = name


def move_category(session: Session, category: Category, position: int) -> None:
    """Put a category at ``position`` (from 0) in its project's list; the others close ranks."""
    others = [c for c in list_categories(session, category.project_id) if c.id != category.id]
    others.insert(position, category)
    for index, each in enumerate(others):
        each.position = index


def delete_category(session: Session, category: Category) -> None:
    """Delete a category that has no annotations; deleted ones, and those on copies or in the trash, lose it.

    Raises:
        CategoryInUse: naming how many annotations it has.
    """
    hidden = select(Image.id).where(or_(Image.copy_of.is_not(None), Image.trashed.is_not(None)))
    used = (Annotation.category_id == category.id, Annotation.deleted.is_(None), Annotation.image_id.not_in(hidden))
    count = session.scalar(select(func.count()).select_from(Annotation).where(*used))
    if count:
        raise CategoryInUse(
            f"The category {category.name!r} has {counted(count, 'annotation')}.",
            hint="Give them another category or delete them first.",
            details={"annotation_count": count},
        )
    session.execute(update(Annotation).where(Annotation.category_id == category.id).values(category_id=None))
    session.delete(category)
    session.flush()


def announce_categories(session: Session, project_id: int) -> None:
    """Tell the pages of a project that its categories changed."""
    add_event(session, CategoriesEvent(), project_id)


def count_annotations(session: Session, project_ids: Collection[int], late: Late | None = None) -> Mapping[int, int]:
    """Number of annotations by category, for the categories of projects; categories without any are missing.

    Args:
        session: that sees one snapshot.
        project_ids: which projects.
        late: of :func:`limner.store.sizes.late_in` for these projects, where that was asked already.
    """
    return masks_by_category(session, project_ids, late)


def _check_name_free(session: Session, project_id: int, name: str) -> None:
    taken = select(Category.id).where(Category.project_id == project_id, Category.name == name)
    if session.scalar(taken) is not None:
        raise Conflict(f"The project has a category called {name!r} already.", hint="Choose another name.")
