"""From an id to a row, through a check. A row that somebody may not see does not exist for them: NotFound."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from limner.access.actor import Actor
from limner.access.permissions import ROLE_PERMISSIONS, Permission
from limner.errors import Forbidden, NotFound
from limner.store.categories import get_category
from limner.store.images import get_image, lock_image
from limner.store.jobs import get_job
from limner.store.projects import get_project, list_projects
from limner.store.tables import Annotation, Category, Image, Job, Project


def permissions_in(session: Session, actor: Actor, project_id: int) -> frozenset[Permission]:
    """What somebody may do in a project."""
    return ROLE_PERMISSIONS[actor.role]


def require(actor: Actor, permission: Permission) -> None:
    """Make sure that somebody may do something that concerns the whole installation.

    Raises:
        Forbidden: they may not.
    """
    if permission not in ROLE_PERMISSIONS[actor.role]:
        raise _refusal(actor, permission)


def visible_projects(session: Session, actor: Actor) -> Sequence[Project]:
    """The projects that somebody may see, oldest first."""
    return [row for row in list_projects(session) if Permission.VIEW in permissions_in(session, actor, row.id)]


def access_project(session: Session, actor: Actor, project_id: int, permission: Permission) -> Project:
    """The project with this number.

    Raises:
        NotFound: there is none, or the actor may not see it.
        Forbidden: the actor sees it, but has not this permission in it.
    """
    project = get_project(session, project_id)
    _check(session, actor, project.id, permission, NotFound.row("project", project_id))
    return project


def access_image(session: Session, actor: Actor, image_id: int, permission: Permission, *, lock: bool = False) -> Image:
    """The image with this number; with ``lock``, locked until the end of the transaction.

    Raises:
        NotFound: there is none, or the actor may not see its project.
        Forbidden: the actor sees it, but has not this permission in its project.
    """
    image = lock_image(session, image_id) if lock else get_image(session, image_id)
    _check(session, actor, image.project_id, permission, NotFound.row("image", image_id))
    return image


def access_annotation(session: Session, actor: Actor, uid: str, permission: Permission) -> Annotation:
    """The annotation of this uid, deleted ones too.

    Raises:
        NotFound: there is none, or the actor may not see its project.
        Forbidden: the actor sees it, but has not this permission in its project.
    """
    found = session.execute(
        select(Annotation, Image.project_id).join(Image, Image.id == Annotation.image_id).where(Annotation.uid == uid)
    ).first()
    if found is None:
        raise NotFound.row("annotation", uid)
    annotation, project_id = found
    _check(session, actor, project_id, permission, NotFound.row("annotation", uid))
    return annotation


def access_category(session: Session, actor: Actor, category_id: int, permission: Permission) -> Category:
    """The category with this number.

    Raises:
        NotFound: there is none, or the actor may not see its project.
        Forbidden: the actor sees it, but has not this permission in its project.
    """
    category = get_category(session, category_id)
    _check(session, actor, category.project_id, permission, NotFound.row("category", category_id))
    return category


def access_job(session: Session, actor: Actor, job_id: int, permission: Permission) -> Job:
    """The job with this number.

    Raises:
        NotFound: there is none, or the actor may not see its project.
        Forbidden: the actor sees it, but has not this permission in its project.
    """
    job = get_job(session, job_id)
    _check(session, actor, job.project_id, permission, NotFound.row("job", job_id))
    return job


def _check(session: Session, actor: Actor, project_id: int, permission: Permission, missing: NotFound) -> None:
    granted = permissions_in(session, actor, project_id)
    if Permission.VIEW not in granted:
        raise missing
    if permission not in granted:
        raise _refusal(actor, permission)


def _refusal(actor: Actor, permission: Permission) -> Forbidden:
    return Forbidden(
        f"{actor.name} may not do this: it needs the permission {permission}.",
        hint="Ask somebody who manages the project, or the installation.",
        details={"permission": permission},
    )
