"""Which images of a project are exported, and how many that are, counted before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.orm import Session

from limner.store.copies import worked_on_itself
from limner.store.leases import FINISHED
from limner.store.listing import conditions
from limner.store.tables import Annotation, Image
from limner.vocabulary.listing import ImageChoice
from limner.vocabulary.rle import Rle


@dataclass(frozen=True)
class ExportCounts:
    """What a choice of images comes to.

    Attributes:
        images: how many are chosen.
        empty: of these, those without annotations.
        annotations: on those that are chosen.
        bytes: of the files of those images, as they were uploaded.
        parts: images by the number of their part.
        left_out: images that are not chosen, by state.
        left_out_annotations: on those.
    """

    images: int
    empty: int
    annotations: int
    bytes: int
    parts: Sequence[int]
    left_out: Mapping[str, int]
    left_out_annotations: int


@dataclass(frozen=True)
class CategoryCount:
    """Annotations of one category, None: of none; how many of them are crowds, and how many have empty masks."""

    category_id: int | None
    annotations: int
    crowds: int
    empty: int


def chosen_images(project_id: int, choice: ImageChoice) -> ColumnElement[bool]:
    """What holds of the images of a project that are chosen: none on whose copies people still work.

    What depends on the clock is that of now: made once, it is the same for all statements of an export.
    """
    found = [*conditions(project_id, choice.listing), worked_on_itself()]
    if choice.which == "approved":
        found.append(Image.state == "approved")
    elif choice.which == "finished":
        found.append(Image.state.in_(FINISHED))
    elif choice.which == "annotated":
        found.append(or_(Image.annotation_count > 0, Image.state.in_(FINISHED)))
    if not choice.skipped:
        found.append(Image.state != "skipped")
    if choice.images is not None:
        found.append(Image.id.in_(choice.images))
    return and_(*found)


def count_chosen(
    session: Session, project_id: int, chosen: ColumnElement[bool], bounds: Sequence[str] = ()
) -> ExportCounts:
    """Count the images of a project of which something holds, by one walk over its images.

    Args:
        session: where to look.
        project_id: whose images.
        chosen: what holds of them.
        bounds: for every part of a split, what the hashes of its images are smaller than; in ascending order.
    """

    def number(*of: ColumnElement[bool]) -> ColumnElement[int]:
        return func.coalesce(func.sum(case((and_(*of), 1), else_=0)), 0)

    columns = [
        number(chosen),
        number(chosen, Image.annotation_count == 0),
        func.coalesce(func.sum(case((chosen, Image.annotation_count), else_=0)), 0),
        func.coalesce(func.sum(case((chosen, Image.bytes), else_=0)), 0),
        func.count(),
        func.coalesce(func.sum(Image.annotation_count), 0),
        *(number(chosen, Image.sha256 < bound) for bound in bounds),
    ]
    rows = session.execute(
        select(Image.state, *columns).where(Image.project_id == project_id).group_by(Image.state)
    ).all()
    sums = [int(sum(row[column] for row in rows)) for column in range(1, len(columns) + 1)]
    images, empty, annotations, size, _, all_annotations, *below = sums
    parts = [end - begin for begin, end in zip([0, *below], below, strict=False)]
    left_out = {row[0]: int(row[5] - row[1]) for row in rows if row[5] > row[1]}
    return ExportCounts(images, empty, annotations, size, parts, left_out, all_annotations - annotations)


def count_categories(session: Session, project_id: int, chosen: ColumnElement[bool]) -> Sequence[CategoryCount]:
    """Annotations of the images of which something holds, by category; the most frequent first."""
    crowds = func.sum(Annotation.iscrowd)
    empty = func.sum(case((Annotation.area == 0, 1), else_=0))
    statement = (
        select(Annotation.category_id, func.count(), crowds, empty)
        .join(Image, Image.id == Annotation.image_id)
        .where(Image.project_id == project_id, Annotation.deleted.is_(None), chosen)
        .group_by(Annotation.category_id)
    )
    found = [CategoryCount(category, *map(int, counts)) for category, *counts in session.execute(statement)]
    return sorted(found, key=lambda each: (-each.annotations, each.category_id or 0))


def sample_masks(session: Session, project_id: int, chosen: ColumnElement[bool], most: int) -> Sequence[Rle]:
    """Masks, not empty, from all over the images of which something holds; the same ones while nothing changes."""
    with_masks = and_(Image.project_id == project_id, Image.annotation_count > 0, chosen)
    ids = session.scalars(select(Image.id).where(with_masks).order_by(Image.sha256).limit(most)).all()
    rows = session.execute(
        select(Image.height, Image.width, Annotation.counts, Annotation.image_id)
        .join(Image, Image.id == Annotation.image_id)
        .where(Annotation.image_id.in_(ids), Annotation.deleted.is_(None), Annotation.area > 0)
        .order_by(Annotation.image_id, Annotation.position, Annotation.id)
        .limit(most * 8)
    ).all()
    step = max(1, len(rows) // most)
    return [Rle(size=[height, width], counts=counts) for height, width, counts, _ in rows[::step][:most]]
