"""Gold images: handed out unannounced, as copies, and what people draw there is compared with what is known of them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select, true
from sqlalchemy.orm import Session, aliased

from limner.errors import Conflict, InvalidInput
from limner.quality.agreement import cohens_kappa
from limner.quality.matching import Labelled, Score
from limner.store.copies import copies_of, copy_for, owner_of
from limner.store.leases import FINISHED, hold, lease_span
from limner.store.tables import Annotation, GoldReference, GoldScore, Image, Project
from limner.store.types import utc_now
from limner.store.upsert import insert_for
from limner.store.work import announce_work
from limner.vocabulary.rle import Rle


@dataclass(frozen=True)
class GoldWork:
    """Submitted work on a copy of a gold image, and what it is compared with."""

    copy_id: int
    project_id: int
    user_id: int
    revision: int
    reference: Sequence[Labelled]
    given: Sequence[Labelled]


@dataclass(frozen=True)
class GoldFigures:
    """How somebody's work on gold images compares with the references.

    Attributes:
        user_id: the person.
        images: that they submitted.
        matched: masks that stand for one of a reference.
        missed: masks of references for which they made none.
        extra: masks for which a reference has none.
        mask_iou: mean over what is matched, 0 to 1; None: nothing is.
        boundary_iou: likewise.
        same_category: share of what is matched that has the reference's category, 0 to 1; None: nothing is matched.
        kappa: Cohen's, of those categories; None: it is not defined.
    """

    user_id: int
    images: int
    matched: int
    missed: int
    extra: int
    mask_iou: float | None
    boundary_iou: float | None
    same_category: float | None
    kappa: float | None


def make_gold(session: Session, project_id: int, image_ids: Collection[int], user_id: int) -> int:
    """Keep what is on images as it is now, as a reference, and hand them out as gold images from now on.

    Crowds are no part of a reference. What is gold already stays as it is.

    Returns:
        How many became gold.

    Raises:
        InvalidInput: the project has no image of one of these numbers; nothing was changed.
        Conflict: the work on one is not finished; nothing was changed.
    """
    images = [image for image in _locked(session, project_id, image_ids) if not image.is_gold]
    for image in images:
        if image.state not in FINISHED:
            raise Conflict(
                f"The work on image {image.id} is not finished: it is {image.state}.",
                hint="Make images gold that were submitted or approved.",
            )
        masks = [[each.mask["counts"], each.category] for each in _labelled(session, image)]
        session.add(GoldReference(image_id=image.id, masks=masks, user_id=user_id))
        image.is_gold = True
    session.flush()
    return len(images)


def unmake_gold(session: Session, project_id: int, image_ids: Collection[int]) -> int:
    """Images are gold no more. Scores of work on them stay.

    Returns:
        How many ceased to be.

    Raises:
        InvalidInput: the project has no image of one of these numbers; nothing was changed.
    """
    images = [image for image in _locked(session, project_id, image_ids) if image.is_gold]
    for image in images:
        session.delete(session.get_one(GoldReference, image.id))
        image.is_gold = False
    session.flush()
    return len(images)


def take_gold(
    session: Session,
    project: Project,
    user_id: int,
    current: int | None,
    now: datetime | None = None,
    among: Sequence[ColumnElement[bool]] = (),
) -> Image | None:
    """Hand somebody a copy of a gold image, if it is time for one and there is one on which they have not worked.

    Whether it is time is drawn with the project's share as probability, by a hash of who asks and where they come from:
    nobody can tell beforehand, and who asks again is answered alike.

    Args:
        session: of a writing transaction.
        project: whose images.
        user_id: who asks.
        current: number of the image that they come from; it is not handed out.
        now: the present moment.
        among: what holds of the gold images that may be handed out.
    """
    if not project.gold_share:
        return None
    mine = copies_of(session, project.id, user_id)
    copies = {} if mine is None else {each.copy_of: each for each in session.scalars(_in_project(mine))}
    done = {number for number, copy in copies.items() if copy.state != "waiting"}
    digest = hashlib.sha256(f"gold {project.id} {user_id} {current} {len(done)}".encode()).digest()
    if int.from_bytes(digest[:8]) >= project.gold_share * 2**64:
        return None
    gold = select(Image).where(Image.project_id == project.id, Image.is_gold, Image.state.in_(FINISHED), *among)
    others = gold.where(or_(Image.author_id.is_(None), Image.author_id != user_id)).order_by(Image.id)
    left = [
        image
        for image in session.scalars(others)
        if image.id not in done and (image.id not in copies or copies[image.id].id != current)
    ]
    if not left:
        return None
    begun = [image for image in left if image.id in copies]
    chosen = begun[0] if begun else left[int.from_bytes(digest[8:16]) % len(left)]
    original = session.scalar(gold.where(Image.id == chosen.id).with_for_update(of=Image))
    if original is None:  # it was gold until just now, or was deleted: nobody would score a copy of it
        return None
    copy = copy_for(session, original, user_id)
    now = now or utc_now()
    hold(copy, user_id, now + lease_span(session, project.id), now, reserved=False)
    session.flush()
    announce_work(session, [copy])
    return copy


def unscored(session: Session) -> Sequence[int]:
    """Numbers of copies of gold images that were submitted, and not looked at since."""
    found = (
        select(Image.id)
        .join(GoldReference, GoldReference.image_id == Image.copy_of)
        .outerjoin(GoldScore, GoldScore.copy_id == Image.id)
        .where(Image.copy_of.is_not(None), Image.state == "submitted", Image.trashed.is_(None))
        .where(or_(GoldScore.copy_id.is_(None), GoldScore.revision != Image.revision))
    )
    return session.scalars(found.order_by(Image.id)).all()


def work_on(session: Session, copy_id: int) -> GoldWork | None:
    """The work on a copy, and its reference; None when one of them is gone, or the work goes on."""
    copy = session.get(Image, copy_id)
    reference = None if copy is None or copy.copy_of is None else session.get(GoldReference, copy.copy_of)
    if copy is None or reference is None or copy.state != "submitted" or copy.trashed is not None:
        return None
    size = [copy.height, copy.width]
    return GoldWork(
        copy.id,
        session.get_one(Image, copy.copy_of).project_id,
        owner_of(session, copy),
        copy.revision,
        [Labelled(Rle(size=size, counts=counts), category) for counts, category in reference.masks],
        _labelled(session, copy),
    )


def keep_score(session: Session, work: GoldWork, score: Score) -> None:
    """Write down how work on a gold image compares, in place of what was found when it was submitted before."""
    if session.get(Image, work.copy_id) is None:
        return  # deleted meanwhile
    values = {
        "copy_id": work.copy_id,
        "project_id": work.project_id,
        "user_id": work.user_id,
        "revision": work.revision,
        "matched": len(score.mask_iou),
        "missed": score.missed,
        "extra": score.extra,
        "mask_iou": sum(score.mask_iou),
        "boundary_iou": sum(score.boundary_iou),
        "categories": [list(pair) for pair in score.categories],
        "scored": utc_now(),
    }
    statement = insert_for(session, GoldScore).values(**values)
    session.execute(statement.on_conflict_do_update(index_elements=["copy_id"], set_=values))


def gold_figures(session: Session, project_id: int, user_id: int | None = None) -> Sequence[GoldFigures]:
    """How people's work on a project's gold images compares, by the person's number; of all, or of one."""
    wanted = true() if user_id is None else GoldScore.user_id == user_id
    rows: dict[int, list[GoldScore]] = {}
    scores = select(GoldScore).join(Image, Image.id == GoldScore.copy_id)
    scores = scores.where(GoldScore.project_id == project_id, Image.trashed.is_(None), wanted)
    for each in session.scalars(scores.order_by(GoldScore.user_id)):
        rows.setdefault(each.user_id, []).append(each)
    return [_figures(person, scored) for person, scored in rows.items()]


