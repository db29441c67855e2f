"""The verification grid: masks are looked at one by one, judged right or wrong, and counted."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from limner.access import Actor, Permission, access_annotation, access_image, access_project
from limner.blobs import display_key
from limner.encoding.crops import crop_bytes
from limner.errors import NotFound, StaleRevision
from limner.service.csv_lines import csv_lines
from limner.service.ingest import DECODING
from limner.service.wiring import Services
from limner.store import statistics
from limner.store import verification as store
from limner.store.categories import list_categories
from limner.store.comments import About, begin_thread, set_resolved
from limner.store.names import names_of_users
from limner.store.statistics import Judged
from limner.store.tables import Annotation, Comment, Image
from limner.store.verification import Choice, VerifiedMask
from limner.vocabulary.intervals import wilson
from limner.vocabulary.names import NO_CATEGORY, NOBODY
from limner.vocabulary.rle import Rle
from limner.vocabulary.states import MaskVerdict, VerificationBy

__all__ = [
    "Choice",
    "ErrorRate",
    "Sample",
    "VerifiedMask",
    "crop",
    "figures",
    "figures_table",
    "judge",
    "may_see",
    "sample",
]

WRONG = "Judged wrong in the verification grid: mend the mask or its category, then resolve this."
_THREADS = uuid.UUID("7c0f2a52-3c8e-4a7b-9a63-6a5d3d1f0b11")  # names the comments that judgements make


@dataclass(frozen=True)
class Sample:
    """Masks that were drawn, among how many, and what the people in them are called now, by number."""

    masks: Sequence[VerifiedMask]
    population: int
    names: Mapping[int, str]


@dataclass(frozen=True)
class ErrorRate:
    """How masks of one category or person were judged.

    Attributes:
        key: number of the category or person; 0: none, or nobody is known.
        name: as people read it.
        right, wrong: of the masks as they are.
        mended: masks that were wrong when they were judged last, and have changed since.
        share: errors, which are ``wrong`` and ``mended``, of all these; None: there are none.
        low, high: the 95 % interval of the share, after Wilson.
    """

    key: int
    name: str
    right: int
    wrong: int
    mended: int
    share: float | None
    low: float
    high: float


def sample(context: Services, actor: Actor, project_id: int, choice: Choice) -> Sample:
    """A random sample of a project's masks, image by image, with what was judged of each.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not review there.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.REVIEW)
        numbers, population = store.draw(session, project_id, choice)
        masks = store.verified_masks(session, numbers)
        return Sample(masks, population, _names(session, masks))


def judge(
    context: Services, actor: Actor, uid: str, revision: int, verdict: MaskVerdict | None, *, tell: bool
) -> Sample:
    """Say that a mask is right or wrong, or take back what was said of it; the same again changes nothing.

    What is wrong begins a thread of comments on the object, where who works on the image sees it. The thread is
    resolved when the verdict on that revision is taken back or becomes right.

    Args:
        context: the services.
        actor: who says it.
        uid: of the annotation.
        revision: its ``content_revision`` as it was looked at.
        verdict: None takes back what was said.
        tell: whether a mask that is wrong begins a thread.

    Returns:
        The mask, alone.

    Raises:
        NotFound: there is no such annotation that the actor may see.
        Forbidden: the actor may not review there.
        StaleRevision: the mask is another one by now.
        Conflict: it is wrong, and nothing more can be said about its image.
    """
    with context.database.write() as session:
        annotation = access_annotation(session, actor, uid, Permission.REVIEW)
        image = access_image(session, actor, annotation.image_id, Permission.REVIEW, lock=True)
        session.refresh(annotation)  # as it is when the lock is ours
        store.judge(session, image, annotation, revision, verdict, actor.user_id)
        _say(session, actor, image, annotation, wrong=verdict == "wrong" and tell)
        masks = store.verified_masks(session, [annotation.id])
        return Sample(masks, 1, _names(session, masks))


