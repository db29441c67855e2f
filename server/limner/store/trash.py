"""The trash of a project: images that were deleted and can be restored with all that is on them, for a while.

An image in the trash is one of another project, which nobody lists and which has neither members nor settings
(``Project.trash_of``). What lists, counts, exports, hands out, suggests for or trains on a project finds it no more
therefore, also what is written later; ``access`` refuses it, by ``Image.trashed``. A project and its trash have no two
images of the same bytes: who brings the bytes again gets the image back (:func:`restore_same`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session

from limner.store.events import add_event
from limner.store.images import call_image, free_file_name, place_image
from limner.store.leases import end_lease
from limner.store.rollup import recount
from limner.store.tables import Image, ImageRollup, Project
from limner.store.types import utc_now
from limner.vocabulary.events import ImageEvent

KEPT_FOR = timedelta(days=30)  # then it is deleted for good


def put_in_trash(session: Session, image: Image, user_id: int, now: datetime | None = None) -> None:
    """An image of a project goes into its trash, with what people made on copies of it, and pages are told.

    Args:
        session: of a writing transaction.
        image: locked.
        user_id: who deletes it.
        now: the present moment.
    """
    home, now = image.project_id, now or utc_now()
    # restore_same comes before or after; rows that name the project do not wait
    session.execute(select(Project.id).where(Project.id == home).with_for_update(key_share=True))
    trash = _ensure_trash(session, home)
    copies = session.scalars(select(Image).where(Image.copy_of == image.id).with_for_update()).all()
    image.trashed_name = image.file_name
    place_image(session, image, trash, image.file_name)
    _call_copies(session, copies, None)
    image.counted_revision = image.revision  # nothing of it is to be counted; what was is taken out
    for each in (image, *copies):
        end_lease(each)
        each.trashed, each.trashed_user_id = now, user_id
    _counted(session, image.id, gone=True)
    session.flush()
    add_event(session, ImageEvent(image_id=image.id, action="deleted"), home)


def restore(session: Session, project_id: int, image_id: int) -> Image | None:
    """An image comes back from the trash of a project as it was, and pages are told.

    When another image has its name by now, it gets a number.

    Returns:
        The image; None: it is not there.
    """
    image = session.scalar(
        _in_trash(project_id).where(Image.id == image_id).with_for_update().execution_options(populate_existing=True)
    )
    if image is None:
        return None
    name = image.trashed_name or image.file_name
    copies = session.scalars(select(Image).where(Image.copy_of == image.id).with_for_update()).all()
    for each in (image, *copies):
        each.trashed = each.trashed_user_id = None
    image.trashed_name = None
    place_image(session, image, project_id, name)
    _call_copies(session, copies, image.file_name)
    image.counted_revision = -1
    _counted(session, image.id, gone=False)
    session.flush()
    add_event(session, ImageEvent(image_id=image.id, action="restored"), project_id)
    return image


def restore_same(session: Session, project_id: int, sha256: str) -> Image | None:
    """Restore the image of these bytes, if it is in the trash of a project: somebody brings it again."""
    session.execute(select(Project.id).where(Project.id == project_id).with_for_update(read=True))
    image_id = session.scalar(_in_trash(project_id).where(Image.sha256 == sha256).with_only_columns(Image.id))
    return None if image_id is None else restore(session, project_id, image_id)


def page_trash(session: Session, project_id: int, limit: int, skip: int = 0) -> tuple[Sequence[Image], int]:
    """(images in the trash of a project, the last that came first; how many there are in all)."""
    found = _in_trash(project_id)
    page = found.order_by(Image.trashed.desc(), Image.id.desc()).limit(limit).offset(skip)
    total = session.scalar(found.with_only_columns(func.count(Image.id)))
    return session.scalars(page).all(), total or 0


def numbers_in_trash(session: Session, project_id: int, after: int, limit: int) -> Sequence[int]:
    """Numbers above ``after`` of the images in the trash of a project, ascending; at most so many."""
    found = _in_trash(project_id).with_only_columns(Image.id).where(Image.id > after)
    return session.scalars(found.order_by(Image.id).limit(limit)).all()


def in_trash(session: Session, project_id: int, image_id: int) -> Image | None:
    """The image of this number, if it is in the trash of a project."""
    return session.scalar(_in_trash(project_id).where(Image.id == image_id))


def due(session: Session, limit: int, now: datetime | None = None, *, lock: bool = True) -> Sequence[Image]:
    """Images that have been in a trash for :data:`KEPT_FOR`; at most so many."""
    since = (now or utc_now()) - KEPT_FOR
    found = select(Image).where(Image.trashed.is_not(None), Image.trashed < since, Image.copy_of.is_(None))
    found = found.order_by(Image.id).limit(limit)
    return session.scalars(found.with_for_update(skip_locked=True) if lock else found).all()


def is_used_outside_trash(session: Session, sha256: str) -> bool:
    """Whether a project has an image of these bytes that is not in its trash."""
    found = select(Image.id).where(Image.sha256 == sha256, Image.trashed.is_(None))
    return session.scalar(found.limit(1)) is not None


def _in_trash(project_id: int) -> Select[Image]:
    return select(Image).join(Project, Project.id == Image.project_id).where(Project.trash_of == project_id)


def _ensure_trash(session: Session, project_id: int) -> int:
    known = select(Project.id).where(Project.trash_of == project_id)
    number = session.scalar(known)
    if number is not None:
        return number
    made = Project(name="", trash_of=project_id)
    session.add(made)
    session.flush()
    return made.id


def _call_copies(session: Session, copies: Sequence[Image], name: str | None) -> None:
    """Copies are called as their original is; None: it is in the trash, and another image may have its name.

    No other image can have the name that they have then: those of others begin with no slash.
    """
    for copy in copies:
        call_image(copy, f"/{copy.id}" if name is None else free_file_name(session, copy.project_id, name))
        recount(copy)


def _counted(session: Session, image_id: int, *, gone: bool) -> None:
    """What statistics know of an image is to be taken out; or, if it was not yet, to stay."""
    session.execute(
        update(ImageRollup)
        .where(ImageRollup.image_id == image_id)
        .values(gone=gone)
        .execution_options(synchronize_session=False)
    )
