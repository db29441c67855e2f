"""Annotations as they stand now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select, true, tuple_
from sqlalchemy.orm import Session

from limner.store.exhaustivity import Said, said_of
from limner.store.images import get_image
from limner.store.marks import mark_of
from limner.store.rows import AnyAnnotation
from limner.store.tables import Annotation, Category, Image
from limner.vocabulary import rle
from limner.vocabulary.events import ImageMark
from limner.vocabulary.rle import Rle

EVERY_IMAGE: ColumnElement[bool] = true()
NOT_SKIPPED = Image.state != "skipped"


@dataclass(frozen=True)
class AnnotationState:
    """One annotation at one moment; area and bbox [x, y, width, height] are those of the mask, in pixels."""

    id: int
    uid: str
    image_id: int
    category_id: int | None
    segmentation: Rle
    area: int
    bbox: tuple[int, int, int, int]
    iscrowd: int
    attributes: dict[str, Any]
    provenance: dict[str, Any] | None
    position: int
    created: datetime
    updated: datetime


@dataclass(frozen=True)
class ImageAnnotations:
    """All annotations of an image, and its mark, as they stand at a revision.

    Attributes:
        image_id: the image.
        revision: its number of edits; marks count too.
        mark: how far the work on the image is.
        annotations: from the bottom to the top.
        exhaustivity: of which categories somebody has said whether all of them are annotated.
    """

    image_id: int
    revision: int
    mark: ImageMark
    annotations: Sequence[AnnotationState]
    exhaustivity: Sequence[Said]


def state_of(annotation: AnyAnnotation, height: int, width: int) -> AnnotationState:
    """The row of an image of this size as a value."""
    a = annotation
    assert a.id is not None, "only what is stored has a state"
    return AnnotationState(
        id=a.id,
        uid=a.uid,
        image_id=a.image_id,
        category_id=a.category_id,
        segmentation=Rle(size=[height, width], counts=a.counts),
        area=a.area,
        bbox=(a.bbox_x, a.bbox_y, a.bbox_width, a.bbox_height),
        iscrowd=a.iscrowd,
        attributes=a.attributes,
        provenance=a.provenance,
        position=a.position,
        created=a.created,
        updated=a.updated,
    )


@dataclass(frozen=True)
class MaskFacts:
    """What is stored of a mask besides its runs: area in pixels, and [x, y, width, height]."""

    area: int
    bbox: tuple[int, int, int, int]


def mask_facts(segmentation: Rle, counts: rle.Counts | None = None) -> MaskFacts:
    """What is derived from a mask. Expects an RLE that ``rle.validate`` has passed; its runs, if they are at hand."""
    counts = rle.counts_of(segmentation) if counts is None else counts
    x, y, width, height = rle.bbox_of(counts, segmentation["size"][0])
    return MaskFacts(rle.area_of(counts), (x, y, width, height))


def set_mask(annotation: AnyAnnotation, segmentation: Rle, facts: MaskFacts | None = None) -> None:
    """Give an annotation a mask and what is derived from it. Expects an RLE that ``rle.validate`` has passed."""
    facts = facts or mask_facts(segmentation)
    annotation.counts = segmentation["counts"]
    annotation.area = facts.area
    annotation.bbox_x, annotation.bbox_y, annotation.bbox_width, annotation.bbox_height = facts.bbox


def largest_masks(session: Session, image_id: int, limit: int) -> Sequence[tuple[Annotation, str | None]]:
    """(annotation, colour of its category) of the largest masks of an image, at most so many, the largest first."""
    found = (
        select(Annotation, Category.color)
        .outerjoin(Category, Category.id == Annotation.category_id)
        .where(Annotation.image_id == image_id, Annotation.deleted.is_(None))
        .order_by(Annotation.area.desc(), Annotation.id)
    )
    return [(row, color) for row, color in session.execute(found.limit(limit))]


def annotations_of(session: Session, image_id: int) -> ImageAnnotations:
    """The annotations of an image in their order, and its mark.

    Raises:
        NotFound: when there is no such image.
    """
    image = get_image(session, image_id)
    rows = session.scalars(
        select(Annotation)
        .where(Annotation.image_id == image_id, Annotation.deleted.is_(None))
        .order_by(Annotation.position, Annotation.id)
    )
    states = [state_of(row, image.height, image.width) for row in rows]
    mark, said = mark_of(session, image), said_of(session, image_id)
    return ImageAnnotations(image_id, image.revision, mark, states, said)


def iterate_images(
    session: Session, project_id: int, *, chosen: ColumnElement[bool] = EVERY_IMAGE, batch: int = 200
) -> Iterator[Image]:
    """The images of a project of which something holds, oldest first, a batch in memory at a time."""
    after = 0
    while True:
        rows = session.scalars(
            select(Image)
            .where(Image.project_id == project_id, Image.id > after, chosen)
            .order_by(Image.id)
            .limit(batch)
        ).all()
        yield from rows
        if len(rows) < batch:
            return
        after = rows[-1].id
        session.expunge_all()


def iterate_annotations(
    session: Session, project_id: int, *, chosen: ColumnElement[bool] = EVERY_IMAGE, batch: int = 1000
) -> Iterator[AnnotationState]:
    """All annotations, not deleted, of the images of which something holds: by (image, position), a batch at a time."""
    after = (0, -1, 0)  # image number, position, annotation number
    while True:
        image_id, position, annotation_id = after
        rows = session.execute(
            select(Annotation, Image.height, Image.width)
            .join(Image, Image.id == Annotation.image_id)
            .where(
                Image.project_id == project_id,
                Annotation.deleted.is_(None),
                chosen,
                tuple_(Annotation.image_id, Annotation.position, Annotation.id)
                > tuple_(image_id, position, annotation_id),
            )
            .order_by(Annotation.image_id, Annotation.position, Annotation.id)
            .limit(batch)
        ).all()
        for annotation, height, width in rows:
            yield state_of(annotation, height, width)
        if len(rows) < batch:
            return
        last = rows[-1][0]
        after = (last.image_id, last.position, last.id)
        session.expunge_all()
