"""Leases that people have on images, and which image somebody is handed next.

A lease keeps others from being handed the image; it keeps nobody from opening or saving it. Whoever locks several
images waits for the first one at most and passes over others that are locked, so that nobody waits in a circle.
"""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from limner.store.advisory import Only, wait_to_be
from limner.store.copies import home_of, worked_on_itself
from limner.store.rows import AnyImage
from limner.store.tables import IS_OPEN, Annotation, Image, Project
from limner.store.types import utc_now
from limner.store.work import MOST_NAMED, announce_work

SHORTEST, LONGEST = timedelta(minutes=2), timedelta(minutes=30)
FIRST = timedelta(minutes=10)  # while nothing is known of how long an image takes
TIMES_MEDIAN = 3
MEDIAN_OF = 50  # images of each state of finished work, the newest
RESERVED = 2  # images that are kept for somebody besides the one they work on
FINISHED = ("submitted", "approved")


@dataclass(frozen=True)
class Among:
    """Only some images are handed out, and in an order of their own: those of a list that somebody looks at.

    Attributes:
        chosen: what holds of each.
        order: columns to sort by.
        behind: what holds of those that come after the image that they come from; None: they come from none.
    """

    chosen: Sequence[ColumnElement[bool]]
    order: Sequence[ColumnElement[Any]]
    behind: ColumnElement[bool] | None


def lease_span(session: Session, project_id: int) -> timedelta:
    """How long a lease lasts: three times the median active time of an image, from two to thirty minutes."""
    newest: list[int] = []
    for state in FINISHED:
        found = select(Image.id).where(Image.project_id == project_id, Image.state == state)
        newest += session.scalars(found.order_by(Image.id.desc()).limit(MEDIAN_OF))
    seconds = func.sum(Annotation.provenance["seconds"].as_float())
    spent = select(seconds).where(Annotation.image_id.in_(newest), Annotation.deleted.is_(None))
    active = [each for each in session.scalars(spent.group_by(Annotation.image_id)) if each]
    if not active:
        return FIRST
    return min(max(timedelta(seconds=TIMES_MEDIAN * statistics.median(active)), SHORTEST), LONGEST)


def take_next(
    session: Session,
    project: Project,
    user_id: int,
    current: Image | None = None,
    now: datetime | None = None,
    among: Among | None = None,
) -> Sequence[Image]:
    """Hand somebody the image that they are to work on next, and reserve those after it.

    First what was returned to them, then what is assigned to them, then what is assigned to nobody, in the project's
    order from the current image on and round to the beginning. What others have open is never handed out. When nothing
    else is left, it is what they have open themselves, and then what is only reserved for others.

    Args:
        session: of a writing transaction.
        project: whose images.
        user_id: who asks.
        current: where they come from; it is not handed out.
        now: the present moment.
        among: only these, in their order instead of the project's.

    Returns:
        The image, and at most ``RESERVED`` others; nothing when there is nothing for them.
    """
    now = now or utc_now()
    # Rows that others have locked are passed over (``_locked``): of two who ask at once, one could find all that is
    # left locked by the other, who takes some of it only, and be told that there is nothing. Nobody waits for a row
    # while they hold this lock, so that there is no circle.
    wait_to_be(Only.HANDS_OUT, session, project.id)
    until = now + lease_span(session, project.id)
    found: list[Image] = []
    before = [] if current is None else [current.id]
    chosen = () if among is None else among.chosen
    for turn in _turns(project, user_id, current, now, among):
        wanted = 1 + RESERVED - len(found)
        if wanted:
            taken = turn.where(Image.id.not_in([*before, *(image.id for image in found)])).limit(wanted)
            found += session.scalars(_locked(taken))
    held = select(Image).where(Image.project_id == project.id, IS_OPEN, worked_on_itself(), is_held(now), *chosen)
    held = held.where(Image.id.not_in(before))
    own = held.where(Image.lease_user_id == user_id)
    reserved = held.where(Image.lease_reserved.is_(True), Image.assigned_user_id.is_(None))
    for last in (own, reserved):
        if not found:
            found += session.scalars(_locked(last.order_by(Image.lease_renewed, Image.id).limit(1)))
    kept = {image.id for image in found}
    dropped = [image for image in reserved_for(session, project.id, user_id) if image.id not in kept]
    for image in dropped:
        end_lease(image)
    for index, image in enumerate(found):
        hold(image, user_id, until, now, reserved=index > 0)
    session.flush()
    announce_work(session, [*dropped, *found])
    return found


def renew(session: Session, image: AnyImage, user_id: int, now: datetime | None = None) -> Sequence[AnyImage]:
    """Somebody saves on a locked image: it is theirs for another while, and so is what is reserved for them.

    Nothing changes when another one has it, when it is finished, or shortly after the last time.

    Returns:
        The images whose leases changed.
    """
    now = now or utc_now()
    if image.state in FINISHED or image.state == "skipped":
        return []
    held = image.lease_until is not None and image.lease_until > now and not image.lease_reserved
    if held and image.lease_user_id != user_id:
        return []
    if held and image.lease_until is not None and image.lease_renewed is not None:
        lasts = image.lease_until - image.lease_renewed
        if now - image.lease_renewed < lasts / 4:
            return []
    home = home_of(session, image)
    until = now + lease_span(session, home)
    hold(image, user_id, until, now, reserved=False)
    others = [each for each in reserved_for(session, home, user_id) if each.id != image.id]
    for other in others:
        hold(other, user_id, until, now, reserved=True)
    return [image, *others]


