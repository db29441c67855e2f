"""Projects: listed, made, renamed, deleted; with their categories and how much is in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from limner.access import Actor, Permission, access_project, permissions_in, require, visible_projects
from limner.access.permissions import IN_PROJECTS
from limner.jobs.sweep import unreference
from limner.models.in_use import UsedModel
from limner.service.audit import log_action
from limner.service.wiring import Services
from limner.store import categories as category_store
from limner.store import projects as store
from limner.store.embeddings import EmbeddingKey
from limner.store.overlap import choose_sample
from limner.store.projects import ProjectCounts
from limner.store.sizes import late_in
from limner.store.snapshots import delete_snapshots, list_snapshots
from limner.store.tables import Category, Project
from limner.vocabulary.states import NextOrder


@dataclass(frozen=True)
class NewCategory:
    """A category to make; without a colour it gets the next one of the palette."""

    name: str
    supercategory: str = ""
    color: str | None = None


@dataclass(frozen=True)
class CategoryInfo:
    """A category, and how many annotations have it."""

    row: Category
    annotation_count: int


@dataclass(frozen=True)
class ProjectInfo:
    """A project, how much is in it, its model, its categories in their order, and what somebody may do in it."""

    row: Project
    counts: ProjectCounts
    model: UsedModel
    categories: Sequence[CategoryInfo]
    permissions: frozenset[Permission]


def list_projects(context: Services, actor: Actor) -> Sequence[ProjectInfo]:
    """The projects that somebody may see, oldest first."""
    with context.database.read() as session:
        return _described(context, session, visible_projects(session, actor))


def create_project(context: Services, actor: Actor, name: str, categories: Sequence[NewCategory] = ()) -> ProjectInfo:
    """A new project, with its first categories in their order.

    Raises:
        Forbidden: the actor may not make projects.
        InvalidInput: a category's name is none that can be kept.
        Conflict: two categories have one name.
    """
    require(actor, Permission.CREATE_PROJECT)
    with context.database.write() as session:
        row = store.create_project(session, name)
        log_action(session, actor, "project.create", "project", row.id, name=name)
        for new in categories:
            category_store.create_category(session, row.id, new.name, new.supercategory, new.color)
    return _described_now(context, actor, row)


def get_project(context: Services, actor: Actor, project_id: int) -> ProjectInfo:
    """One project.

    Raises:
        NotFound: there is none that the actor may see.
    """
    with context.database.read() as session:
        row = access_project(session, actor, project_id, Permission.VIEW)
        return _described(context, session, {row: permissions_in(session, actor, row.id)})[0]


def find_project(context: Services, actor: Actor, name: str) -> int:
    """The number of the project with this number or, failing that, of this name: what is typed on a command line.

    Raises:
        NotFound: naming the projects that there are.
        InvalidInput: several have the name.
    """
    with context.database.read() as session:
        return store.choose_project(list(visible_projects(session, actor)), name).id


def check_project(context: Services, actor: Actor, project_id: int, permission: Permission) -> None:
    """Make sure, before anything is read or waited for, that somebody may do something in a project.

    Raises:
        NotFound: there is none that the actor may see.
        Forbidden: the actor has not this permission in it.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, permission)


def change_project(
    context: Services,
    actor: Actor,
    project_id: int,
    *,
    name: str | None = None,
    next_order: NextOrder | None = None,
    next_seed: int | None = None,
    gold_share: float | None = None,
    overlap_share: float | None = None,
    overlap_people: int | None = None,
    shares_figures: bool | None = None,
) -> ProjectInfo:
    """Give a project another name, or other settings; None leaves what there is.

    Raises:
        NotFound, Forbidden: as :func:`check_project`.
    """
    with context.database.write() as session:
        row = access_project(session, actor, project_id, Permission.MANAGE_PROJECT)
        said: dict[str, Any] = {
            "name": name,
            "next_order": next_order,
            "next_seed": next_seed,
            "gold_share": gold_share,
            "overlap_share": overlap_share,
            "overlap_people": overlap_people,
            "shares_figures": shares_figures,
        }
        log_action(session, actor, "project.change", "project", row.id, before=row.name, **said)
        row.name = row.name if name is None else name
        row.next_order = next_order or row.next_order
        row.next_seed = row.next_seed if next_seed is None else next_seed
        row.gold_share = row.gold_share if gold_share is None else gold_share
        row.shares_figures = row.shares_figures if shares_figures is None else shares_figures
        if overlap_share is not None or overlap_people is not None:
            row.overlap_share = row.overlap_share if overlap_share is None else overlap_share
            row.overlap_people = overlap_people or row.overlap_people
            choose_sample(session, row)
        session.flush()
    return _described_now(context, actor, row)


def delete_project(context: Services, actor: Actor, project_id: int) -> None:
    """Delete a project with its images, annotations and history. Files that no other project needs go a day later.

    Raises:
        NotFound, Forbidden: as :func:`check_project`.
    """
    with context.database.write() as session:
        row = access_project(session, actor, project_id, Permission.MANAGE_PROJECT)
        log_action(session, actor, "project.delete", "project", row.id, name=row.name)
        unreference(session, delete_snapshots(session, list_snapshots(session, project_id)))
        orphans = store.delete_project(session, row)
        unreference(session, orphans)
    for sha256 in orphans:
        context.encoder.cancel(sha256)


def _described_now(context: Services, actor: Actor, row: Project) -> ProjectInfo:
    """A project that was just written: a writing session sees another moment with each statement, this one does not."""
    with context.database.read() as session:
        return _described(context, session, {row: permissions_in(session, actor, row.id)})[0]


def _described(
    context: Services, session: Session, rows: Mapping[Project, frozenset[Permission]]
) -> Sequence[ProjectInfo]:
    """Projects with all that belongs to them, in as many queries for many as for one; all of one snapshot."""
    only = [row.id for row in rows]
    models = {wanted: context.models.used_by(wanted) for wanted in {row.model for row in rows}}
    keys = {row.id: EmbeddingKey.of(models[row.model].weights_sha256) for row in rows}
    late = late_in(session, only)
    counts = store.count_projects(session, keys, late)
    uses = category_store.count_annotations(session, only, late)
    categories = category_store.categories_of(session, only)
    return [
        ProjectInfo(
            row,
            counts.get(row.id, ProjectCounts()),
            models[row.model],
            [CategoryInfo(each, uses.get(each.id, 0)) for each in categories.get(row.id, ())],
            permissions & IN_PROJECTS,
        )
        for row, permissions in rows.items()
    ]
