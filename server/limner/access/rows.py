"""From an id to a row, through a check. A row that somebody may not see does not exist for them: NotFound."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, bindparam, func, select
from sqlalchemy.orm import Session

from limner.access.actor import Actor, current
from limner.access.permissions import (
    OF_SHARED_FIGURES,
    PROJECT_ROLE_PERMISSIONS,
    ROLE_PERMISSIONS,
    InstallationRole,
    Permission,
    ProjectRole,
)
from limner.errors import Forbidden, NotFound
from limner.store.categories import get_category
from limner.store.comments import get_comment
from limner.store.copies import home_of, owner_of
from limner.store.images import lock_image
from limner.store.jobs import get_job
from limner.store.learning import get_run
from limner.store.leases import FINISHED
from limner.store.people import role_and_sharing_in, role_in, roles_of
from limner.store.projects import get_project, list_projects
from limner.store.rows import IMAGE_COLUMNS, AnyImage, ImageRow, image_row, lock_image_row
from limner.store.snapshots import get_snapshot
from limner.store.tables import (
    Annotation,
    Category,
    Comment,
    Image,
    Job,
    LearningRun,
    Membership,
    Project,
    Snapshot,
    User,
)
from limner.vocabulary.states import UNSETTLED

_ROLE_ON = (
    select(Membership.role)
    .where(Membership.project_id == Image.project_id, Membership.user_id == bindparam("user_id"))
    .scalar_subquery()
)
_IMAGE_AND_ROLE = select(Image, _ROLE_ON).where(Image.id == bindparam("image_id"))
_ROW_AND_ROLE = select(*IMAGE_COLUMNS, _ROLE_ON).where(Image.id == bindparam("image_id"))  # the same without the ORM

ON_OWN_COPIES = frozenset({Permission.VIEW, Permission.ANNOTATE, Permission.COMMENT})


def permissions_in(session: Session | Connection, actor: Actor, project_id: int) -> frozenset[Permission]:
    """What somebody may do in a project."""
    role, shares = role_and_sharing_in(session, project_id, actor.user_id)
    return _granted(actor, role, shares_figures=shares)


def permissions_on(session: Session | Connection, actor: Actor, image: AnyImage) -> frozenset[Permission]:
    """What somebody may do with an image.

    What is in the trash is there for nobody: ``service.trash`` lists and restores it.
    A copy is there for whom it was made, who cannot review it, and to be looked at for who reads everybody's figures.
    A gold image is not there for those who are measured by it, unless there is work to do on it; nor is, for them, one
    on whose copies people work.
    """
    if image.trashed is not None:
        return frozenset()
    granted = _granted(actor, role_in(session, home_of(session, image), actor.user_id))  # figures are of no image
    if image.copy_of is None:
        return _granted_on(image, granted)
    if owner_of(session, image) == actor.user_id:
        return granted & ON_OWN_COPIES
    return granted & {Permission.VIEW} if Permission.READ_STATISTICS in granted else frozenset()


def knows_gold(granted: Collection[Permission]) -> bool:
    """Whether somebody with these permissions in a project may know which images are gold, and is not measured."""
    return Permission.REVIEW in granted or Permission.READ_STATISTICS in granted


def count_measured(session: Session, project_id: int) -> int:
    """How many people may annotate in a project and know not which images are gold: who is handed copies of images."""
    measured = [role for role, granted in PROJECT_ROLE_PERMISSIONS.items() if _is_measured(granted)]
    found = select(func.count()).select_from(Membership).join(User, User.id == Membership.user_id)
    found = found.where(Membership.project_id == project_id, Membership.role.in_(measured), User.role == "member")
    return session.scalar(found.where(User.disabled.is_(None))) or 0


def _is_measured(granted: Collection[Permission]) -> bool:
    return Permission.ANNOTATE in granted and not knows_gold(granted)


def may_annotate(session: Session, user: User, project_id: int) -> bool:
    """Whether somebody, who need not be here, may work on a project's images: what can be assigned to them."""
    granted = ROLE_PERMISSIONS[InstallationRole(user.role)]
    role = role_in(session, project_id, user.id)
    if role is not None:
        granted |= PROJECT_ROLE_PERMISSIONS[ProjectRole(role)]
    return user.disabled is None and Permission.ANNOTATE in granted


def require(actor: Actor, permission: Permission) -> None:
    """Make sure that somebody may do something that concerns the whole installation.

    Raises:
        Forbidden: they may not.
    """
    if permission not in actor.granted:
        raise _refusal(actor, permission)


def visible_projects(session: Session, actor: Actor) -> Mapping[Project, frozenset[Permission]]:
    """The projects that somebody may see, oldest first, and what they may do there."""
    roles = roles_of(session, actor.user_id)
    granted = {
        row: _granted(actor, roles.get(row.id), shares_figures=row.shares_figures) for row in list_projects(session)
    }
    return {row: permissions for row, permissions in granted.items() if Permission.VIEW in permissions}


