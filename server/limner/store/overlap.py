"""Overlap: of a sample of images several people make annotations independently, each on a copy of their own.

An image of the sample is ``open`` until the first person begins, ``begun`` until as many as the project wants are in
(their copies submitted, or skipped), ``ready`` until somebody who reviews says what is on it, and then ``settled``: an
image like any other. Until then annotators meet it through their copies alone, and it is in no export.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from limner.store.copies import copies_of, copy_for, original_of
from limner.store.leases import hold, is_held, lease_span
from limner.store.sampling import sampled
from limner.store.tables import IS_OPEN, Image, OverlapAnswer, Project
from limner.store.types import utc_now
from limner.store.work import announce_work

IN = ("submitted", "skipped")  # states of a copy with which its person is done
_ATTEMPTS = 5  # to find an image that nobody takes meanwhile


def choose_sample(session: Session, project: Project) -> None:
    """Bring a project's images in line with the share and the number of people that it wants now.

    Images of the sample on which nobody has begun to work, and which are assigned to nobody, become open. Those that
    are not in it any more are images like any other again, unless somebody has drawn or is done on a copy; these are
    finished as they were begun, with the number of people that is wanted now.
    """
    session.flush()
    inside, mine = sampled(project), Image.project_id == project.id
    copy = aliased(Image)
    has_work = exists().where(copy.copy_of == Image.id, or_(copy.annotation_count > 0, copy.state != "waiting"))
    untouched = and_(
        Image.state == "waiting",
        Image.annotation_count == 0,
        Image.revision == 0,
        Image.assigned_user_id.is_(None),
        or_(Image.lease_user_id.is_(None), Image.lease_reserved.is_(True)),
    )
    _change(session, and_(mine, Image.overlap.is_(None), inside, untouched), "open")
    _change(session, and_(mine, Image.overlap.in_(("open", "begun")), ~inside, ~has_work), None)
    answers = select(func.count()).where(OverlapAnswer.image_id == Image.id).scalar_subquery()
    wanted = case((answers >= project.overlap_people, "ready"), else_="begun")
    _change(session, and_(mine, Image.overlap.in_(("begun", "ready"))), wanted)


def take_overlap(
    session: Session,
    project: Project,
    user_id: int,
    current: Image | None,
    now: datetime | None = None,
    among: Sequence[ColumnElement[bool]] = (),
) -> Image | None:
    """Hand somebody their copy of an image on which several people work, when there is one that lacks them.

    First what they have begun, then what others have, so that it is soon done, then what nobody has. Nothing while work
    was returned or assigned to them, which comes before. Nobody is handed an image twice, and no more people are than
    are wanted: who has a copy open, or is done with it, counts.

    Args:
        session: of a writing transaction.
        project: whose images.
        user_id: who asks.
        current: the image that they come from; it is not handed out.
        now: the present moment.
        among: what holds of the images that may be handed out.
    """
    now = now or utc_now()
    if _has_own_work(session, project, user_id):
        return None
    came_from = None if current is None else original_of(session, current).id
    passed: list[int] = [] if came_from is None else [came_from]
    mine = copies_of(session, project.id, user_id) or 0
    for turn in _turns(project, mine, now):
        for _ in range(_ATTEMPTS):
            chosen = turn.where(Image.id.not_in(passed), *among).limit(1).with_for_update(of=Image, skip_locked=True)
            original: Image | None = session.scalar(chosen.execution_options(populate_existing=True))
            if original is None:
                break
            if _may_have(session, project, original, mine, now):
                return _hand_out(session, project, original, user_id, now)
            passed.append(original.id)
    return None


def count_states(session: Session, project_id: int) -> dict[str, int]:
    """How many images of a project several people work on, by how far that is."""
    found = select(Image.overlap, func.count()).where(Image.project_id == project_id, Image.overlap.is_not(None))
    return {state: count for state, count in session.execute(found.group_by(Image.overlap)) if state is not None}


def _hand_out(session: Session, project: Project, original: Image, user_id: int, now: datetime) -> Image:
    copy = copy_for(session, original, user_id)
    if original.overlap == "open":
        original.overlap = "begun"
    hold(copy, user_id, now + lease_span(session, project.id), now, reserved=False)
    session.flush()
    announce_work(session, [copy])
    return copy


def _turns(project: Project, mine: int, now: datetime) -> list[Select[Any]]:
    """Where the next one is looked for, one after the other."""
    copy = aliased(Image)
    own = exists().where(copy.copy_of == Image.id, copy.project_id == mine)
    images = select(Image).where(Image.project_id == project.id).order_by(Image.id)
    begun = images.where(Image.overlap == "begun")
    lacks = _others(mine, now) < project.overlap_people
    return [
        begun.where(own.where(copy.state == "waiting"), or_(lacks, own.where(copy.annotation_count > 0))),
        begun.where(~own, lacks),
        images.where(Image.overlap == "open"),
    ]


def _others(mine: int, now: datetime) -> ColumnElement[int]:
    """How many others are done with an image, or have their copy of it open."""
    copy = aliased(Image)
    held = and_(copy.lease_user_id.is_not(None), copy.lease_until > now)
    found = select(func.count()).where(copy.copy_of == Image.id, copy.project_id != mine)
    return found.where(or_(copy.state.in_(IN), and_(copy.state == "waiting", held))).correlate(Image).scalar_subquery()


def _may_have(session: Session, project: Project, original: Image, mine: int, now: datetime) -> bool:
    """The same again, now that nobody else can hand out the image."""
    turns = [turn.with_only_columns(Image.id).where(Image.id == original.id) for turn in _turns(project, mine, now)]
    return any(session.scalar(turn) is not None for turn in turns)


def _has_own_work(session: Session, project: Project, user_id: int) -> bool:
    own = select(Image.id).where(Image.project_id == project.id, Image.assigned_user_id == user_id, IS_OPEN)
    return session.scalar(own.where(or_(~is_held(utc_now()), Image.lease_user_id == user_id)).limit(1)) is not None


def _change(session: Session, which: ColumnElement[bool], to: ColumnElement[str] | str | None) -> None:
    """Locked in the order of their numbers first: others who lock several wait for nobody in a circle then."""
    locked = session.scalars(select(Image.id).where(which).order_by(Image.id).with_for_update()).all()
    for first in range(0, len(locked), 500):
        some = Image.id.in_(locked[first : first + 500])
        session.execute(update(Image).where(some).values(overlap=to).execution_options(synchronize_session=False))
