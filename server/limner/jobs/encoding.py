"""The encoder's bulk work in the table of items, and what became of images in the other tables."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from limner.encoding.ports import Claimed
from limner.encoding.states import EncodeEvent, EncodingStatus, Target
from limner.jobs import queue
from limner.jobs.asked import URGENCIES
from limner.jobs.control import revive_jobs, stop_jobs
from limner.jobs.kinds import Priority, encode_key, encode_kind, encode_target
from limner.jobs.precompute import make_items, precompute_jobs
from limner.store import Database
from limner.store.embeddings import EmbeddingKey, MadeEmbedding, add_embeddings
from limner.store.encoders import remove_encoder, report_encoder
from limner.store.events import add_event
from limner.store.images import places_of
from limner.store.jobs import announce_job, get_job, lock_job
from limner.store.tables import JobItem
from limner.store.types import utc_now
from limner.vocabulary.events import EmbeddingEvent
from limner.vocabulary.states import JobStateName

logger = structlog.get_logger(__name__)


def new_holder() -> str:
    """A name for this process as a holder of items, readable for people and never used again."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


@dataclass(frozen=True)
class EncodingQueue:
    """Implements ``limner.encoding.ports.BulkQueue`` over the database.

    Attributes:
        key: the model whose embeddings this process makes.
        holder: the name under which it holds items.
        shared: other processes may ask for embeddings through the table, and want to know how this encoder stands.
    """

    database: Database
    key: EmbeddingKey
    holder: str
    shared: bool = False

    @property
    def kind(self) -> str:
        """Of the items that can be done here."""
        return encode_kind(self.key)

    def enter(self) -> None:
        """Begin. What an earlier process of the same name still holds is lost."""
        if self.shared:
            with self.database.write() as session:
                queue.lose(session, [self.kind], self.holder)

    def claim(self, count: int, *, urgent: bool = False) -> Sequence[Claimed]:
        """At most so many targets; images of running jobs become items when none waits, unless only what is urgent
        counts.
        """
        if urgent and not self.shared:
            return []
        least = Priority.SOON if urgent else Priority.BULK
        while True:
            with self.database.read() as session:
                waits = queue.claimable(session, [self.kind], least=least)
                jobs = [] if waits or urgent else [job.id for job in precompute_jobs(session, "running", self.key)]
            if waits:
                with self.database.write() as session:
                    claims = queue.claim(session, [self.kind], count, self.holder, least=least)
                return [Claimed(encode_target(claim.key), URGENCIES[claim.priority], claim.suspect) for claim in claims]
            more = [self._make_items(job_id) for job_id in jobs]
            if not any(more):
                return []

    def heartbeat(self) -> Collection[Target]:
        """Extend the leases, and say what is still held."""
        with self.database.write() as session:
            keys = queue.heartbeat(session, [self.kind], self.holder)
        return [encode_target(key) for key in keys]

    def release(self) -> None:
        """Give back what is held."""
        with self.database.write() as session:
            queue.release(session, [self.kind], self.holder)

    def settle(self, outcomes: Sequence[EncodeEvent]) -> None:
        """Write down what became of targets, in one transaction: embeddings, items, counters of jobs, events."""
        latest = {Target(event.image_sha256, event.region): event for event in outcomes}
        ready = [target for target, event in latest.items() if event.state == "ready"]
        with self.database.write() as session:
            whole = [latest[target] for target in ready if target.region is None]
            add_embeddings(
                session,
                self.key,
                [MadeEmbedding(event.image_sha256, event.seconds or 0.0, event.bytes or 0) for event in whole],
            )
            jobs = queue.done(session, self.kind, [encode_key(target) for target in ready])
            for target, event in latest.items():
                if event.state == "failed":
                    message = event.error or ""
                    jobs |= queue.fail(session, self.kind, [encode_key(target)], message, lasting=event.lasting)
                    logger.error("not encoded", image_sha256=event.image_sha256, region=event.region, error=event.error)
            self._announce(session, [event for target, event in latest.items() if target.region is None], jobs)

    def follow(self, trouble: str | None) -> None:
        """Stop running jobs when nobody can encode, and have them go on when this process can."""
        state: JobStateName = "failed" if trouble is None else "running"
        with self.database.read() as session:
            concerned = precompute_jobs(session, state, self.key)
            if not concerned or (trouble is not None and self._others_encode(session)):
                return
        with self.database.write() as session:
            jobs = precompute_jobs(session, state, self.key)
            if trouble is None:
                revive_jobs(session, jobs)
            else:
                stop_jobs(session, jobs, trouble)

    def report(self, status: EncodingStatus) -> None:
        """How this encoder stands, for the processes that share it."""
        if self.shared:
            with self.database.write() as session:
                report_encoder(session, self.holder, status.model_sha256, asdict(status))

    def leave(self) -> None:
        """Nobody is to count on this encoder any more."""
        if self.shared:
            with self.database.write() as session:
                remove_encoder(session, self.holder)

    def _others_encode(self, session: Session) -> bool:
        held = select(JobItem.id).where(JobItem.kind == self.kind, JobItem.state == "running")
        others = held.where(JobItem.holder != self.holder, JobItem.lease_until > utc_now())
        return session.scalar(others.limit(1)) is not None

    def _make_items(self, job_id: int) -> bool:
        with self.database.write() as session:
            return make_items(session, get_job(session, job_id), self.key)

    def _announce(self, session: Session, events: Sequence[EncodeEvent], jobs: Collection[int]) -> None:
        """Tell the pages; the last thing in the transaction, as :func:`add_event` asks."""
        places = places_of(session, [event.image_sha256 for event in events])
        for job_id in sorted(jobs):
            job = lock_job(session, job_id)
            if job.state == "running" and not queue.open_items(session, job_id):
                make_items(session, job, self.key)
            if job.state != "done":  # if it is, that was told
                announce_job(session, job)
        for event in events:
            for project_id, image_id in places.get(event.image_sha256, ()):
                add_event(session, embedding_event(image_id, event), project_id)


def embedding_event(image_id: int, event: EncodeEvent) -> EmbeddingEvent:
    """What pages are told about an image and the encoder."""
    return EmbeddingEvent(image_id=image_id, state=event.state, error=event.error)
