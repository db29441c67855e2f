"""How much is in projects, without counting all of it: sums of what each image adds, and what they do not know yet.

:mod:`limner.store.rollup` keeps the sums and which images changed since they were counted. Of those, what they added
then is taken out, and what is there now is put in, so that the answer is that of the rows at the moment that the
session sees. Where very many changed, all rows are counted; a background thread catches up soon.

How many images of a large project are encoded is counted by that thread, once in a while (:func:`count_encoded`).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.orm import Session

from limner.store.contributions import SIZES, Contributions
from limner.store.embeddings import EmbeddingKey
from limner.store.rollup import uncounted_images
from limner.store.tables import (
    IS_GONE,
    Annotation,
    EffortGroup,
    Embedding,
    EncodedCount,
    Image,
    ImageRollup,
    ProjectSize,
)

FEW = 5_000  # images that changed since they were counted: beyond that, all rows of the project are
AT_ONCE = 1_000  # numbers of images in one statement
LARGE = 20_000  # images of a project whose encoded ones are counted once in a while
ENCODED_EVERY = timedelta(seconds=30)
ENCODED_SHARE = 50  # times as long as the last counting took is the pause after it, at least


@dataclass(frozen=True)
class Late:
    """What sums do not say yet.

    It is true of the moment of its session's snapshot: a session that sees another one after each statement would take
    out what has been taken out since.

    Attributes:
        everything: projects of which all rows are to be counted.
        old: what images added to the sums of the other projects that changed, or went, since they were counted.
        images: the numbers of those that changed and are there.
    """

    everything: frozenset[int]
    old: Mapping[int, Sequence[Contributions]]
    images: Sequence[int]


def late_in(session: Session, project_ids: Collection[int]) -> Late:
    """What the sums of projects do not say yet; read once for all that is asked of them in one snapshot.

    Args:
        session: that sees one snapshot, as :meth:`limner.store.Database.read` gives.
        project_ids: which projects.
    """
    gone = select(ImageRollup.project_id, func.count()).where(ImageRollup.project_id.in_(project_ids), IS_GONE)
    late: Counter[int] = Counter(dict(session.execute(gone.group_by(ImageRollup.project_id)).all()))
    changed = _changed_images(session, project_ids)
    late.update({project_id: len(numbers) for project_id, numbers in changed.items()})
    old: dict[int, list[Contributions]] = {project_id: [] for project_id, count in late.items() if count <= FEW}
    images = [number for project_id, numbers in changed.items() if project_id in old for number in numbers]
    rollups = select(ImageRollup.project_id, ImageRollup.counted).where(ImageRollup.project_id.in_(old))
    chosen = [rollups.where(IS_GONE)] if old else []
    chosen += [rollups.where(ImageRollup.image_id.in_(some), ImageRollup.gone.is_(False)) for some in batches(images)]
    for statement in chosen:
        for project_id, counted in session.execute(statement):
            old[project_id].append(Contributions.from_json(counted))
    return Late(frozenset(late.keys() - old.keys()), old, images)


def _changed_images(session: Session, project_ids: Collection[int]) -> Mapping[int, Sequence[int]]:
    """By project, the numbers of images that changed and are there: of very many :data:`FEW` and one more."""
    found: dict[int, list[int]] = {}
    before, last = min(project_ids, default=1) - 1, max(project_ids, default=0)
    while before < last:
        some = uncounted_images(FEW + 1, Image.project_id, Image.id).where(Image.project_id > before)
        numbers: dict[int, list[int]] = {}
        rows = session.execute(some).all()
        for project_id, number in rows:
            numbers.setdefault(project_id, []).append(number)
        if len(rows) > FEW and len(numbers) > 1:
            numbers.popitem()  # it may have more
        found |= numbers
        before = max(numbers) if len(rows) > FEW else last
    return {project_id: numbers for project_id, numbers in found.items() if project_id in project_ids}


def batches(images: Sequence[int]) -> Iterator[Sequence[int]]:
    """Some numbers at a time."""
    return (images[first : first + AT_ONCE] for first in range(0, len(images), AT_ONCE))


def sizes_of(session: Session, project_ids: Collection[int], late: Late | None = None) -> Mapping[int, Counter[str]]:
    """By project, the sizes that :data:`SIZES` names; projects without images are missing.

    Args:
        session: that sees one snapshot.
        project_ids: which projects.
        late: of :func:`late_in` for these projects, where that was asked already.
    """
    late = late or late_in(session, project_ids)
    sizes: dict[int, Counter[str]] = {}
    summed = [each for each in project_ids if each not in late.everything]
    for row in session.scalars(select(ProjectSize).where(ProjectSize.project_id.in_(summed))):
        sizes[row.project_id] = Counter({name: getattr(row, name) for name in SIZES})
    for project_id, old in late.old.items():
        of_project = sizes.setdefault(project_id, Counter())
        for each in old:
            of_project.subtract(each.sizes())
    for chosen in _rows_to_count(late):
        for project_id, counts in _count(session, chosen).items():
            sizes.setdefault(project_id, Counter()).update(counts)
    return {project_id: counts for project_id, counts in sizes.items() if counts["images"]}


def masks_by_category(session: Session, project_ids: Collection[int], late: Late | None = None) -> Counter[int]:
    """Number of annotations by category, of all that have one in these projects; arguments as of :func:`sizes_of`."""
    late = late or late_in(session, project_ids)
    summed = [each for each in project_ids if each not in late.everything]
    sums = select(EffortGroup.category_id, func.sum(EffortGroup.masks)).where(EffortGroup.project_id.in_(summed))
    masks = Counter(
        {category: int(count) for category, count in session.execute(sums.group_by(EffortGroup.category_id))}
    )
    for old in late.old.values():
        for each in old:
            for (_, category, _, _), counts in each.effort.items():
                masks[category] -= counts["masks"]
    for chosen in _rows_to_count(late):
        masks.update(_count_masks(session, chosen))
    return Counter({category: count for category, count in masks.items() if category and count})


def encoded_of(session: Session, sizes: Mapping[int, int], key: EmbeddingKey) -> Mapping[int, int]:
    """By project, how many of its images have an embedding by a model; of large ones, as they were counted last.

    Args:
        session: where to look.
        sizes: how many images the projects have.
        key: the model.
    """
    large = [project_id for project_id, images in sizes.items() if images > LARGE]
    counted = select(ProjectSize.project_id).where(ProjectSize.encoded_counted.is_not(None))
    known = dict.fromkeys(session.scalars(counted.where(ProjectSize.project_id.in_(large))), 0) if large else {}
    if known:
        rows = select(EncodedCount.project_id, EncodedCount.images).where(
            EncodedCount.project_id.in_(known),
            EncodedCount.model_sha256 == key.model_sha256,
            EncodedCount.preprocessing_version == key.preprocessing_version,
        )
        known |= dict(session.execute(rows).all())
    others = [project_id for project_id in sizes if project_id not in known]
    if not others:
        return known
    rows = (
        select(Image.project_id, func.count())
        .join(Embedding, Embedding.image_sha256 == Image.sha256)
        .where(
            Image.project_id.in_(others),
            Embedding.model_sha256 == key.model_sha256,
            Embedding.preprocessing_version == key.preprocessing_version,
        )
        .group_by(Image.project_id)
    )
    return known | dict(session.execute(rows).all())


def due_for_encoded(session: Session, now: datetime) -> Sequence[int]:
    """Large projects whose encoded images are to be counted again: after a pause that grows with what that takes."""
    rows = select(ProjectSize.project_id, ProjectSize.encoded_counted, ProjectSize.encoded_seconds)
    return [
        project_id
        for project_id, counted, seconds in session.execute(rows.where(ProjectSize.images > LARGE))
        if counted is None or now - counted > max(ENCODED_EVERY, ENCODED_SHARE * timedelta(seconds=seconds or 0))
    ]


def count_encoded(session: Session, project_id: int) -> tuple[Mapping[EmbeddingKey, int], float]:
    """(how many images of a project have an embedding, by model; seconds that it took to count them)."""
    started = time.monotonic()
    named = (Embedding.model_sha256, Embedding.preprocessing_version)
    found = select(*named, func.count()).join(Image, Image.sha256 == Embedding.image_sha256)
    rows = session.execute(found.where(Image.project_id == project_id).group_by(*named))
    counts = {EmbeddingKey(model, version): count for model, version, count in rows}
    return counts, time.monotonic() - started


def note_encoded(
    session: Session, project_id: int, counts: Mapping[EmbeddingKey, int], seconds: float, now: datetime
) -> None:
    """Write down what :func:`count_encoded` found, if the project is still there."""
    noted = update(ProjectSize).where(ProjectSize.project_id == project_id)
    if session.scalar(
        noted.values(encoded_counted=now, encoded_seconds=seconds)
        .returning(ProjectSize.project_id)
        .execution_options(synchronize_session=False)
    ):
        session.execute(delete(EncodedCount).where(EncodedCount.project_id == project_id))
        rows = [
            {
                "project_id": project_id,
                "model_sha256": key.model_sha256,
                "preprocessing_version": key.preprocessing_version,
                "images": count,
            }
            for key, count in counts.items()
        ]
        if rows:
            session.execute(insert(EncodedCount), rows)


def _rows_to_count(late: Late) -> Iterator[ColumnElement[bool]]:
    """The images whose rows are to be counted, some at a time."""
    for some in batches(late.images):
        yield Image.id.in_(some)
    if late.everything:
        yield Image.project_id.in_(late.everything)


def _count(session: Session, chosen: ColumnElement[bool]) -> Mapping[int, Mapping[str, int]]:
    """The sizes of projects, by their rows; of the images that are chosen."""
    counts = {
        "images": func.count(Image.id),
        "annotated": func.count(Image.id).filter(Image.annotation_count > 0),
        "annotations": func.coalesce(func.sum(Image.annotation_count), 0),
        **{state: func.count(Image.id).filter(Image.state == state) for state in SIZES[3:]},
    }
    columns = [counts[name].label(name) for name in SIZES]
    rows = select(Image.project_id, *columns).where(chosen)
    return {
        row.project_id: {name: int(getattr(row, name)) for name in SIZES}
        for row in session.execute(rows.group_by(Image.project_id))
    }


def _count_masks(session: Session, chosen: ColumnElement[bool]) -> Mapping[int, int]:
    rows = (
        select(Annotation.category_id, func.count())
        .join(Image, Image.id == Annotation.image_id)
        .where(chosen)
        .where(Annotation.deleted.is_(None), Annotation.category_id.is_not(None))
        .group_by(Annotation.category_id)
    )
    return {category: count for category, count in session.execute(rows) if category is not None}
