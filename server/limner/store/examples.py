"""Masks by which similar objects are looked for, and those that were found so and were not meant."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, or_, select
from sqlalchemy.orm import Session

from limner.store.tables import Annotation, Image, Suggestion
from limner.vocabulary.rle import Rle
from limner.vocabulary.suggested import Similar

FROM_CATEGORY = 8  # examples of a category: each takes time; three found more than one, more were not measured
REFUSED = 16  # the newest ones count


@dataclass(frozen=True)
class StoredMask:
    """A mask, of which image it is, and its category."""

    uid: str
    image_sha256: str
    segmentation: Rle
    category_id: int | None


def examples_of(
    session: Session, project_id: int, request: Similar, besides: int | None = None
) -> Sequence[StoredMask]:
    """The annotations that a request names, or the newest ones of its category; without those that are gone.

    Those on the image ``besides`` are left out: on a copy of it nobody is to be shown what is known.
    """
    masks = _masks(Annotation).where(
        Image.project_id == project_id, Annotation.deleted.is_(None), Annotation.area > 0, Annotation.iscrowd == 0
    )
    if besides is not None:
        masks = masks.where(Image.id != besides)
    if request.category_id is None:
        masks = masks.where(Annotation.uid.in_([str(uid) for uid in request.examples])).order_by(Annotation.id)
    else:
        of_category = masks.where(Annotation.category_id == request.category_id)
        masks = of_category.order_by(Annotation.updated.desc(), Annotation.id.desc()).limit(FROM_CATEGORY)
    return [_stored(row) for row in session.execute(masks)]


def refused_of(
    session: Session, project_id: int, image_id: int, categories: Collection[int | None]
) -> Sequence[StoredMask]:
    """Suggestions of similar objects that were refused, the newest first: on this image, or of these categories."""
    named = [category for category in categories if category is not None]
    masks = _masks(Suggestion).where(
        Image.project_id == project_id,
        Suggestion.state == "refused",
        Suggestion.origin == "similar",
        or_(Suggestion.image_id == image_id, Suggestion.category_id.in_(named)),
    )
    return [_stored(row) for row in session.execute(masks.order_by(Suggestion.decided.desc()).limit(REFUSED))]


def _masks(table: type[Annotation | Suggestion]) -> Select[*tuple[Any, ...]]:
    columns = table.uid, table.counts, table.category_id, Image.sha256, Image.height, Image.width
    return select(*columns).join(Image, Image.id == table.image_id)


def _stored(row: Row[*tuple[Any, ...]]) -> StoredMask:
    return StoredMask(row.uid, row.sha256, Rle(size=[row.height, row.width], counts=row.counts), row.category_id)
