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
from limner.store.tables import IS_OPEN, UNRANKED, Image, ImageAssessment
from limner.store.types import utc_now
from limner.vocabulary.states import RankBy

VECTOR = np.dtype("<f4")
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
    """

    place: int
    predicted_iou: float
    stability: float
    agreement: float
    distance: float


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
            created=utc_now(),
        )
    )
    session.flush()


def ranking_of(session: Session, project_id: int, model_sha256: str, by: RankBy) -> Sequence[tuple[int, float]]:
    """(number, distance) of the images of a project that wait and have no annotations, the most informative first.

    Images that a person has annotated, or finished without finding anything, are what the others keep away from.
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
    ranking = rank(uncertainties, vectors, annotated, by)
    return [(rows[index].id, float(ranking.distances[index])) for index in ranking.order]


def forget_ranks(session: Session, project_id: int, limit: int) -> int:
    """Take the ranks of some images of a project away; of how many."""
    ranked = select(Image.id).where(Image.project_id == project_id, Image.learning_rank != UNRANKED).limit(limit)
    numbers = list(session.scalars(ranked))
    if numbers:
        session.execute(update(Image).where(Image.id.in_(numbers)).values(learning_rank=UNRANKED))
        session.execute(update(ImageAssessment).where(ImageAssessment.image_id.in_(numbers)).values(distance=None))
    return len(numbers)


def put_ranks(session: Session, ranks: Sequence[tuple[int, int, float]]) -> None:
    """Give images their places; (number, place, distance) each."""
    connection = session.connection()
    connection.execute(
        update(IMAGES).where(IMAGES.c.id == bindparam("row")).values(learning_rank=bindparam("place")),
        [{"row": number, "place": place} for number, place, _ in ranks],
    )
    connection.execute(
        update(_ASSESSMENTS).where(_ASSESSMENTS.c.image_id == bindparam("row")).values(distance=bindparam("far")),
        [{"row": number, "far": distance} for number, _, distance in ranks],
    )


def ranks_of(session: Session, images: Sequence[Image]) -> Mapping[int, RankedImage]:
    """Why images have their places, by number; those without one are left out."""
    places = {image.id: image.learning_rank for image in images if image.learning_rank != UNRANKED}
    if not places:
        return {}
    rows = session.scalars(select(ImageAssessment).where(ImageAssessment.image_id.in_(places)))
    return {
        row.image_id: RankedImage(
            places[row.image_id], row.predicted_iou, row.stability, row.agreement, row.distance or 0.0
        )
        for row in rows
    }


def _stacked(vectors: Sequence[bytes], size: int) -> NDArray[np.float32]:
    """(N, D); those of another length, of a model that is no more, cannot be among them."""
    return np.frombuffer(b"".join(vectors), VECTOR).reshape(len(vectors), size // VECTOR.itemsize)
