"""Copies of images: each is for one person, who works on it without seeing what others did on the original.

A copy is an image of a project that nobody lists: one for each person and project, without members, categories or
settings of its own (``Project.copies_of``, ``Project.copies_for``). What lists, counts or exports a project finds no
copy therefore. A copy names its original, shares its file and goes with it. Who needs the project whose categories,
model and people count asks :func:`home_of`.
"""

from __future__ import annotations

import uuid

from sqlalchemy import ColumnElement, Connection, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from limner.store.events import add_event
from limner.store.images import call_image, free_file_name
from limner.store.rows import AnyImage
from limner.store.tables import Image, Project, Suggestion
from limner.store.types import utc_now
from limner.vocabulary.events import AccessEvent
from limner.vocabulary.states import UNSETTLED

_SHARED = (
    "width",
    "height",
    "sha256",
    "bytes",
    "format",
    "display_type",
    "pages",
    "created",
)


def worked_on_itself() -> ColumnElement[bool]:
    """Whether work on an image is done on itself: not on copies of it alone, until that is settled."""
    return or_(Image.overlap.is_(None), Image.overlap.not_in(UNSETTLED))


def home_of(session: Session | Connection, image: AnyImage) -> int:
    """Number of the project that an image belongs to for people: of a copy, that of its original."""
    return image.project_id if image.copy_of is None else _kept_in(session, image)[0]


def owner_of(session: Session | Connection, copy: AnyImage) -> int:
    """Number of the person for whom a copy was made."""
    return _kept_in(session, copy)[1]


def original_of(session: Session, image: Image) -> Image:
    """The image that a copy is one of; any other image is its own original."""
    return image if image.copy_of is None else session.get_one(Image, image.copy_of)


def copies_of(session: Session, project_id: int, user_id: int) -> int | None:
    """Number of the project in which somebody's copies of a project's images are; None: they have none."""
    found = select(Project.id).where(Project.copies_of == project_id, Project.copies_for == user_id)
    return session.scalar(found)


def copy_for(session: Session, original: Image, user_id: int) -> Image:
    """The copy of an image on which somebody works on their own, new and empty when they have none.

    Suggestions that wait on the original wait on it too: it looks like any other image.
    """
    kept_in = _ensure_project(session, original.project_id, user_id)
    known = select(Image).where(Image.copy_of == original.id, Image.project_id == kept_in)
    copy = session.scalar(known)
    if copy is not None:
        return copy
    try:
        with session.begin_nested():
            copy = Image(project_id=kept_in, copy_of=original.id, **{name: getattr(original, name) for name in _SHARED})
            call_image(copy, free_file_name(session, kept_in, original.file_name))
            session.add(copy)
    except IntegrityError:  # on PostgreSQL they asked twice at the same time
        return session.scalars(known).one()
    _copy_suggestions(session, original, copy)
    return copy


def _ensure_project(session: Session, project_id: int, user_id: int) -> int:
    known = copies_of(session, project_id, user_id)
    if known is not None:
        return known
    try:
        with session.begin_nested():
            made = Project(name="", copies_of=project_id, copies_for=user_id)
            session.add(made)
    except IntegrityError:  # as above
        known = copies_of(session, project_id, user_id)
        assert known is not None
        return known
    add_event(session, AccessEvent(user_id=user_id), None)  # their pages listen to it from now on
    return made.id


def _copy_suggestions(session: Session, original: Image, copy: Image) -> None:
    names = [column.name for column in Suggestion.__table__.columns]
    given = {"id", "uid", "image_id", "state", "created", "decided"}
    for each in session.scalars(select(Suggestion).where(Suggestion.image_id == original.id).order_by(Suggestion.id)):
        same = {name: getattr(each, name) for name in names if name not in given}
        session.add(Suggestion(uid=str(uuid.uuid4()), image_id=copy.id, state="open", created=utc_now(), **same))


def _kept_in(session: Session | Connection, copy: AnyImage) -> tuple[int, int]:
    """(project of the original, person) of a copy."""
    found = select(Project.copies_of, Project.copies_for).where(Project.id == copy.project_id)
    project_id, user_id = session.execute(found).one()
    assert project_id is not None
    assert user_id is not None
    return project_id, user_id