def gold_scores(session: Session, project_id: int) -> Sequence[tuple[GoldScore, int, str]]:
    """Every score of a project with number and name of its image, by person and image."""
    copy = aliased(Image)
    found = (
        select(GoldScore, Image.id, Image.file_name)
        .join(copy, copy.id == GoldScore.copy_id)
        .join(Image, Image.id == copy.copy_of)
        .where(GoldScore.project_id == project_id, copy.trashed.is_(None))
        .order_by(GoldScore.user_id, Image.id)
    )
    return session.execute(found).all()


def count_gold(session: Session, project_id: int) -> int:
    """How many images of a project are gold."""
    return session.scalar(select(func.count()).where(Image.project_id == project_id, Image.is_gold)) or 0


def _figures(user_id: int, scores: Sequence[GoldScore]) -> GoldFigures:
    matched = sum(each.matched for each in scores)
    pairs = [(before, after) for each in scores for before, after in each.categories]
    return GoldFigures(
        user_id=user_id,
        images=len(scores),
        matched=matched,
        missed=sum(each.missed for each in scores),
        extra=sum(each.extra for each in scores),
        mask_iou=sum(each.mask_iou for each in scores) / matched if matched else None,
        boundary_iou=sum(each.boundary_iou for each in scores) / matched if matched else None,
        same_category=sum(before == after for before, after in pairs) / len(pairs) if pairs else None,
        kappa=cohens_kappa(pairs),
    )


def _labelled(session: Session, image: Image) -> list[Labelled]:
    rows = session.execute(
        select(Annotation.counts, Annotation.category_id)
        .where(Annotation.image_id == image.id, Annotation.deleted.is_(None), Annotation.iscrowd == 0)
        .order_by(Annotation.position, Annotation.id)
    )
    return [Labelled(Rle(size=[image.height, image.width], counts=counts), category) for counts, category in rows]


def _in_project(project_id: int) -> Select[Any]:
    return select(Image).where(Image.project_id == project_id).order_by(Image.id)


def _locked(session: Session, project_id: int, image_ids: Collection[int]) -> Sequence[Image]:
    found = _in_project(project_id).where(Image.id.in_(image_ids))
    images: Sequence[Image] = session.scalars(found.with_for_update().execution_options(populate_existing=True)).all()
    missing = set(image_ids) - {image.id for image in images}
    if missing:
        raise InvalidInput(f"The project has no image {min(missing)}.", hint="Nothing was changed; choose again.")
    return images