def give_back(session: Session, image: Image, user_id: int) -> Sequence[Image]:
    """Somebody leaves a locked image, and needs nothing that is reserved for them any more.

    Returns:
        The images whose leases ended; none when they do not have it open.
    """
    if image.lease_user_id != user_id or image.lease_reserved:
        return []
    ended = [image, *reserved_for(session, home_of(session, image), user_id)]
    for each in ended:
        end_lease(each)
    return ended


def give_back_all(session: Session, user_id: int, project_id: int | None = None) -> None:
    """All leases of somebody end, in one project or everywhere, and pages are told."""
    held = select(Image).where(Image.lease_user_id == user_id)
    if project_id is not None:
        copies = select(Project.id).where(Project.copies_of == project_id, Project.copies_for == user_id)
        held = held.where(or_(Image.project_id == project_id, Image.project_id.in_(copies)))
    images = session.scalars(held.order_by(Image.id).with_for_update().execution_options(populate_existing=True)).all()
    for image in images:
        end_lease(image)
    session.flush()
    announce_work(session, images)


def has_expired(session: Session, now: datetime | None = None) -> bool:
    """Whether the time of some lease is over, which has not ended yet."""
    return session.scalar(select(Image.id).where(*_expired(now)).limit(1)) is not None


def end_expired(session: Session, now: datetime | None = None) -> Sequence[Image]:
    """Leases whose time is over end, some at a time, and pages are told; images that others have locked stay.

    Returns:
        The images.
    """
    over = select(Image).where(*_expired(now)).order_by(Image.id).limit(MOST_NAMED)
    images = session.scalars(_locked(over)).all()
    for image in images:
        end_lease(image)
    session.flush()
    announce_work(session, images)
    return images


def _expired(now: datetime | None) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return Image.lease_user_id.is_not(None), Image.lease_until <= (now or utc_now())


def end_lease(image: AnyImage) -> None:
    """Anybody may have the image."""
    image.lease_user_id = image.lease_until = image.lease_renewed = None
    image.lease_reserved = False


def hold(image: AnyImage, user_id: int, until: datetime, now: datetime, *, reserved: bool) -> None:
    """Somebody has the image until a moment, or it is what they are handed next."""
    image.lease_user_id, image.lease_until, image.lease_renewed = user_id, until, now
    image.lease_reserved = reserved


def is_held(now: datetime) -> ColumnElement[bool]:
    """Whether somebody has an image, or it is reserved for them."""
    return and_(Image.lease_user_id.is_not(None), Image.lease_until > now)  # the first half is the index's


def _open_to_all(project: Project) -> Select[Any]:
    nobodys = select(Image).where(Image.project_id == project.id, IS_OPEN, Image.assigned_user_id.is_(None))
    return nobodys.where(worked_on_itself())


def _turns(
    project: Project, user_id: int, current: Image | None, now: datetime, among: Among | None = None
) -> Iterator[Select[Any]]:
    """Where the next image is looked for, one after the other."""
    free = or_(
        Image.lease_until.is_(None),
        Image.lease_until <= now,
        and_(Image.lease_user_id == user_id, Image.lease_reserved.is_(True)),
    )
    own = select(Image).where(Image.project_id == project.id, Image.assigned_user_id == user_id, free)
    mine = own.where(worked_on_itself())
    everybodys = _open_to_all(project).where(free)
    if among is not None:
        for each in (mine.where(Image.state == "returned"), mine.where(Image.state == "waiting"), everybodys):
            listed = each.where(*among.chosen).order_by(*among.order)
            if among.behind is not None:
                yield listed.where(among.behind)
            yield listed  # and round to the beginning
        return
    yield mine.where(Image.state == "returned").order_by(Image.id)
    yield mine.where(Image.state == "waiting").order_by(Image.id)
    place, start = _order(project, current)
    if start is None:
        yield everybodys.order_by(place, Image.id)
    else:
        yield everybodys.where(place > start).order_by(place, Image.id)
        yield everybodys.where(place <= start).order_by(place, Image.id)


def _order(project: Project, current: Image | None) -> tuple[InstrumentedAttribute[Any], int | str | None]:
    """The column by which images are handed out, and the value after which somebody begins; None: the first one.

    Hashes of pictures are as good as random and have an index. The seed says where a random order begins.
    """
    match project.next_order:
        case "name":
            return Image.sort_name, current.sort_name if current else None
        case "informative":
            return Image.learning_rank, None  # always the best of those that are left
        case "random":
            seed = hashlib.sha256(f"{project.id} {project.next_seed}".encode()).hexdigest()
            return Image.sha256, current.sha256 if current else seed
        case _:
            return Image.id, current.id if current else None


def _locked(statement: Select[Any]) -> Select[Any]:
    """The rows, locked and as they are now; those that others have locked are passed over."""
    return statement.with_for_update(skip_locked=True).execution_options(populate_existing=True)


def reserved_for(session: Session, project_id: int, user_id: int) -> Sequence[Image]:
    """What somebody is handed next, locked."""
    held = select(Image).where(Image.project_id == project_id, Image.lease_user_id == user_id)
    return session.scalars(_locked(held.where(Image.lease_reserved.is_(True)).order_by(Image.id))).all()
