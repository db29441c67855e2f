"""Who is to work on which images, as managers say."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import Session

from limner.errors import InvalidInput
from limner.store.copies import worked_on_itself
from limner.store.listing import passing
from limner.store.tables import IS_OPEN, Image, Membership, User
from limner.store.work import announce_work
from limner.vocabulary.states import UNSETTLED, ImageFilter

AT_ONCE = 500  # rows that one statement names


@dataclass(frozen=True)
class Workload:
    """What somebody has to do in a project: images assigned to them, of these returned, and those they have open."""

    assigned: int = 0
    returned: int = 0
    open: int = 0


def choose_images(
    session: Session, project_id: int, state: ImageFilter, assigned_to: int | None, limit: int
) -> Sequence[int]:
    """Numbers of images on which somebody has to work, in the order in which they came.

    Args:
        session: where to look.
        project_id: whose images.
        state: only those that pass this filter.
        assigned_to: only those assigned to this person; None: to nobody.
        limit: most images to return, ≥ 1.
    """
    found = select(Image.id).where(Image.project_id == project_id, IS_OPEN, worked_on_itself(), passing(state))
    return session.scalars(found.where(Image.assigned_user_id == assigned_to).order_by(Image.id).limit(limit)).all()


def assign(session: Session, project_id: int, image_ids: Collection[int], user_ids: Sequence[int]) -> int:
    """Assign images to people: evenly, neighbours to the same person. Without people they are anybody's again.

    Returns:
        How many images are assigned otherwise now.

    Raises:
        InvalidInput: the project has no image of one of these numbers, or several people work on copies of one;
            nothing was changed.
    """
    ids = sorted(set(image_ids))
    changed: list[Image] = []
    place = 0
    for first in range(0, len(ids), AT_ONCE):
        some = ids[first : first + AT_ONCE]
        images = _locked(session, project_id, some)
        missing = set(some) - {image.id for image in images}
        if missing:
            raise InvalidInput(
                f"The project has no image {min(missing)}.", hint="Nothing was assigned; choose the images again."
            )
        for image in images:
            if user_ids and image.overlap in UNSETTLED:
                raise InvalidInput(
                    f"Image {image.id} is one on which several people work, each on a copy of their own.",
                    hint="Nothing was assigned; leave it out: it is handed out by itself.",
                )
            to = user_ids[place * len(user_ids) // len(ids)] if user_ids else None
            place += 1
            if image.assigned_user_id != to:
                image.assigned_user_id = to
                changed.append(image)
    session.flush()
    announce_work(session, changed)
    return len(changed)


def reassign(
    session: Session, project_id: int, wanted: Mapping[int, int | None]
) -> tuple[Mapping[int, int | None], Sequence[int]]:
    """Assign images to whom somebody wants for each, None: to nobody.

    Returns:
        To whom those were assigned that are assigned otherwise now, by their numbers, ascending; and the numbers that
        no image of the project has.
    """
    images = _locked(session, project_id, wanted)
    others = [image for image in images if image.assigned_user_id != wanted[image.id]]
    before = {image.id: image.assigned_user_id for image in others}
    for image in others:
        image.assigned_user_id = wanted[image.id]
    session.flush()
    announce_work(session, others)
    return before, sorted(set(wanted) - {image.id for image in images})


def _locked(session: Session, project_id: int, image_ids: Collection[int]) -> Sequence[Image]:
    """Those of these images that a project has, ascending, locked and as they are now."""
    found = select(Image).where(Image.project_id == project_id, Image.id.in_(image_ids)).order_by(Image.id)
    return session.scalars(found.with_for_update().execution_options(populate_existing=True)).all()


def unassign_all(session: Session, user_id: int, project_id: int | None = None) -> None:
    """Nothing is assigned to somebody any more, in one project or anywhere, and pages are told."""
    found = select(Image).where(Image.assigned_user_id == user_id, Image.assigned_user_id.is_not(None))
    if project_id is not None:
        found = found.where(Image.project_id == project_id)
    images = session.scalars(found.order_by(Image.id).with_for_update()).all()
    for image in images:
        image.assigned_user_id = None
    session.flush()
    announce_work(session, images)


def workloads(session: Session, project_id: int) -> Mapping[int, Workload]:
    """What people have to do in a project, by the person's number; who has nothing is missing."""
    assigned = (
        select(
            Image.assigned_user_id,
            func.count().label("assigned"),
            func.sum(case((Image.state == "returned", 1), else_=0)).label("returned"),
        )
        .where(Image.project_id == project_id, Image.assigned_user_id.is_not(None), IS_OPEN)
        .group_by(Image.assigned_user_id)
    )
    loads = {row[0]: Workload(row.assigned, int(row.returned)) for row in session.execute(assigned)}
    held = (
        select(Image.lease_user_id, func.count())
        .where(Image.project_id == project_id, passing("in_work"))
        .group_by(Image.lease_user_id)
    )
    for user_id, count in session.execute(held):
        load = loads.get(user_id, Workload())
        loads[user_id] = Workload(load.assigned, load.returned, count)
    return loads


def list_workers(session: Session, project_id: int, roles: Collection[str], more: Collection[int]) -> Sequence[User]:
    """People who have one of these roles in a project, owners, and those of these numbers, by name."""
    found = select(User).outerjoin(Membership, (Membership.user_id == User.id) & (Membership.project_id == project_id))
    works = (Membership.role.in_(roles) | (User.role == "owner")) & User.disabled.is_(None)
    return session.scalars(found.where(or_(works, User.id.in_(more))).order_by(User.name)).all()
