"""Projects and what stands in them, counted."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session, aliased

from limner.errors import InvalidInput, NotFound
from limner.store.embeddings import EmbeddingKey
from limner.store.sizes import Late, encoded_of, sizes_of
from limner.store.tables import Image, Project
from limner.vocabulary.names import check_text, one_line


@dataclass(frozen=True)
class ProjectCounts:
    """Sizes of a project: images, those with annotations, annotations; images in the states of work; those encoded."""

    images: int = 0
    annotated: int = 0
    annotations: int = 0
    submitted: int = 0
    skipped: int = 0
    approved: int = 0
    returned: int = 0
    encoded: int = 0


def create_project(session: Session, name: str) -> Project:
    """A new, empty project.

    Raises:
        InvalidInput: the name is none that can be kept.
    """
    project = Project(name=check_text(one_line(name), "project name"))
    session.add(project)
    session.flush()
    return project


def get_project(session: Session, project_id: int) -> Project:
    """The project with this number.

    Raises:
        NotFound: when there is none.
    """
    project = session.get(Project, project_id)
    if project is None or project.copies_of is not None or project.trash_of is not None:
        raise NotFound.row("project", project_id)
    return project


def list_projects(session: Session) -> Sequence[Project]:
    """All projects, oldest first."""
    own = select(Project).where(Project.copies_of.is_(None), Project.trash_of.is_(None))
    return session.scalars(own.order_by(Project.id)).all()


def names_of_projects(session: Session, project_ids: Collection[int | None]) -> Mapping[int, str]:
    """What projects are called, by their numbers."""
    found = select(Project.id, Project.name).where(Project.id.in_([each for each in project_ids if each is not None]))
    return dict(session.execute(found).all())


def find_project(session: Session, name: str) -> Project:
    """As :func:`choose_project`, among all."""
    return choose_project(list_projects(session), name)


def choose_project(projects: Sequence[Project], name: str) -> Project:
    """The project with this id or, failing that, of this name: what is typed on a command line.

    Raises:
        NotFound: naming the projects that there are.
        InvalidInput: when several have the name.
    """
    name = one_line(name)
    found = [each for each in projects if str(each.id) == name] or [
        each for each in projects if one_line(each.name) == name
    ]
    if len(found) > 1:
        ids = ", ".join(str(each.id) for each in found)
        raise InvalidInput(f"{len(found)} projects are called {name!r}.", hint=f"Use an id: {ids}.")
    if not found:
        known = ", ".join(f"{each.id} {each.name!r}" for each in projects) or "none"
        raise NotFound(f"There is no project {name!r}.", hint=f"There are: {known}. Or: limner project create NAME")
    return found[0]


def delete_project(session: Session, project: Project) -> list[str]:
    """Delete a project with its images, annotations, history and trash.

    Returns:
        Hashes of the images that no other project uses: their blobs are no longer needed.
    """
    parts = or_(Project.id == project.id, Project.copies_of == project.id, Project.trash_of == project.id)
    gone = select(Project.id).where(parts)
    own = select(Image.sha256).where(Image.project_id.in_(gone))
    shared = select(Image.sha256).where(Image.project_id.not_in(gone))
    orphans = session.scalars(own.where(Image.sha256.not_in(shared)).order_by(Image.id)).all()
    session.execute(delete(Image).where(Image.project_id.in_(gone)).execution_options(synchronize_session=False))
    session.execute(delete(Project).where(parts).execution_options(synchronize_session=False))
    return list(dict.fromkeys(orphans))


def models_of(session: Session, project_ids: Collection[int]) -> Mapping[int, str | None]:
    """The models that these projects have chosen, by name; None for whatever the installation uses."""
    home = aliased(Project)  # of copies
    models = select(Project.id, home.model).join(home, home.id == func.coalesce(Project.copies_of, Project.id))
    rows = session.execute(models.where(Project.id.in_(project_ids)))
    return {row.id: row.model for row in rows}


def count_projects(
    session: Session, keys: Mapping[int, EmbeddingKey], late: Late | None = None
) -> Mapping[int, ProjectCounts]:
    """Sizes of projects by their number; those without images are missing.

    Args:
        session: that sees one snapshot.
        keys: which projects, and which model's embeddings count as encoded in each.
        late: of :func:`limner.store.sizes.late_in` for these projects, where that was asked already.
    """
    sizes = sizes_of(session, keys.keys(), late)
    encoded: dict[int, int] = {}
    for key in set(keys.values()):
        encoded |= encoded_of(session, {each: sizes[each]["images"] for each in sizes if keys[each] == key}, key)
    return {
        project_id: ProjectCounts(**counts, encoded=encoded.get(project_id, 0)) for project_id, counts in sizes.items()
    }
