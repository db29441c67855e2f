"""The encoder's bulk work in the table of items, and what became of images in the other tables."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from limner.encoding.ports import Claimed
from limner.encoding.states import EncodeEvent, EncodingStatus, Target
from limner.jobs import queue
from limner.jobs.asked import URGENCIES, requests_for
from limner.jobs.control import revive_jobs, stop_jobs
from limner.jobs.kinds import ENCODE, Priority, encode_key, encode_kind, encode_target
from limner.jobs.precompute import encoding_jobs, encoding_key, make_items
from limner.models.in_use import Models
from limner.store import Database
from limner.store.embedding_use import add_derived
from limner.store.embeddings import EmbeddingKey, MadeEmbedding, add_embeddings
from limner.store.encoders import remove_encoder, report_encoder
from limner.store.events import add_events
from limner.store.images import places_of
from limner.store.jobs import announce_job, get_job, lock_job
from limner.store.projects import models_of
from limner.store.tables import Job, JobItem
from limner.store.types import utc_now
from limner.tracing import REQUEST, log_step
from limner.vocabulary.events import EmbeddingEvent


def new_holder() -> str:
    """A name for this process as a holder of items, readable for people and never used again."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


@dataclass(frozen=True)
class EncodingQueue:
    """Implements ``limner.encoding.ports.BulkQueue`` over the database.

    Attributes:
        models: those that this process can encode with.
        holder: the name under which it holds items.
        shared: other processes may ask for embeddings through the table, and want to know how this encoder stands.
        reserved: only for what somebody waits for; jobs are left to others.
    """

    database: Database
    models: Models
    holder: str
    shared: bool = False
    reserved: bool = False

    @property
    def default(self) -> EmbeddingKey:
        """Of the model that the installation uses."""
        return EmbeddingKey.of(self.models.default.card.weights_sha256)

    def enter(self) -> None:
        """Begin. What an earlier process of the same name still holds is lost."""
        if self.shared:
            with self.database.write(durable=False) as session:
                queue.lose(session, queue.held_kinds(session, ENCODE, self.holder), self.holder)

    def claim(
        self, count: int, *, urgent: bool = False, leave_looks: bool = False, looks_of: str | None = None
    ) -> Sequence[Claimed]:
        """At most so many targets of one model; images of running jobs become items when none waits, unless only what
        is urgent counts.
        """
        urgent = urgent or looks_of is not None or self.reserved
        if urgent and not self.shared:
            return []
        least = Priority.LOOK if looks_of is not None else Priority.SOON if urgent else Priority.BULK
        most = Priority.SOON if leave_looks else Priority.LOOK
        keys = self._keys()
        kinds = [encode_kind(key) for key in keys if looks_of in (None, key.model_sha256)]
        while True:
            with self.database.read() as session:
                kind = queue.next_kind(session, kinds, least=least, most=most)
                jobs = [] if kind or urgent else encoding_jobs(session, "running", self.default)
            if kind:
                with self.database.write(durable=False) as session:
                    claims = queue.claim(session, [kind], count, self.holder, least=least, most=most)
                for each in claims:
                    if REQUEST in each.payload:
                        log_step(
                            "claimed", each.key.partition(":")[0], request=each.payload[REQUEST], holder=self.holder
                        )
                return [
                    Claimed(encode_target(kind, claim.key), URGENCIES[claim.priority], claim.suspect)
                    for claim in claims
                ]
            more = [self._make_items(job.id, key) for job, key in jobs if key in keys]
            if not any(more):
                return []

    def heartbeat(self) -> Collection[Target]:
        """Extend the leases, and say what is still held."""
        with self.database.write(durable=False) as session:
            return [
                encode_target(kind, key)
                for kind in queue.held_kinds(session, ENCODE, self.holder)
                for key in queue.heartbeat(session, [kind], self.holder)
            ]

    def release(self) -> None:
        """Give back what is held."""
        with self.database.write(durable=False) as session:
            queue.release(session, queue.held_kinds(session, ENCODE, self.holder), self.holder)

    def settle(self, outcomes: Sequence[EncodeEvent]) -> None:
        """Write down what became of targets, in one transaction: embeddings, items, counters of jobs, events."""
        latest = {event.target: event for event in outcomes}
        jobs: set[int] = set()
        with self.database.write() as session:
            requests = requests_for(session, latest.keys()) if self.shared else {}
            for model_sha256 in sorted({target.model_sha256 for target in latest}):
                events = [event for event in latest.values() if event.target.model_sha256 == model_sha256]
                jobs |= self._settle(session, EmbeddingKey.of(model_sha256), events)
            self._announce(session, [event for target, event in latest.items() if target.region is None], jobs)
        for target, event in latest.items():
            self._log(event, requests.get(target, ""))

    def follow(self, trouble: str | None, unusable: Mapping[str, str]) -> None:
        """Stop running jobs that nobody can do, and have them go on when this process can."""
        if self.reserved:
            return
        keys = self._keys()

        def problem(key: EmbeddingKey) -> str | None:
            missing = None if key in keys else _not_installed(key)
            return trouble or missing or unusable.get(key.model_sha256)

        with self.database.read() as session:
            stuck = self._stuck(session, problem)
            free = self._free(session, problem)
        if not stuck and not free:
            return
        with self.database.write() as session:
            for job, reason in self._stuck(session, problem):
                stop_jobs(session, [job], reason)
            revive_jobs(session, self._free(session, problem))

    def report(self, status: EncodingStatus) -> None:
        """How this encoder stands, for the processes that share it."""
        if self.shared:
            with self.database.write(durable=False) as session:
                report_encoder(session, self.holder, status.model_sha256, asdict(status))

    def leave(self) -> None:
        """Nobody is to count on this encoder any more."""
        if self.shared:
            with self.database.write() as session:
                remove_encoder(session, self.holder)

    def _stuck(self, session: Session, problem: Callable[[EmbeddingKey], str | None]) -> list[tuple[Job, str]]:
        """Running jobs that cannot go on, and why."""
        running = encoding_jobs(session, "running", self.default)
        return [(job, why) for job, key in running if (why := problem(key)) and not self._others_encode(session, key)]

    def _free(self, session: Session, problem: Callable[[EmbeddingKey], str | None]) -> list[Job]:
        """Failed jobs that can go on."""
        return [job for job, key in encoding_jobs(session, "failed", self.default) if problem(key) is None]

    def _others_encode(self, session: Session, key: EmbeddingKey) -> bool:
        held = select(JobItem.id).where(JobItem.kind == encode_kind(key), JobItem.state == "running")
        others = held.where(JobItem.holder != self.holder, JobItem.lease_until > utc_now())
        return session.scalar(others.limit(1)) is not None

    def _keys(self) -> list[EmbeddingKey]:
        """Of all models that this process can encode with."""
        return [EmbeddingKey.of(model.card.weights_sha256) for model in self.models.usable()]

    def _make_items(self, job_id: int, key: EmbeddingKey) -> bool:
        with self.database.write() as session:
            return make_items(session, get_job(session, job_id), key)

    def _settle(self, session: Session, key: EmbeddingKey, events: Sequence[EncodeEvent]) -> set[int]:
        """Write down what became of targets of one model; the numbers of jobs that count them."""
        kind = encode_kind(key)
        ready = [event for event in events if event.state == "ready"]
        whole = [event for event in ready if event.target.region is None]
        made = [MadeEmbedding(each.target.image_sha256, each.seconds or 0.0, each.bytes or 0) for each in whole]
        add_embeddings(session, key, made)
        for event in ready:
            if event.target.region is not None and event.bytes:
                add_derived(
                    session, event.target.image_sha256, key.model_sha256, key.preprocessing_version, event.bytes
                )
        jobs = queue.done(session, kind, [encode_key(event.target) for event in ready])
        for event in events:
            if event.state == "failed":
                message = event.error or ""
                jobs |= queue.fail(session, kind, [encode_key(event.target)], message, lasting=event.lasting)
        return jobs

    def _log(self, event: EncodeEvent, request: str) -> None:
        said = {"request": request, "holder": self.holder, "region": str(event.target.region or "")}
        if event.state == "ready":
            # Whoever looks for it may find and send it before this is written: the line says when it was made.
            made = {"seconds": event.seconds, "bytes": event.bytes, "ended": event.ended}
            log_step("encoded", event.target.image_sha256, **made, **said)
        else:
            log_step("failed", event.target.image_sha256, error=event.error, **said)

    def _announce(self, session: Session, events: Sequence[EncodeEvent], jobs: Collection[int]) -> None:
        """Tell the pages."""
        told = concerned(session, self.models, events)
        for job_id in sorted(jobs):
            job = lock_job(session, job_id)
            if job.state == "running" and not queue.open_items(session, job_id):
                make_items(session, job, encoding_key(job, self.default))
            if job.state != "done":  # if it is, that was told
                announce_job(session, job)
        add_events(session, [(embedding_event(image_id, event), project_id) for project_id, image_id, event in told])


def concerned(session: Session, models: Models, events: Sequence[EncodeEvent]) -> list[tuple[int, int, EncodeEvent]]:
    """(project, image, event) wherever an image is whose project uses the model that the event is of."""
    places = places_of(session, {event.target.image_sha256 for event in events})
    projects = {project_id for found in places.values() for project_id, _ in found}
    wanted = models_of(session, projects)
    used = {project_id: models.used_by(wanted[project_id]).weights_sha256 for project_id in wanted}
    return [
        (project_id, image_id, event)
        for event in events
        for project_id, image_id in places.get(event.target.image_sha256, ())
        if used.get(project_id) == event.target.model_sha256
    ]


def embedding_event(image_id: int, event: EncodeEvent) -> EmbeddingEvent:
    """What pages are told about an image and the encoder."""
    return EmbeddingEvent(image_id=image_id, state=event.state, error=event.error)


def _not_installed(key: EmbeddingKey) -> str:
    return (
        f"The model with the weights {key.model_sha256[:12]}… is not installed any more. "
        "Install it again, or choose another one."
    )