def crop(context: Services, actor: Actor, uid: str, revision: int) -> bytes:
    """WebP of a mask on its part of the image, as it stands since this revision (its ``content_revision``).

    Two are made at a time in a process, so that memory stays that of two decoded images.

    Raises:
        NotFound: there is no such annotation that the actor may see.
        StaleRevision: the mask is another one by now.
    """
    with context.database.read() as session:
        row = access_annotation(session, actor, uid, Permission.VIEW)
        image = access_image(session, actor, row.image_id, Permission.VIEW)
        if row.deleted is not None:
            raise NotFound.row("annotation", uid)
        if row.content_revision != revision:
            raise StaleRevision(
                f"The annotation {uid} was changed in revision {row.content_revision} of its image.",
                hint="Ask for the crop of that revision.",
                details={"revision": row.content_revision},
            )
        mask = Rle(size=[image.height, image.width], counts=row.counts)
        bbox = (row.bbox_x, row.bbox_y, row.bbox_width, row.bbox_height)
        sha256 = image.sha256
    with DECODING:
        data = context.blobs.open(display_key(sha256)).read()
        return crop_bytes(data, mask, bbox, max_pixels=context.settings.max_pixels)


def may_see(context: Services, actor: Actor, uid: str) -> None:
    """Make sure that somebody may see an annotation, of whose crop they have a copy.

    Raises:
        NotFound: there is none that the actor may see.
    """
    with context.database.read() as session:
        access_annotation(session, actor, uid, Permission.VIEW)


def figures(context: Services, actor: Actor, project_id: int, by: VerificationBy) -> Sequence[ErrorRate]:
    """How the masks of each category, or of each person, were judged; that with most errors first.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not see what others did.
    """
    found, names = _counted(context, actor, project_id)
    sums: dict[int, list[int]] = {}
    for each in found:
        key = each.category_id if by == "category" else each.user_id
        old = sums.get(key, [0, 0, 0])
        sums[key] = [a + b for a, b in zip(old, (each.right, each.wrong, each.mended), strict=True)]
    rates = [_rate(key, names[by][key], *numbers) for key, numbers in sums.items()]
    return sorted(rates, key=lambda rate: (-(rate.wrong + rate.mended), rate.name.casefold()))


def figures_table(context: Services, actor: Actor, project_id: int) -> Iterator[str]:
    """How masks were judged as CSV: by category and person.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not see what others did.
    """
    found, names = _counted(context, actor, project_id)
    rates = [(each, _rate(0, "", each.right, each.wrong, each.mended)) for each in found]
    return csv_lines(
        ["category", "person", "right", "wrong", "mended", "error_rate", "low", "high"],
        (
            [
                names["category"][each.category_id],
                names["person"][each.user_id],
                each.right,
                each.wrong,
                each.mended,
                "" if rate.share is None else round(rate.share, 6),
                round(rate.low, 6),
                round(rate.high, 6),
            ]
            for each, rate in rates
        ),
    )


def _counted(
    context: Services, actor: Actor, project_id: int
) -> tuple[Sequence[Judged], Mapping[VerificationBy, Mapping[int, str]]]:
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.READ_STATISTICS)
        found = statistics.judged(session, project_id)
        people = names_of_users(session, [each.user_id for each in found])
        categories = {each.id: each.name for each in list_categories(session, project_id)}
    return found, {
        "category": {each.category_id: categories.get(each.category_id, NO_CATEGORY) for each in found},
        "person": {each.user_id: people.get(each.user_id, NOBODY) for each in found},
    }


def _rate(key: int, name: str, right: int, wrong: int, mended: int) -> ErrorRate:
    errors, total = wrong + mended, right + wrong + mended
    low, high = wilson(errors, total)
    return ErrorRate(key, name, right, wrong, mended, errors / total if total else None, low, high)


def _say(session: Session, actor: Actor, image: Image, annotation: Annotation, *, wrong: bool) -> None:
    """Begin or reopen the thread about this revision of a mask, or resolve it when there is one."""
    uid = str(uuid.uuid5(_THREADS, f"{annotation.uid} {annotation.content_revision}"))
    thread = session.scalar(select(Comment).where(Comment.uid == uid))
    if thread is not None:
        set_resolved(session, image, thread, actor.user_id, resolved=not wrong)
    elif wrong:
        begin_thread(session, image, uid, WRONG, actor.user_id, About(annotation_uid=annotation.uid))


def _names(session: Session, masks: Sequence[VerifiedMask]) -> Mapping[int, str]:
    people = [each.person for each in masks] + [each.judged_by for each in masks]
    return names_of_users(session, people)
