"""Suggestions that are to be made, of one image or of a project's: claimed, done, written down.

``suggest_one`` asks for one image, ``suggest_jobs`` for all of a project; both make items, which are claimed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from limner.errors import NotFound
from limner.jobs import queue
from limner.jobs.control import stop_jobs
from limner.jobs.kinds import SUGGEST, SuggestPayload, suggest_kind
from limner.jobs.suggest_jobs import KIND, RANK, make_items, rank_assessed
from limner.store import Database
from limner.store.categories import list_categories
from limner.store.copies import home_of
from limner.store.embeddings import EmbeddingKey, MadeEmbedding, add_embeddings
from limner.store.events import add_event
from limner.store.examples import StoredMask, examples_of, refused_of
from limner.store.images import get_image
from limner.store.jobs import announce_job, get_job, jobs_in_state, lock_job
from limner.store.ranking import NewAssessment, put_assessment
from limner.store.suggestions import NewSuggestion, replace_suggestions
from limner.store.tables import Image, JobItem
from limner.store.types import utc_now
from limner.vocabulary.events import SuggestionsEvent
from limner.vocabulary.suggested import Assess, Similar


@dataclass(frozen=True)
class SuggestItem:
    """An image for which suggestions are to be made, held by the caller.

    Attributes:
        job_id: of the job that it belongs to; None when somebody asked for this image.
        home_id: number of the project whose detectors and categories count.
        examples: what similar objects are looked for by, as they are now.
        refused: what was found so before and was not meant.
    """

    id: int
    job_id: int | None
    image: Image
    home_id: int
    payload: SuggestPayload
    examples: Sequence[StoredMask] = ()
    refused: Sequence[StoredMask] = ()

    @property
    def model_sha256(self) -> str:
        """Of the weights that are to make the masks."""
        return self.payload.model_sha256


@dataclass(frozen=True)
class SuggestQueue:
    """The suggestions that are to be made, each by the model that it names, and where results are written down.

    Attributes:
        holder: the name under which this process holds items.
    """

    database: Database
    holder: str

    def claim(self) -> SuggestItem | None:
        """The next image, if there is one; images of running jobs become items when none waits."""
        while True:
            with self.database.read() as session:
                kind = queue.next_kind(session, queue.open_kinds(session, SUGGEST))
                running = (
                    [] if kind else [job for each in (KIND, RANK) for job in jobs_in_state(session, each, "running")]
                )
                jobs = [job.id for job in running]
                assessed = [job.id for job in running if job.kind == RANK]
            if kind:
                with self.database.write(durable=False) as session:
                    claims = queue.claim(session, [kind], 1, self.holder)
                    if claims and (item := self._item(session, claims[0])):
                        return item
                if not claims:
                    return None
                continue  # the image was deleted
            made = {job_id: self._make_items(job_id) for job_id in jobs}
            for job_id in assessed:
                if not made[job_id]:
                    rank_assessed(self.database, job_id)
            if not any(made.values()):
                return None

    def heartbeat(self, item: SuggestItem) -> bool:
        """Extend the lease; whether the item is still ours: it may have been paused or cancelled."""
        with self.database.write(durable=False) as session:
            queue.heartbeat(session, queue.held_kinds(session, SUGGEST, self.holder), self.holder)
            held = (JobItem.id == item.id) & (JobItem.state == "running") & (JobItem.holder == self.holder)
            return session.scalar(select(JobItem.id).where(held)) is not None

    def release(self) -> None:
        """Give back what is held."""
        with self.database.write(durable=False) as session:
            queue.release(session, queue.held_kinds(session, SUGGEST, self.holder), self.holder)

    def settle(
        self, item: SuggestItem, found: Sequence[NewSuggestion], encoded: MadeEmbedding | None = None
    ) -> int | None:
        """Write down what was found for an image, if the item is still ours; how many, None when it is not."""
        with self.database.write() as session:
            row = session.scalar(select(JobItem).where(JobItem.id == item.id, JobItem.holder == self.holder))
            if encoded is not None:
                add_embeddings(session, EmbeddingKey.of(item.model_sha256), [encoded])
            if row is None or not self._exists(session, item.image.id):
                return None
            request = item.payload.request
            if isinstance(request, Assess):
                raise TypeError("An assessment is no list of suggestions.")
            known = _with_known_categories(session, item.home_id, found)
            count = replace_suggestions(session, item.image.id, request.source, known)
            self._done(session, item)
            event = SuggestionsEvent(image_id=item.image.id, state="ready", found=count)
            add_event(session, event, item.image.project_id)
        return count

    def settle_assessment(
        self, item: SuggestItem, assessment: NewAssessment, encoded: MadeEmbedding | None = None
    ) -> bool:
        """Write down what a model says of an image; whether the item is still ours."""
        with self.database.write() as session:
            row = session.scalar(select(JobItem).where(JobItem.id == item.id, JobItem.holder == self.holder))
            if encoded is not None:
                add_embeddings(session, EmbeddingKey.of(item.model_sha256), [encoded])
            if row is None or not self._exists(session, item.image.id):
                return False
            put_assessment(session, item.image.id, assessment)
            self._done(session, item)
        return True

    def fail(self, item: SuggestItem, message: str, *, lasting: bool) -> None:
        """There are no suggestions for an image. Of one that somebody asked for, nothing is kept."""
        with self.database.write() as session:
            if item.job_id is None:
                session.execute(delete(JobItem).where(JobItem.id == item.id))
                return
            kind = suggest_kind(item.model_sha256)
            jobs = queue.fail(session, kind, [str(item.image.id)], message, lasting=lasting)
            for job_id in sorted(jobs):
                self._go_on(session, job_id)

    def stop(self, item: SuggestItem, reason: str) -> None:
        """Suggestions cannot be made here at all: the job of this item stops until somebody resumes it."""
        if item.job_id is None:
            self.fail(item, reason, lasting=True)
            return
        with self.database.write() as session:
            job = lock_job(session, item.job_id)
            if job.state == "running":
                stop_jobs(session, [job], reason)

    def _item(self, session: Session, claim: queue.Claim) -> SuggestItem | None:
        row = session.get_one(JobItem, claim.id)
        try:
            image = get_image(session, int(claim.key))
        except NotFound:
            queue.done(session, claim.kind, [claim.key])
            return None
        payload = SuggestPayload.model_validate(claim.payload)
        home = home_of(session, image)
        if not isinstance(payload.request, Similar):
            return SuggestItem(claim.id, row.job_id, image, home, payload)
        examples = examples_of(session, home, payload.request, besides=image.copy_of)
        refused = refused_of(session, home, image.id, {each.category_id for each in examples})
        return SuggestItem(claim.id, row.job_id, image, home, payload, examples, refused)

    def _exists(self, session: Session, image_id: int) -> bool:
        return session.scalar(select(Image.id).where(Image.id == image_id)) is not None

    def _done(self, session: Session, item: SuggestItem) -> None:
        if item.job_id is None:
            session.execute(delete(JobItem).where(JobItem.id == item.id))
            return
        job = lock_job(session, item.job_id)
        session.execute(delete(JobItem).where(JobItem.id == item.id))
        job.done, job.updated = job.done + 1, utc_now()
        session.flush()
        self._go_on(session, job.id)

    def _go_on(self, session: Session, job_id: int) -> None:
        job = lock_job(session, job_id)
        if job.state == "running" and not queue.open_items(session, job_id):
            make_items(session, job)
        if job.state != "done":  # if it is, that was told
            announce_job(session, job)

    def _make_items(self, job_id: int) -> bool:
        with self.database.write() as session:
            return make_items(session, get_job(session, job_id))


def _with_known_categories(session: Session, project_id: int, found: Sequence[NewSuggestion]) -> list[NewSuggestion]:
    """Categories may have been deleted since a detector learned them: its masks are worth keeping all the same."""
    known = {category.id for category in list_categories(session, project_id)}
    return [each if each.category_id in known else replace(each, category_id=None) for each in found]
