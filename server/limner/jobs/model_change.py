"""A project changes its model without anybody waiting: its images are encoded by the new one first.

The job's items are made as those of ``precompute``. When none is left, the same transaction that ends the job writes
the model into the project. Embeddings of the model before stay where they are, valid under their key.
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from limner.jobs.control import act_on_job
from limner.jobs.kinds import ModelChangePayload, PrecomputePayload
from limner.store.embeddings import EmbeddingKey
from limner.store.events import add_event
from limner.store.jobs import announce_job, create_job, unfinished_job
from limner.store.projects import get_project
from limner.store.tables import Job, Project
from limner.vocabulary.events import ModelEvent

KIND = "change_model"


def start_model_change(
    session: Session, project: Project, key: EmbeddingKey, wanted: str | None, name: str, counted: tuple[int, int]
) -> Job:
    """Start a job; one to another model that is not finished is cancelled.

    Args:
        session: of a writing transaction.
        project: whose model.
        key: of the new one.
        wanted: what the project will have chosen; None: whatever the installation uses.
        name: of the model.
        counted: as for ``start_precompute``.
    """
    cancel_model_change(session, project)
    total, last = counted
    payload = ModelChangePayload(
        model_sha256=key.model_sha256,
        preprocessing_version=key.preprocessing_version,
        counted_until=last,
        wanted=wanted,
        name=name,
    )
    job = create_job(session, project.id, KIND, total, payload.model_dump())
    announce_job(session, job)
    return job


def cancel_model_change(session: Session, project: Project) -> None:
    """A job that would change the model of this project does not."""
    busy = unfinished_job(session, project.id, KIND)
    if busy is not None:
        act_on_job(session, busy, "cancel")


def switch_model(session: Session, project: Project, key: EmbeddingKey, wanted: str | None, name: str) -> None:
    """From this transaction on the project uses the model; tells the pages. A job that encodes it by another one ends.

    Args:
        session: of a writing transaction.
        project: whose model.
        key: of the new one.
        wanted: what the project has chosen; None: whatever the installation uses.
        name: of the model.
    """
    busy = unfinished_job(session, project.id, "precompute")
    if busy is not None and PrecomputePayload.model_validate(busy.payload).key(key) != key:
        act_on_job(session, busy, "cancel")
    project.model = wanted
    session.flush()
    add_event(session, ModelEvent(name=name, weights_sha256=key.model_sha256), project.id)


def switch_after(session: Session, job: Job, key: EmbeddingKey) -> None:
    """A job ``change_model`` has nothing left to do."""
    payload = ModelChangePayload.model_validate(job.payload)
    switch_model(session, get_project(session, job.project_id), key, payload.wanted, payload.name)
