"""Whether all objects of a category are annotated on an image, as people say.

It is a statement about which objects there are, not about their outlines. When whoever made it adds or removes an
object of the category, it goes on to hold: they know what they said. When somebody else does (draws, deletes or
restores one, gives one another category, imports one), it is *reopened*: nobody knows any more, and whoever looks is
told who said what and who changed it. That not all are annotated stays true until somebody says otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, exists, not_, or_, select, true, update
from sqlalchemy.orm import Session

from limner.store.names import names_of_users
from limner.store.tables import Annotation, Exhaustivity, Image
from limner.store.types import utc_now
from limner.vocabulary.states import ExhaustivityFilter


@dataclass(frozen=True)
class Said:
    """What was said of a category on an image.

    Attributes:
        category_id: the category.
        exhaustive: whether all are annotated; None: that was said, and was reopened since.
        by: what whoever said it is called now; None: nobody is known.
        at: when.
        reopened_by: what whoever reopened it is called now, likewise.
        reopened_at: when; None: it was not.
    """

    category_id: int
    exhaustive: bool | None
    by: str | None
    at: datetime
    reopened_by: str | None
    reopened_at: datetime | None


def said_of(session: Session, image_id: int) -> Sequence[Said]:
    """What was said of the categories of an image, by their numbers."""
    found = select(Exhaustivity).where(Exhaustivity.image_id == image_id).order_by(Exhaustivity.category_id)
    rows = session.scalars(found).all()
    people = {number for row in rows for number in (row.user_id, row.reopened_user_id) if number is not None}
    names = names_of_users(session, people) if people else {}
    return [
        Said(
            row.category_id,
            row.exhaustive if row.reopened is None else None,
            None if row.user_id is None else names.get(row.user_id),
            row.said,
            None if row.reopened_user_id is None else names.get(row.reopened_user_id),
            row.reopened,
        )
        for row in rows
    ]


def say(
    session: Session, image_id: int, category_id: int, user_id: int | None, *, exhaustive: bool | None
) -> bool | None:
    """Write down whether all of a category are annotated on an image; None: nobody knows.

    The image is locked by the caller.

    Returns:
        What was known before.
    """
    row = session.get(Exhaustivity, (image_id, category_id), populate_existing=True)
    before = row.exhaustive if row is not None and row.reopened is None else None
    if exhaustive is None:
        of_category = (Exhaustivity.image_id == image_id, Exhaustivity.category_id == category_id)
        session.execute(delete(Exhaustivity).where(*of_category))
        return before
    if row is None:
        row = Exhaustivity(image_id=image_id, category_id=category_id)
        session.add(row)
    row.exhaustive, row.user_id, row.said = exhaustive, user_id, utc_now()
    row.reopened = row.reopened_user_id = None
    session.flush()
    return before


def reopen(session: Session, image_id: int, category_ids: Collection[int], user_id: int | None) -> Sequence[int]:
    """Somebody changed which objects of these categories an image has: what others said of them holds no more.

    Returns:
        The categories of which that was so.
    """
    by_others = true() if user_id is None else or_(Exhaustivity.user_id.is_(None), Exhaustivity.user_id != user_id)
    changed = (
        update(Exhaustivity)
        .where(
            Exhaustivity.image_id == image_id,
            Exhaustivity.category_id.in_(category_ids),
            Exhaustivity.exhaustive.is_(True),
            Exhaustivity.reopened.is_(None),
            by_others,
        )
        .values(reopened=utc_now(), reopened_user_id=user_id)
        .returning(Exhaustivity.category_id)
        .execution_options(synchronize_session=False)
    )
    return sorted(session.scalars(changed))


def is_said_in(session: Session, project_id: int) -> bool:
    """Whether anything was said of any image of a project."""
    found = select(Exhaustivity.image_id).join(Image, Image.id == Exhaustivity.image_id)
    return session.scalar(found.where(Image.project_id == project_id).limit(1)) is not None


def known_of(session: Session, image_ids: Collection[int]) -> Mapping[int, Mapping[int, bool]]:
    """Of images, by number: what is known of which categories. Images of which nothing is are missing."""
    found = select(Exhaustivity).where(Exhaustivity.image_id.in_(image_ids), Exhaustivity.reopened.is_(None))
    known: dict[int, dict[int, bool]] = {}
    for row in session.scalars(found):
        known.setdefault(row.image_id, {})[row.category_id] = row.exhaustive
    return known


def categories_on(session: Session, image_ids: Collection[int]) -> Mapping[int, frozenset[int]]:
    """Of images, by number: the categories of which they have annotations. Images without any are missing."""
    found = select(Annotation.image_id, Annotation.category_id).distinct()
    present = found.where(Annotation.image_id.in_(image_ids), Annotation.deleted.is_(None))
    categories: dict[int, set[int]] = {}
    for image_id, category_id in session.execute(present):
        if category_id is not None:
            categories.setdefault(image_id, set()).add(category_id)
    return {image_id: frozenset(each) for image_id, each in categories.items()}


def of_category(category_id: int, exhaustive: ExhaustivityFilter) -> ColumnElement[bool]:
    """What holds of images with annotations of a category (``any``), or of which that much is known of it."""
    if exhaustive == "any":
        of_it = and_(Annotation.image_id == Image.id, Annotation.category_id == category_id)
        return _is_any(of_it, Annotation.deleted.is_(None))
    known = and_(
        Exhaustivity.image_id == Image.id, Exhaustivity.category_id == category_id, Exhaustivity.reopened.is_(None)
    )
    if exhaustive == "unknown":
        return not_(_is_any(known))
    return _is_any(known, Exhaustivity.exhaustive.is_(exhaustive == "yes"))


def _is_any(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether there is such a row; what lists images may read the same table for another reason, and often does."""
    return exists().where(*conditions).correlate(Image)
