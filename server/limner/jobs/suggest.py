"""Suggestions as background work: for one image, which somebody looks at, and for all images of a project as a job.

The item of one image stands for itself, without a job, and comes before those of jobs. Items of a job are made a
window of images at a time, as those of ``precompute`` are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import structlog
from sqlalchemy import CursorResult, String, delete, func, insert, literal, select
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import Session

from limner.errors import NotFound
from limner.jobs import queue
from limner.jobs.control import finish_if_done, stop_jobs
from limner.jobs.kinds import SUGGEST, Priority, SuggestPayload, suggest_kind
from limner.store import Database
from limner.store.categories import list_categories
from limner.store.copies import home_of
from limner.store.embeddings import EmbeddingKey, MadeEmbedding, add_embeddings
from limner.store.events import add_event
from limner.store.examples import StoredMask, examples_of, refused_of
from limner.store.images import get_image
from limner.store.jobs import announce_job, create_job, get_job, jobs_in_state, lock_job
from limner.store.projects import get_project
from limner.store.ranking import NewAssessment, forget_ranks, put_assessment, put_ranks, ranking_of
from limner.store.suggestions import NewSuggestion, replace_suggestions
from limner.store.tables import Image, ImageAssessment, Job, JobItem
from limner.store.types import JSON_OBJECT, UtcDateTime, utc_now
from limner.store.upsert import insert_for
from limner.vocabulary.events import SuggestionsEvent
from limner.vocabulary.states import SuggestionActivity
from limner.vocabulary.suggested import Assess, Marked, MarkedObject, Similar

KIND = "suggest"
RANK = "rank"  # jobs that assess all images, and then rank them
WINDOW = 500  # images made items of in one transaction

logger = structlog.get_logger(__name__)


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


def ask_for_image(session: Session, image: Image, payload: SuggestPayload) -> None:
    """Have suggestions made for one image, before those of jobs. Asking again changes what waits, not what runs."""
    now = utc_now()
    rows = insert_for(session, JobItem).values(
        kind=suggest_kind(payload.model_sha256),
        key=str(image.id),
        priority=int(Priority.SOON),
        state="waiting",
        not_before=now,
        attempts=0,
        crashes=0,
        payload=payload.model_dump(mode="json"),
        message="",
        created=now,
    )
    session.execute(
        rows.on_conflict_do_update(
            index_elements=["kind", "key"],
            index_where=JobItem.job_id.is_(None),
            set_={"payload": rows.excluded.payload, "state": "waiting", "holder": None, "lease_until": None}
            | {"not_before": now, "attempts": 0, "crashes": 0},
            where=JobItem.state != "running",
        )
    )


def activity_of(session: Session, image_id: int) -> SuggestionActivity | None:
    """Whether an image that somebody asked suggestions for waits or is being worked on; None when it is neither."""
    state = session.scalar(_asked(image_id, JobItem.state).where(JobItem.state.in_(("waiting", "running"))))
    return cast(SuggestionActivity | None, state)


def cancel_for_image(session: Session, image_id: int) -> bool:
    """Nobody wants these suggestions any more; whether there was something to cancel."""
    found = list(session.scalars(_asked(image_id, JobItem.id)))
    if found:
        session.execute(delete(JobItem).where(JobItem.id.in_(found)))
    return bool(found)


def _asked(image_id: int, column: Any) -> Any:
    return select(column).where(
        JobItem.kind.startswith(SUGGEST), JobItem.key == str(image_id), JobItem.job_id.is_(None)
    )


def start_suggest(session: Session, project_id: int, payload: SuggestPayload) -> Job:
    """Start a job that makes suggestions for all images of a project, also those that are added while it runs.

    Where the payload asks for assessments, the job is one that ranks them in the end.

    Raises:
        NotFound: no such project.
        Conflict: the project has an unfinished job of this kind.
    """
    get_project(session, project_id)
    total = session.scalar(select(func.count(Image.id)).where(Image.project_id == project_id)) or 0
    kind = RANK if isinstance(payload.request, Assess) else KIND
    job = create_job(session, project_id, kind, total, payload.model_dump(mode="json"))
    announce_job(session, job)
    return job


def start_marked(session: Session, project_id: int, payload: SuggestPayload, images: int) -> Job:
    """Start a job that makes masks of what files mark; :func:`add_marked` gives it its items.

    Args:
        session: of a writing transaction.
        project_id: whose images they are.
        payload: of the job, whose request names all objects by their digest; with the last image.
        images: how many will get items.

    Raises:
        Conflict: the project has an unfinished job of this kind.
    """
    job = create_job(session, project_id, KIND, images, payload.model_dump(mode="json"))
    announce_job(session, job)
    return job


def add_marked(session: Session, job: Job, marked: Sequence[tuple[int, Sequence[MarkedObject]]]) -> bool:
    """Give a running job of what files mark the items of its next images, each with its own objects.

    Args:
        session: of a writing transaction.
        job: made by :func:`start_marked`; its cursor is the last image that has an item.
        marked: (number of an image, objects on it), ascending, ``WINDOW`` of them at most.

    Returns:
        Whether the job still goes on.
    """
    lock_job(session, job.id)
    if job.state not in ("running", "paused"):
        return False
    payload = SuggestPayload.model_validate(job.payload)
    now = utc_now()
    rows = [
        {
            "job_id": job.id,
            "kind": suggest_kind(payload.model_sha256),
            "key": str(image_id),
            "priority": int(Priority.BULK),
            "state": "waiting" if job.state == "running" else "paused",
            "not_before": now,
            "attempts": 0,
            "crashes": 0,
            "payload": payload.model_copy(update={"request": Marked(objects=tuple(objects))}).model_dump(mode="json"),
            "message": "",
            "created": now,
        }
        for image_id, objects in marked
        if image_id > job.cursor
    ]
    if rows:
        session.execute(insert(JobItem), rows)
        job.cursor = marked[-1][0]
    return True


def make_items(session: Session, job: Job) -> bool:
    """Make items of the next images of a running job; end the job when there are no more.

    A job of what files mark gets its items by :func:`add_marked`, and ends when it has had all. One that ranks is not
    ended: :meth:`SuggestQueue.claim` does what is left; images that the model has assessed before count as done.

    Returns:
        Whether items were made.
    """
    lock_job(session, job.id)
    if job.state != "running":
        return False
    payload = SuggestPayload.model_validate(job.payload)
    if isinstance(payload.request, Marked):
        if payload.last_image is None or job.cursor >= payload.last_image:
            finish_if_done(session, job)
        return False
    window = select(Image.id).where(Image.project_id == job.project_id, Image.id > job.cursor)
    last = session.scalar(select(func.max(window.order_by(Image.id).limit(WINDOW).subquery().c.id)))
    if last is None:
        if job.kind != RANK:
            finish_if_done(session, job)
        return False
    now = literal(utc_now(), UtcDateTime)
    items: dict[Any, Any] = {
        JobItem.job_id: literal(job.id),
        JobItem.kind: literal(suggest_kind(payload.model_sha256)),
        JobItem.key: sql_cast(Image.id, String),
        JobItem.priority: literal(int(Priority.BULK)),
        JobItem.state: literal("waiting"),
        JobItem.not_before: now,
        JobItem.attempts: literal(0),
        JobItem.crashes: literal(0),
        JobItem.payload: literal(job.payload, JSON_OBJECT),
        JobItem.message: literal(""),
        JobItem.created: now,
    }
    images = select(*items.values()).where(Image.project_id == job.project_id, Image.id > job.cursor, Image.id <= last)
    if job.kind == RANK:
        known = select(ImageAssessment.image_id).where(ImageAssessment.model_sha256 == payload.model_sha256)
        some = session.scalar(select(func.count()).select_from(images.where(Image.id.in_(known)).subquery())) or 0
        images = images.where(Image.id.not_in(known))
        job.done += some
    made = session.execute(
        insert(JobItem).from_select(list(items), images.order_by(Image.id), include_defaults=False),
        execution_options={"preserve_rowcount": True},
    )
    count = cast("CursorResult[Any]", made).rowcount
    job.total = max(job.total, job.done + job.failed + count)  # images were added since it was counted
    job.cursor = last
    return True


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
                    self._rank(job_id)
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

    def _rank(self, job_id: int) -> None:
        """All images are assessed: rank them, some at a time, and end the job. What is cut off is done again."""
        with self.database.read() as session:
            job = get_job(session, job_id)
            if queue.open_items(session, job_id):
                return
            payload = SuggestPayload.model_validate(job.payload)
            by = payload.request.by if isinstance(payload.request, Assess) else "both"
            order = ranking_of(session, job.project_id, payload.model_sha256, by)
        forgotten = WINDOW
        while forgotten == WINDOW:
            with self.database.write() as session:
                forgotten = forget_ranks(session, job.project_id, WINDOW)
        for start in range(0, len(order), WINDOW):
            some = order[start : start + WINDOW]
            with self.database.write() as session:
                put_ranks(session, some, start + 1)
        with self.database.write() as session:
            finish_if_done(session, get_job(session, job_id))

    def _make_items(self, job_id: int) -> bool:
        with self.database.write() as session:
            return make_items(session, get_job(session, job_id))


def _with_known_categories(session: Session, project_id: int, found: Sequence[NewSuggestion]) -> list[NewSuggestion]:
    """Categories may have been deleted since a detector learned them: its masks are worth keeping all the same."""
    known = {category.id for category in list_categories(session, project_id)}
    return [each if each.category_id in known else replace(each, category_id=None) for each in found]
