"""What a model says of the images of a project, and their ranks by what they would teach it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Table, bindparam, delete, or_, select, update
from sqlalchemy.orm import Session

from limner.quality.informative import rank, uncertainty_of
from limner.store.rows import IMAGES
from limner.store.tables import IS_OPEN, UNRANKED, Annotation, Image, ImageAssessment
from limner.store.types import utc_now
from limner.vocabulary.states import RankBy

VECTOR = np.dtype("<f4")
MOST_MASKS = 20_000  # the newest ones of a project, whose clicks are looked at
_ASSESSMENTS = cast(Table, ImageAssessment.__table__)


@dataclass(frozen=True)
class NewAssessment:
    """What a model says of an image: ``limner.segment.uncertainty.Assessment``, with the vector as a sequence."""

    model_sha256: str
    predicted_iou: float
    stability: float
    agreement: float
    vector: Sequence[float]


@dataclass(frozen=True)
class RankedImage:
    """Why an image has its place.

    Attributes:
        place: from 1.
        distance: from the nearest image that is annotated or comes before it, 0 to 1.
        clicks: that a mask took on annotated images that look like it; None where that is not known.
    """

    place: int
    predicted_iou: float
    stability: float
    agreement: float
    distance: float
    clicks: float | None


def put_assessment(session: Session, image_id: int, new: NewAssessment) -> None:
    """Keep what a model says of an image, in place of what one said before."""
    session.execute(delete(ImageAssessment).where(ImageAssessment.image_id == image_id))
    vector = np.asarray(new.vector, VECTOR).tobytes()
    facts = (new.predicted_iou, new.stability, new.agreement)
    predicted_iou, stability, agreement = (min(1.0, max(0.0, each)) for each in facts)
    session.add(
        ImageAssessment(
            image_id=image_id,
            model_sha256=new.model_sha256,
            predicted_iou=predicted_iou,
            stability=stability,
            agreement=agreement,
            vector=vector,
            distance=None,
            clicks=None,
            created=utc_now(),
        )
    )
    session.flush()


@dataclass(frozen=True)
class Ranked:
    """An image in the order: its number, and what :class:`RankedImage` says of it that other images decide."""

    image_id: int
    distance: float
    clicks: float | None


def ranking_of(session: Session, project_id: int, model_sha256: str, by: RankBy) -> Sequence[Ranked]:
    """The images of a project that wait and have no annotations, the most informative first.

    Images that a person has annotated, or finished without finding anything, are what the others keep away from; how
    many clicks their masks took says how many these will take.
    """
    columns = (
        Image.id,
        ImageAssessment.predicted_iou,
        ImageAssessment.stability,
        ImageAssessment.agreement,
        ImageAssessment.vector,
    )
    found = (
        select(*columns)
        .join(ImageAssessment, ImageAssessment.image_id == Image.id)
        .where(Image.project_id == project_id, ImageAssessment.model_sha256 == model_sha256)
        .order_by(Image.id)
    )
    rows = session.execute(found.where(IS_OPEN, Image.annotation_count == 0)).all()
    done = session.execute(
        found.where(or_(Image.annotation_count > 0, Image.state.in_(("submitted", "approved"))))
    ).all()
    if not rows:
        return []
    uncertainties = np.asarray([uncertainty_of(*row[1:4]) for row in rows])
    vectors, annotated = (_stacked([row.vector for row in each], len(rows[0].vector)) for each in (rows, done))
    taken = _clicks_of(session, project_id)
    clicks = np.asarray([taken.get(row.id, np.nan) for row in done])
    ranking = rank(uncertainties, vectors, annotated, by, clicks=clicks)
    return [
        Ranked(
            rows[index].id,
            float(ranking.distances[index]),
            None if ranking.clicks is None else float(ranking.clicks[index]),
        )
        for index in ranking.order.tolist()
    ]


def _clicks_of(session: Session, project_id: int) -> Mapping[int, float]:
    """Mean clicks of the masks of an image, by its number, where they are known; of the newest masks of a project."""
    rows = session.execute(
        select(Annotation.image_id, Annotation.provenance)
        .join(Image, Image.id == Annotation.image_id)
        .where(Image.project_id == project_id, Annotation.deleted.is_(None))
        .order_by(Annotation.id.desc())
        .limit(MOST_MASKS)
    )
    clicks: dict[int, list[int]] = {}
    for image_id, provenance in rows:
        if (taken := (provenance or {}).get("clicks")) is not None:
            clicks.setdefault(image_id, []).append(taken)
    return {image_id: sum(each) / len(each) for image_id, each in clicks.items()}


def forget_ranks(session: Session, project_id: int, limit: int) -> int:
    """Take the ranks of some images of a project away; of how many."""
    ranked = select(Image.id).where(Image.project_id == project_id, Image.learning_rank != UNRANKED).limit(limit)
    numbers = list(session.scalars(ranked))
    if numbers:
        session.execute(update(Image).where(Image.id.in_(numbers)).values(learning_rank=UNRANKED))
        session.execute(
            update(ImageAssessment).where(ImageAssessment.image_id.in_(numbers)).values(distance=None, clicks=None)
        )
    return len(numbers)


def put_ranks(session: Session, ranked: Sequence[Ranked], first: int) -> None:
    """Give images places one after the other, the first of them this one."""
    connection = session.connection()
    connection.execute(
        update(IMAGES).where(IMAGES.c.id == bindparam("row")).values(learning_rank=bindparam("place")),
        [{"row": each.image_id, "place": place} for place, each in enumerate(ranked, start=first)],
    )
    connection.execute(
        update(_ASSESSMENTS)
        .where(_ASSESSMENTS.c.image_id == bindparam("row"))
        .values(distance=bindparam("far"), clicks=bindparam("taken")),
        [{"row": each.image_id, "far": each.distance, "taken": each.clicks} for each in ranked],
    )


def ranks_of(session: Session, images: Sequence[Image]) -> Mapping[int, RankedImage]:
    """Why images have their places, by number; those without one are left out."""
    places = {image.id: image.learning_rank for image in images if image.learning_rank != UNRANKED}
    if not places:
        return {}
    rows = session.scalars(select(ImageAssessment).where(ImageAssessment.image_id.in_(places)))
    return {
        row.image_id: RankedImage(
            places[row.image_id], row.predicted_iou, row.stability, row.agreement, row.distance or 0.0, row.clicks
        )
        for row in rows
    }


def _stacked(vectors: Sequence[bytes], size: int) -> NDArray[np.float32]:
    """(N, D); those of another length, of a model that is no more, cannot be among them."""
    return np.frombuffer(b"".join(vectors), VECTOR).reshape(len(vectors), size // VECTOR.itemsize)