def is_still_allowed(session: Session, actor: Actor, project_id: int, permission: Permission) -> bool:
    """Whether somebody who was allowed something a while ago still is: signed in, and with the role that it needs."""
    now = current(session, actor)
    return now is not None and permission in permissions_in(session, now, project_id)


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
    missing = NotFound.row("image", image_id)
    image: Image
    if lock:
        image = lock_image(session, image_id)  # checked as it is when the lock is ours
        _check_granted(actor, permissions_on(session, actor, image), permission, missing)
        return image
    found = session.execute(_IMAGE_AND_ROLE, {"image_id": image_id, "user_id": actor.user_id}).first()
    if found is None:
        raise missing
    image = found[0]
    granted = _granted_on(image, _granted(actor, found[1]))
    if image.copy_of is not None:
        granted = permissions_on(session, actor, image)
    _check_granted(actor, granted, permission, missing)
    return image


def access_image_row(connection: Connection, actor: Actor, image_id: int, permission: Permission) -> ImageRow:
    """As :func:`access_image`, without the ORM: on the way of every save.

    Raises:
        NotFound, Forbidden: as there.
    """
    missing = NotFound.row("image", image_id)
    found = connection.execute(_ROW_AND_ROLE, {"image_id": image_id, "user_id": actor.user_id}).first()
    if found is None:
        raise missing
    image = image_row(found[:-1])
    granted = _granted_on(image, _granted(actor, found[-1]))
    if image.copy_of is not None:
        granted = permissions_on(connection, actor, image)
    _check_granted(actor, granted, permission, missing)
    return image


def access_locked_image_row(session: Session, actor: Actor, image_id: int, permission: Permission) -> ImageRow:
    """As :func:`access_image` with ``lock``, without the ORM: what is changed of it, ``store_image`` writes.

    Raises:
        NotFound, Forbidden: as there.
    """
    missing = NotFound.row("image", image_id)
    image = lock_image_row(session, image_id)
    if image is None:
        raise missing
    _check_granted(actor, permissions_on(session.connection(), actor, image), permission, missing)
    return image


def access_annotation(session: Session, actor: Actor, uid: str, permission: Permission) -> Annotation:
    """The annotation of this uid, deleted ones too.

    Raises:
        NotFound: there is none, or the actor may not see its project.
        Forbidden: the actor sees it, but has not this permission in its project.
    """
    found = session.execute(
        select(Annotation, Image).join(Image, Image.id == Annotation.image_id).where(Annotation.uid == uid)
    ).first()
    if found is None:
        raise NotFound.row("annotation", uid)
    annotation, image = found
    _check_granted(actor, permissions_on(session, actor, image), permission, NotFound.row("annotation", uid))
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


def access_comment(session: Session, actor: Actor, comment_id: int, permission: Permission) -> Comment:
    """The comment with this number.

    Raises:
        NotFound: there is none, or the actor may not see its project.
        Forbidden: the actor sees it, but has not this permission in its project.
    """
    comment = get_comment(session, comment_id)
    image = session.scalars(select(Image).where(Image.id == comment.image_id)).one()
    _check_granted(actor, permissions_on(session, actor, image), permission, NotFound.row("comment", comment_id))
    return comment


def access_job(session: Session, actor: Actor, job_id: int, permission: Permission) -> Job:
    """The job with this number.

    Raises:
        NotFound: there is none, or the actor may not see its project.
        Forbidden: the actor sees it, but has not this permission in its project.
    """
    job = get_job(session, job_id)
    _check(session, actor, job.project_id, permission, NotFound.row("job", job_id))
    return job


def access_snapshot(session: Session, actor: Actor, snapshot_id: int, permission: Permission) -> Snapshot:
    """The snapshot with this number.

    Raises:
        NotFound: there is none, or the actor may not see its project.
        Forbidden: the actor sees it, but has not this permission in its project.
    """
    snapshot = get_snapshot(session, snapshot_id)
    _check(session, actor, snapshot.project_id, permission, NotFound.row("snapshot", snapshot_id))
    return snapshot


def access_learning_run(session: Session, actor: Actor, run_id: int, permission: Permission) -> LearningRun:
    """The learning run with this number.

    Raises:
        NotFound: there is none, or the actor may not see its project.
        Forbidden: the actor sees it, but has not this permission in its project.
    """
    run = get_run(session, run_id)
    _check(session, actor, run.project_id, permission, NotFound.row("learning run", run_id))
    return run


def _check(session: Session, actor: Actor, project_id: int, permission: Permission, missing: NotFound) -> None:
    _check_granted(actor, permissions_in(session, actor, project_id), permission, missing)


def _check_granted(actor: Actor, granted: frozenset[Permission], permission: Permission, missing: NotFound) -> None:
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


def _granted_on(image: AnyImage, granted: frozenset[Permission]) -> frozenset[Permission]:
    hidden = (image.is_gold and image.state in FINISHED) or image.overlap in UNSETTLED
    gone = image.trashed is not None or (hidden and not knows_gold(granted))
    return frozenset() if gone else granted


def _granted(actor: Actor, role: str | None, *, shares_figures: bool = False) -> frozenset[Permission]:
    of_role = PROJECT_ROLE_PERMISSIONS[ProjectRole(role)] if role is not None else frozenset()
    if shares_figures and Permission.ANNOTATE in of_role:
        of_role |= OF_SHARED_FIGURES
    return actor.granted | of_role & actor.limit
