"""The table of items as a queue: claim, heartbeat, done, fail, release. Functions over a session that may write.

An item waits, runs under a lease, or has failed for good; when it is done its row is deleted. On PostgreSQL two
claimers never wait for each other (``FOR UPDATE SKIP LOCKED``); on SQLite there is one writer at a time anyway. The
clocks of machines that share a queue may differ by some seconds, not by a lease.

A passing failure is tried again after a pause that doubles each time. An item whose holder was lost is handed out on
its own the next time, so that it is clear whether it was the cause, and given up when that holder is lost too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, or_, select, update
from sqlalchemy.orm import Session

from limner.jobs.kinds import Priority
from limner.store.tables import Job, JobItem
from limner.store.types import utc_now

LEASE = timedelta(seconds=60)
FIRST_PAUSE, LAST_PAUSE = timedelta(seconds=15), timedelta(hours=1)  # after a passing failure
MAX_ATTEMPTS = 30  # about a day of trying again
MAX_CRASHES = 2  # holders that may be lost over an item
MAX_MESSAGE = 1000  # characters of a failure that are kept


@dataclass(frozen=True)
class Claim:
    """An item that the caller holds now.

    Attributes:
        suspect: a holder was lost over it before; it is claimed alone.
    """

    id: int
    kind: str
    key: str
    payload: Mapping[str, Any]
    priority: Priority = Priority.BULK
    suspect: bool = False


def claim(
    session: Session,
    kinds: Sequence[str],
    count: int,
    holder: str,
    *,
    lease: timedelta = LEASE,
    now: datetime | None = None,
    least: Priority = Priority.BULK,
    most: Priority = Priority.LOOK,
) -> list[Claim]:
    """Take items that wait, and those whose lease has run out, in the order of priority, then of time.

    Args:
        session: of a writing transaction.
        kinds: what the caller can do; earlier ones come first within a priority.
        count: most items to take.
        holder: names the caller; no two processes have the same name.
        lease: until when they are the caller's, unless it sends a heartbeat.
        now: the present moment.
        least: nothing of lower priority than this.
        most: nothing of higher priority than this.
    """
    now = now or utc_now()
    expire_leases(session, kinds, now)
    found: list[Row[*tuple[Any, ...]]] = []
    for priority in [each for each in Priority if most <= each <= least]:
        for kind in kinds:
            if len(found) < count:
                found += _waiting(session, kind, priority, count - len(found), now)
    if found and found[0].crashes:
        found = found[:1]
    found = [row for row in found if not row.crashes or row is found[0]]
    session.execute(
        update(JobItem)
        .where(JobItem.id.in_([row.id for row in found]))
        .values(state="running", holder=holder, lease_until=now + lease, attempts=JobItem.attempts + 1)
        .execution_options(synchronize_session=False)
    )
    return [
        Claim(row.id, row.kind, row.key, row.payload, Priority(row.priority), suspect=bool(row.crashes))
        for row in found
    ]


def _waiting(session: Session, kind: str, priority: int, count: int, now: datetime) -> Sequence[Row[*tuple[Any, ...]]]:
    newest_first = priority == Priority.LOOK  # who asked first has often gone on to another image
    return session.execute(
        select(JobItem.id, JobItem.kind, JobItem.key, JobItem.payload, JobItem.crashes, JobItem.priority)
        .where(
            JobItem.kind == kind, JobItem.state == "waiting", JobItem.priority == priority, JobItem.not_before <= now
        )
        .order_by(JobItem.not_before.desc() if newest_first else JobItem.not_before, JobItem.id)
        .limit(count)
        .with_for_update(skip_locked=True)
    ).all()


def claimable(
    session: Session, kinds: Sequence[str], now: datetime | None = None, least: Priority = Priority.BULK
) -> bool:
    """Whether a claim would find something: a look that takes no lock."""
    now = now or utc_now()
    due = or_(
        (JobItem.state == "waiting") & (JobItem.not_before <= now),
        (JobItem.state == "running") & (JobItem.lease_until < now),
    )
    wanted = JobItem.kind.in_(kinds) & (JobItem.priority <= least)
    return session.scalar(select(JobItem.id).where(wanted, due).limit(1)) is not None


def next_kind(
    session: Session,
    kinds: Sequence[str],
    now: datetime | None = None,
    least: Priority = Priority.BULK,
    most: Priority = Priority.LOOK,
) -> str | None:
    """Of these kinds, the one whose turn it is: that of the item that comes first; None when none can be claimed."""
    now = now or utc_now()
    for priority in [each for each in Priority if most <= each <= least]:
        found = [row for kind in kinds if (row := _first_waiting(session, kind, priority, now))]
        if found:
            return str((max(found) if priority == Priority.LOOK else min(found)).kind)
    lost = JobItem.kind.in_(kinds) & (JobItem.state == "running") & (JobItem.lease_until < now)
    lost &= JobItem.priority.between(most, least)
    return session.scalar(select(JobItem.kind).where(lost).limit(1))


def _first_waiting(session: Session, kind: str, priority: int, now: datetime) -> Row[*tuple[Any, ...]] | None:
    due = JobItem.not_before.desc() if priority == Priority.LOOK else JobItem.not_before
    waiting = (JobItem.kind == kind) & (JobItem.state == "waiting") & (JobItem.priority == priority)
    found = select(JobItem.not_before, JobItem.id, JobItem.kind).where(waiting, JobItem.not_before <= now)
    return session.execute(found.order_by(due, JobItem.id).limit(1)).first()


def open_kinds(session: Session, prefix: str) -> Sequence[str]:
    """The kinds that begin so of what waits, or runs under a lease: ``prefix`` ends in a colon."""
    begins = (JobItem.kind >= prefix) & (JobItem.kind < f"{prefix[:-1]};")  # a range, for the index; ";" follows ":"
    opened = begins & JobItem.state.in_(("waiting", "running"))
    return session.scalars(select(JobItem.kind).where(opened).distinct().order_by(JobItem.kind)).all()


def held_kinds(session: Session, prefix: str, holder: str) -> Sequence[str]:
    """The kinds that begin so of what somebody holds."""
    held = (JobItem.state == "running") & (JobItem.holder == holder) & JobItem.kind.startswith(prefix)
    return session.scalars(select(JobItem.kind).where(held).distinct()).all()


def heartbeat(
    session: Session, kinds: Sequence[str], holder: str, *, lease: timedelta = LEASE, now: datetime | None = None
) -> set[str]:
    """Extend the leases of everything that the holder still has.

    Returns:
        The keys of it: what is missing was paused, cancelled, done by somebody else or given to somebody else.
    """
    held = update(JobItem).where(JobItem.kind.in_(kinds), JobItem.state == "running", JobItem.holder == holder)
    extended = held.values(lease_until=(now or utc_now()) + lease).returning(JobItem.key)
    return set(session.scalars(extended.execution_options(synchronize_session=False)))


def done(session: Session, kind: str, keys: Collection[str]) -> set[int]:
    """Items are done, whoever held them, and even if they had failed before. Their jobs count them.

    Returns:
        The numbers of the jobs.
    """
    named = (JobItem.kind == kind) & JobItem.key.in_(keys)
    _lock_jobs(session, named)
    gone = delete(JobItem).where(named).returning(JobItem.job_id, JobItem.state)
    rows = session.execute(gone.execution_options(synchronize_session=False)).all()
    failed_before = Counter(row.job_id for row in rows if row.state == "failed")
    return _count(session, Counter(row.job_id for row in rows), Counter({job: -n for job, n in failed_before.items()}))


def fail(
    session: Session, kind: str, keys: Collection[str], message: str, *, lasting: bool, now: datetime | None = None
) -> set[int]:
    """Items could not be done.

    Args:
        session: of a writing transaction.
        kind: of the items.
        keys: of the items.
        message: why.
        lasting: trying again is no use; otherwise they are tried again after a pause, up to ``MAX_ATTEMPTS`` times.
        now: the present moment.

    Returns:
        The numbers of the jobs that count one of them as failed now.
    """
    now, message = now or utc_now(), message[:MAX_MESSAGE]
    named = (JobItem.kind == kind) & JobItem.key.in_(keys) & (JobItem.state != "failed")
    _lock_jobs(session, named)
    given_up: Counter[int | None] = Counter()
    for item in session.scalars(select(JobItem).where(named).order_by(JobItem.id).with_for_update()):
        item.holder = item.lease_until = None
        item.message = message
        if lasting or item.attempts >= MAX_ATTEMPTS:
            item.state = "failed"
            given_up[item.job_id] += 1
        else:
            item.state = "paused" if item.state == "paused" else "waiting"
            item.not_before = now + pause_after(item.attempts)
    session.flush()
    return _count(session, Counter(), given_up)


def withdraw(session: Session, project_id: int, image_key: str) -> set[int]:
    """What jobs of a project were to do with an image, or regions of it, is no longer to be done; who holds some of it
    hears so at the next heartbeat. ``image_key`` is how keys name the image: its sha256, or its number.

    Returns:
        The numbers of the jobs, which count so much less.
    """
    jobs = select(Job.id).where(Job.project_id == project_id)
    of_image = or_(JobItem.key == image_key, JobItem.key.startswith(f"{image_key}:", autoescape=True))
    named = JobItem.job_id.in_(jobs) & of_image
    _lock_jobs(session, named)
    gone = delete(JobItem).where(named).returning(JobItem.job_id, JobItem.state)
    rows = session.execute(gone.execution_options(synchronize_session=False)).all()
    all_of, failed = Counter(row.job_id for row in rows), Counter(row.job_id for row in rows if row.state == "failed")
    for job_id, count in all_of.items():
        session.execute(
            update(Job)
            .where(Job.id == job_id)
            .values(total=Job.total - count, failed=Job.failed - failed[job_id], updated=utc_now())
            .execution_options(synchronize_session=False)
        )
    return set(all_of)


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts, ≥ 0, before the next one.

    >>> [pause_after(attempts).total_seconds() for attempts in (1, 2, 3, 30)]
    [15.0, 30.0, 60.0, 3600.0]
    """
    doublings: int = min(max(attempts - 1, 0), 16)
    return min(FIRST_PAUSE * (1 << doublings), LAST_PAUSE)


