"""Embeddings that somebody waits for, as items without a job: asked for in one process, made in another."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta

from sqlalchemy import and_, case, delete, func, or_, select, text
from sqlalchemy.orm import Session

from limner.encoding.backlog import Priority as Urgency
from limner.encoding.ports import JobNews
from limner.encoding.states import EmbeddingState, Target
from limner.jobs.kinds import ENCODE, Priority, encode_key, encode_kind
from limner.store.embeddings import EmbeddingKey
from limner.store.tables import JobItem
from limner.store.types import utc_now
from limner.store.upsert import insert_for
from limner.tracing import REQUEST, current_request, log_step

CHANNEL = "limner_work"  # of PostgreSQL's NOTIFY: JobNews, for those who encode
FAILED_FOR = timedelta(hours=1)  # after which what failed for good is tried again when somebody asks
PRIORITIES: Mapping[Urgency, Priority] = {"look": Priority.LOOK, "prefetch": Priority.SOON, "bulk": Priority.BULK}
URGENCIES: Mapping[Priority, Urgency] = {priority: urgency for urgency, priority in PRIORITIES.items()}


def ask(session: Session, target: Target, urgency: Urgency) -> None:
    """Have a target made, or raise the priority of one that waits; wakes those who encode. On PostgreSQL."""
    now = utc_now()
    priority = int(PRIORITIES[urgency])
    payload = {REQUEST: number} if (number := current_request()) else {}
    fixed = {"state": "waiting", "attempts": 0, "crashes": 0, "payload": payload, "message": "", "created": now}
    new = insert_for(session, JobItem).values(
        kind=_kind_of(target), key=encode_key(target), priority=priority, not_before=now, **fixed
    )
    again = and_(JobItem.state == "failed", JobItem.not_before < now - FAILED_FOR)
    changed = session.scalar(
        new.on_conflict_do_update(
            index_elements=["kind", "key"],
            index_where=text("job_id IS NULL"),
            set_={
                "priority": priority,
                "not_before": now,
                "payload": payload,
                "state": "waiting",
                "attempts": case((again, 0), else_=JobItem.attempts),
            },
            where=or_(and_(JobItem.state == "waiting", JobItem.priority > priority), again),
        ).returning(JobItem.id)
    )
    if changed is not None:
        tell(session, JobNews("asked"))
        log_step("asked", target.image_sha256, urgency=urgency, region=str(target.region or ""))


def requests_for(session: Session, targets: Collection[Target]) -> dict[Target, str]:
    """The numbers of the requests in which targets were asked for that are not done."""
    by_name = {(_kind_of(target), encode_key(target)): target for target in targets}
    kinds, keys = {kind for kind, _ in by_name}, {key for _, key in by_name}
    asked = select(JobItem.kind, JobItem.key, JobItem.payload).where(JobItem.kind.in_(kinds), JobItem.key.in_(keys))
    rows = session.execute(asked.where(JobItem.job_id.is_(None))).all()
    return {
        by_name[row.kind, row.key]: str(row.payload[REQUEST])
        for row in rows
        if REQUEST in row.payload and (row.kind, row.key) in by_name
    }


def tell(session: Session, what: JobNews) -> None:
    """Wake those who encode, with the commit of this transaction."""
    session.execute(text("SELECT pg_notify(:channel, :what)"), {"channel": CHANNEL, "what": str(what)})


def withdraw(session: Session, image_sha256: str) -> None:
    """Nobody waits any more for an image, or for regions of it, by any model, unless somebody is at it already."""
    of_image = or_(JobItem.key == image_sha256, JobItem.key.startswith(f"{image_sha256}:"))
    nobody_at_it = JobItem.state.in_(("waiting", "failed"))
    session.execute(delete(JobItem).where(_ENCODING, JobItem.job_id.is_(None), nobody_at_it, of_image))


def states_of(session: Session, targets: Collection[Target]) -> dict[Target, EmbeddingState]:
    """Where those targets stand that somebody asked for, or that somebody is at."""
    by_name = {(_kind_of(target), encode_key(target)): target for target in targets}
    kinds, keys = {kind for kind, _ in by_name}, {key for _, key in by_name}
    known = or_(JobItem.job_id.is_(None), JobItem.state == "running")
    rows = session.scalars(select(JobItem).where(JobItem.kind.in_(kinds), JobItem.key.in_(keys), known)).all()
    wanted = [row for row in rows if (row.kind, row.key) in by_name]
    return {by_name[row.kind, row.key]: _state(row) for row in sorted(wanted, key=lambda row: row.state == "running")}


def position_of(session: Session, target: Target) -> int | None:
    """How many of those that somebody asked for come before this one; None when it does not wait."""
    waiting = and_(_ENCODING, JobItem.job_id.is_(None), JobItem.state == "waiting")
    named = and_(JobItem.kind == _kind_of(target), JobItem.key == encode_key(target))
    mine = session.scalar(select(JobItem).where(waiting, named))
    if mine is None:
        return None
    earlier = (
        JobItem.not_before > mine.not_before if mine.priority == Priority.LOOK else JobItem.not_before < mine.not_before
    )
    first = or_(JobItem.priority < mine.priority, and_(JobItem.priority == mine.priority, earlier))
    return session.scalar(select(func.count()).select_from(JobItem).where(waiting, first)) or 0


def count_open(session: Session) -> tuple[int, int, str | None]:
    """How many of those that somebody asked for wait, how many items are being made, and the key of one of these."""
    asked = func.count().filter(JobItem.state == "waiting", JobItem.job_id.is_(None))
    running = JobItem.state == "running"
    found = select(asked, func.count().filter(running), func.min(JobItem.key).filter(running))
    waiting, held, key = session.execute(found.where(_ENCODING)).one()
    return waiting, held, key


_ENCODING = JobItem.kind.startswith(ENCODE)


def _kind_of(target: Target) -> str:
    return encode_kind(EmbeddingKey.of(target.model_sha256))


def _state(row: JobItem) -> EmbeddingState:
    if row.state == "failed":
        return EmbeddingState("failed", error=row.message)
    if row.state == "running":
        return EmbeddingState("encoding")
    if row.message and row.not_before > utc_now():  # it failed, and is tried again later
        return EmbeddingState("failed", error=row.message)
    return EmbeddingState("waiting")
