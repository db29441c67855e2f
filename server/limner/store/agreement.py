"""How people who worked on the same images compare, two by two, as rows; and what these add up to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, delete, func, or_, select
from sqlalchemy.orm import Session, aliased

from limner.quality.overlap import Comparison, Match, NumberedMask
from limner.store.copies import owner_of
from limner.store.images import lock_image
from limner.store.overlap import IN
from limner.store.tables import Annotation, Image, OverlapAnswer, OverlapPair, Project
from limner.store.types import utc_now
from limner.store.upsert import insert_for
from limner.vocabulary.rle import Rle
from limner.vocabulary.states import UNSETTLED


@dataclass(frozen=True)
class Answer:
    """What one person made of an image, on their copy: masks without crowds. Who skipped it says why in ``note``."""

    copy_id: int
    user_id: int
    revision: int
    state: str
    note: str
    masks: Sequence[NumberedMask]


@dataclass(frozen=True)
class Pair:
    """How two people compare on an image."""

    image_id: int
    first_user_id: int
    second_user_id: int
    compared: Comparison


@dataclass(frozen=True)
class SharedImage:
    """An image on which several people work or worked, by how far that is."""

    image_id: int
    file_name: str
    overlap: str
    answers: int


def uncompared(session: Session) -> Sequence[int]:
    """Numbers of copies that their people were done with, or that they changed, since they were compared."""
    copy, original = aliased(Image), aliased(Image)
    found = (
        select(copy.id)
        .join(original, original.id == copy.copy_of)
        .outerjoin(OverlapAnswer, OverlapAnswer.copy_id == copy.id)
        .where(copy.copy_of.is_not(None), original.overlap.is_not(None), original.trashed.is_(None))
        .where(
            or_(
                and_(OverlapAnswer.copy_id.is_(None), copy.state.in_(IN)),
                OverlapAnswer.revision != copy.revision,
            )
        )
    )
    return session.scalars(found.order_by(copy.id)).all()


def answers_to(session: Session, image_id: int) -> Sequence[Answer]:
    """What people made of an image of which they are done, by their numbers."""
    copies = session.scalars(
        select(Image).where(Image.copy_of == image_id, Image.state.in_(IN)).order_by(Image.id)
    ).all()
    numbers = [copy.id for copy in copies]
    rows = session.execute(
        select(Annotation.image_id, Annotation.id, Annotation.counts, Annotation.category_id)
        .where(Annotation.image_id.in_(numbers), Annotation.deleted.is_(None), Annotation.iscrowd == 0)
        .order_by(Annotation.position, Annotation.id)
    ).all()
    found = [
        Answer(
            copy.id,
            owner_of(session, copy),
            copy.revision,
            copy.state,
            copy.state_note,
            [
                NumberedMask(row.id, Rle(size=[copy.height, copy.width], counts=row.counts), row.category_id)
                for row in rows
                if row.image_id == copy.id and copy.state == "submitted"
            ],
        )
        for copy in copies
    ]
    return sorted(found, key=lambda answer: answer.user_id)


def answers_beside(session: Session, copy_id: int) -> Sequence[Answer]:
    """What people made of the image of which this is a copy; nothing when it is gone."""
    image_id = session.scalar(select(Image.copy_of).where(Image.id == copy_id))
    return [] if image_id is None else answers_to(session, image_id)


def keep(session: Session, copy_id: int, answers: Sequence[Answer], compared: Mapping[int, Comparison]) -> None:
    """Write down how an answer compares with the others, in place of what was found before; see how far the image is.

    Args:
        session: of a writing transaction.
        copy_id: whose answer is new, or no more.
        answers: all to its image, as they were looked at.
        compared: with the other's copy as the key; the first one in it is the person of the smaller number.
    """
    copy = session.get(Image, copy_id)
    if copy is None or copy.copy_of is None:
        return  # deleted meanwhile
    image = lock_image(session, copy.copy_of)
    if image.trashed is not None:
        return  # compared when it is restored
    session.execute(delete(OverlapPair).where(or_(OverlapPair.first_id == copy_id, OverlapPair.second_id == copy_id)))
    by_copy = {each.copy_id: each for each in answers}
    mine = by_copy.get(copy_id)
    if mine is None:
        session.execute(delete(OverlapAnswer).where(OverlapAnswer.copy_id == copy_id))
    else:
        _keep_answer(session, image.id, mine)
        there = set(session.scalars(select(Image.id).where(Image.id.in_(list(compared)))))
        for other_id, found in compared.items():
            if other_id in there:
                first, second = sorted((mine, by_copy[other_id]), key=lambda each: each.user_id)
                session.add(_row(image, first, second, found))
    session.flush()
    if image.overlap in UNSETTLED:
        done = session.scalar(select(func.count()).where(OverlapAnswer.image_id == image.id)) or 0
        enough = done >= session.get_one(Project, image.project_id).overlap_people
        image.overlap = "ready" if enough else "begun"


def pairs_of(session: Session, project_id: int) -> Sequence[Pair]:
    """How people compare on the images of a project, image by image."""
    found = select(OverlapPair).join(Image, Image.id == OverlapPair.image_id)
    found = found.where(OverlapPair.project_id == project_id, Image.trashed.is_(None))
    return [
        Pair(
            row.image_id,
            row.first_user_id,
            row.second_user_id,
            Comparison([Match(*match) for match in row.matches], row.only_first, row.only_second),
        )
        for row in session.scalars(found.order_by(OverlapPair.image_id, OverlapPair.first_id, OverlapPair.second_id))
    ]


def shared_images(session: Session, project_id: int) -> Sequence[SharedImage]:
    """The images of a project to which somebody has answered, or on which somebody has begun."""
    answers = select(func.count()).where(OverlapAnswer.image_id == Image.id).scalar_subquery()
    found = select(Image.id, Image.file_name, Image.overlap, answers).where(Image.project_id == project_id)
    rows = session.execute(found.where(Image.overlap.in_(("begun", "ready", "settled"))).order_by(Image.id))
    return [SharedImage(*row) for row in rows]


def _keep_answer(session: Session, image_id: int, answer: Answer) -> None:
    values = {
        "copy_id": answer.copy_id,
        "image_id": image_id,
        "user_id": answer.user_id,
        "revision": answer.revision,
        "created": utc_now(),
    }
    statement = insert_for(session, OverlapAnswer).values(**values)
    session.execute(statement.on_conflict_do_update(index_elements=["copy_id"], set_=values))


def _row(image: Image, first: Answer, second: Answer, compared: Comparison) -> OverlapPair:
    return OverlapPair(
        first_id=first.copy_id,
        second_id=second.copy_id,
        image_id=image.id,
        project_id=image.project_id,
        first_user_id=first.user_id,
        second_user_id=second.user_id,
        matches=[
            [each.first, each.second, each.mask_iou, each.boundary_iou, each.first_category, each.second_category]
            for each in compared.matches
        ],
        only_first=list(compared.only_first),
        only_second=list(compared.only_second),
    )