def release(session: Session, kinds: Sequence[str], holder: str, keys: Collection[str] | None = None) -> None:
    """Give back what the holder has not done: all of it, or these. It waits again as if it had not been claimed."""
    held = update(JobItem).where(JobItem.kind.in_(kinds), JobItem.state == "running", JobItem.holder == holder)
    if keys is not None:
        held = held.where(JobItem.key.in_(keys))
    free = held.values(state="waiting", holder=None, lease_until=None, attempts=JobItem.attempts - 1)
    session.execute(free.execution_options(synchronize_session=False))


def lose(session: Session, kinds: Sequence[str], holder: str) -> None:
    """What a holder has is lost, for its process is gone: the next claim treats it as if its lease had run out."""
    held = update(JobItem).where(JobItem.kind.in_(kinds), JobItem.state == "running", JobItem.holder == holder)
    ended = held.values(lease_until=utc_now() - LEASE)
    session.execute(ended.execution_options(synchronize_session=False))


def expire_leases(session: Session, kinds: Sequence[str], now: datetime) -> set[int]:
    """Take back items whose holder let the lease run out: it died, hangs, or cannot reach the database.

    Returns:
        The numbers of the jobs that count one of them as failed now: it was given up.
    """
    lost = JobItem.kind.in_(kinds) & (JobItem.state == "running") & (JobItem.lease_until < now)
    _lock_jobs(session, lost)
    given_up: Counter[int | None] = Counter()
    for item in session.scalars(select(JobItem).where(lost).order_by(JobItem.id).with_for_update(skip_locked=True)):
        item.crashes += 1
        item.message = f"{item.holder} stopped while it worked on this."
        item.state = "failed" if item.crashes >= MAX_CRASHES else "waiting"
        given_up[item.job_id] += item.state == "failed"
        item.holder = item.lease_until = None
    session.flush()
    return _count(session, Counter(), +given_up)


def open_items(session: Session, job_id: int) -> bool:
    """Whether a job has items that are neither done nor failed."""
    unfinished = JobItem.state.in_(("waiting", "running", "paused"))
    return session.scalar(select(JobItem.id).where(JobItem.job_id == job_id, unfinished).limit(1)) is not None


def _lock_jobs(session: Session, items: ColumnElement[bool]) -> None:
    """Lock the jobs of these items before the items: whoever locks both does so in this order, or two would wait in a
    circle.
    """
    if session.get_bind().dialect.name != "sqlite":
        mine = select(JobItem.job_id).where(items, JobItem.job_id.is_not(None))
        session.execute(select(Job.id).where(Job.id.in_(mine)).order_by(Job.id).with_for_update())


def _count(session: Session, done: Counter[int | None], failed: Counter[int | None]) -> set[int]:
    """Add to the counters of jobs."""
    jobs = sorted(job for job in {*done, *failed} if job is not None)
    for job in jobs:
        session.execute(
            update(Job)
            .where(Job.id == job)
            .values(done=Job.done + done[job], failed=Job.failed + failed[job], updated=utc_now())
            .execution_options(synchronize_session=False)
        )
    return set(jobs)
