"""Masks that people look at one by one: a sample of them, what was judged of each, and how many were wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Select, String, cast, func, select
from sqlalchemy.orm import Session, aliased

from limner.errors import NotFound, StaleRevision
from limner.store.rollup import recount
from limner.store.tables import Annotation, Edit, Image, Judgement
from limner.store.types import utc_now
from limner.vocabulary.states import MaskVerdict, VerdictFilter

IMAGES_AT_ONCE = 2_000  # the numbers of whose masks are in memory while a sample is drawn
_NEWER = aliased(Judgement)
_ITSELF = aliased(Annotation)
_LATEST = (
    ~select(_NEWER.id)
    .where(_NEWER.annotation_id == Judgement.annotation_id, _NEWER.revision > Judgement.revision)
    .exists()
)
_MADE_BY = (
    select(func.coalesce(Edit.user_id, 0))
    .where(Edit.uid == Annotation.uid, Edit.kind == "create")
    .limit(1)
    .scalar_subquery()
)


@dataclass(frozen=True)
class Choice:
    """Which masks of a project are looked at. Those on images that were skipped never are.

    Attributes:
        category_id: only of this category; 0: of none.
        person: only those that this one made; 0: nobody is known.
        verdict: only those of which this was judged.
        size: at most so many, at random; 1 to some thousands.
        seed: makes another sample. The same one gives the same sample, but for what was added or deleted since.
    """

    category_id: int | None = None
    person: int | None = None
    verdict: VerdictFilter = "any"
    size: int = 200
    seed: int = 1


@dataclass(frozen=True)
class VerifiedMask:
    """An annotation with what was judged of it.

    Attributes:
        annotation: the row, without the mask.
        file_name: of its image.
        person: who made it, 0: nobody is known.
        verdict: on the mask as it is; None: nobody has judged that.
        judged_by, judged: who gave it, and when.
        mended: it was wrong when it was judged last, and has changed since.
    """

    annotation: Any
    file_name: str
    person: int
    verdict: str | None
    judged_by: int | None
    judged: datetime | None
    mended: bool


def draw(session: Session, project_id: int, choice: Choice) -> tuple[Sequence[int], int]:
    """A random sample of the masks of a project.

    Every mask has a random key of its own, and those with the smallest keys are taken: each set of that size is equally
    likely, and what comes or goes elsewhere changes one place of the sample at most.

    Returns:
        Numbers of annotations, and among how many they were drawn.
    """
    of_image = func.aggregate_strings(cast(Annotation.id, String), ",")  # a row an image: a project has many masks
    statement = (
        select(of_image)
        .join(Image, Image.id == Annotation.image_id)
        .where(Image.project_id == project_id, Image.state != "skipped", Annotation.deleted.is_(None), *_chosen(choice))
        .group_by(Image.state, Image.id)  # along an index
        .execution_options(yield_per=IMAGES_AT_ONCE)
    )
    left_out = _verified(session, project_id) if choice.verdict == "unverified" else np.zeros(0, np.uint64)
    kept = np.zeros(0, np.uint64)
    population = 0
    for batch in session.scalars(statement).partitions():
        numbers = np.asarray(",".join(batch).split(","), np.uint64)
        numbers = numbers[~np.isin(numbers, left_out)] if left_out.size else numbers
        population += numbers.size
        numbers = np.concatenate([kept, numbers])
        order = np.argsort(sample_keys(numbers, choice.seed), kind="stable")
        kept = numbers[order[: choice.size]]
    return [int(number) for number in kept], population


def _verified(session: Session, project_id: int) -> NDArray[np.uint64]:
    """Numbers of the masks of a project that were judged as they are."""
    found = (
        select(Judgement.annotation_id)
        .join(_ITSELF, _ITSELF.id == Judgement.annotation_id)
        .join(Image, Image.id == _ITSELF.image_id)
        .where(Image.project_id == project_id, Judgement.revision == _ITSELF.content_revision)
    )
    return np.asarray(session.scalars(found).all(), np.uint64)


def sample_keys(numbers: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """A random key for each number (N,), another one with each seed.

    The finaliser of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014), of the
    number and of the finalised seed.
    """
    return _mix(numbers ^ _mix(np.asarray([seed], np.uint64)))


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _chosen(choice: Choice) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if choice.category_id is not None:
        category_id = choice.category_id or None
        found.append(Annotation.category_id.is_(None) if category_id is None else Annotation.category_id == category_id)
    if choice.person is not None:
        maker = _MADE_BY
        found.append(maker == choice.person)
    if choice.verdict not in ("any", "unverified"):  # the latter are what is left of all: they are many
        found.append(Annotation.id.in_(_judged(choice.verdict)))
    return found


def _judged(verdict: VerdictFilter) -> Select[Any]:
    """Numbers of annotations of which this was judged: looked up in the judgements, of which there are fewer."""
    judged = select(Judgement.annotation_id).join(_ITSELF, _ITSELF.id == Judgement.annotation_id)
    if verdict == "mended":
        return judged.where(Judgement.revision < _ITSELF.content_revision, Judgement.verdict == "wrong", _LATEST)
    return judged.where(Judgement.revision == _ITSELF.content_revision, Judgement.verdict == verdict)


def verified_masks(session: Session, annotation_ids: Sequence[int]) -> Sequence[VerifiedMask]:
    """Masks with what was judged of them, image by image; those that are there no more are left out."""
    columns = (
        Annotation.id,
        Annotation.uid,
        Annotation.image_id,
        Annotation.category_id,
        Annotation.content_revision,
        Annotation.area,
        Annotation.bbox_x,
        Annotation.bbox_y,
        Annotation.bbox_width,
        Annotation.bbox_height,
    )
    rows = session.execute(
        select(*columns, Image.file_name, _MADE_BY.label("person"))
        .join(Image, Image.id == Annotation.image_id)
        .where(Annotation.id.in_(annotation_ids), Annotation.deleted.is_(None))
        .order_by(Annotation.image_id, Annotation.position, Annotation.id)
    ).all()
    found = select(Judgement).where(Judgement.annotation_id.in_(annotation_ids)).order_by(Judgement.revision)
    latest: Mapping[int, Judgement] = {each.annotation_id: each for each in session.scalars(found)}
    return [_as_judged(row, latest.get(row.id)) for row in rows]


def _as_judged(row: Any, latest: Judgement | None) -> VerifiedMask:
    holds = latest is not None and latest.revision == row.content_revision
    return VerifiedMask(
        annotation=row,
        file_name=row.file_name,
        person=row.person or 0,
        verdict=latest.verdict if latest and holds else None,
        judged_by=latest.user_id if latest and holds else None,
        judged=latest.created if latest and holds else None,
        mended=latest is not None and not holds and latest.verdict == "wrong",
    )


def judge(
    session: Session, image: Image, annotation: Annotation, revision: int, verdict: MaskVerdict | None, user_id: int
) -> None:
    """Say that the mask of an annotation is right or wrong, or take back what was said of it.

    Args:
        session: of a writing transaction.
        image: that of the annotation, locked.
        annotation: the mask.
        revision: its ``content_revision`` as it was looked at.
        verdict: None takes back what was said of this revision.
        user_id: who says it.

    Raises:
        NotFound: the annotation was deleted.
        StaleRevision: the mask is another one by now.
    """
    if annotation.deleted is not None:
        raise NotFound.row("annotation", annotation.uid)
    if revision != annotation.content_revision:
        raise StaleRevision(
            f"The annotation {annotation.uid} was changed in revision {annotation.content_revision} of its image; "
            f"what was looked at is that of {revision}.",
            hint="Look at it as it is now, then judge.",
            details={"revision": annotation.content_revision},
        )
    said = session.scalar(
        select(Judgement).where(Judgement.annotation_id == annotation.id, Judgement.revision == revision)
    )
    if verdict != (said and said.verdict):
        recount(image)
    if verdict is None:
        if said is not None:
            session.delete(said)
    elif said is None:
        session.add(Judgement(annotation_id=annotation.id, revision=revision, verdict=verdict, user_id=user_id))
    else:
        said.verdict, said.user_id, said.created = verdict, user_id, utc_now()
    session.flush()
