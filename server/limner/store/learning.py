"""Learning runs as rows: begun, claimed under a lease, got on with, ended; and what their versions are to a project."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import Select, or_, select, update
from sqlalchemy.orm import Session

from limner.errors import Conflict, NotFound
from limner.store.events import add_event
from limner.store.tables import Image, LearningRun
from limner.store.types import utc_now
from limner.store.webhooks import tell
from limner.vocabulary.events import LearningEvent
from limner.vocabulary.learning import LearnFrom, LearningKind, LearningProgress, LearningState

LEASE = timedelta(seconds=60)
SHOWN = 100  # runs of a project, the newest
UNFINISHED = ("waiting", "running")
LEARNED_STATES: dict[LearnFrom, tuple[str, ...]] = {
    "annotated": ("waiting", "submitted", "approved", "returned"),
    "submitted": ("submitted", "approved"),
    "approved": ("approved",),
}


def get_run(session: Session, run_id: int) -> LearningRun:
    """The run with this number.

    Raises:
        NotFound: when there is none.
    """
    run = session.get(LearningRun, run_id)
    if run is None:
        raise NotFound.row("learning run", run_id)
    return run


def lock_run(session: Session, run_id: int) -> LearningRun:
    """The run as it is now, locked until the end of the transaction.

    Raises:
        NotFound: when there is none.
    """
    found = select(LearningRun).where(LearningRun.id == run_id).with_for_update()
    run = session.scalar(found.execution_options(populate_existing=True))
    return get_run(session, run_id) if run is None else run


def list_runs(session: Session, project_id: int) -> Sequence[LearningRun]:
    """The newest runs of a project, newest first."""
    of_project = select(LearningRun).where(LearningRun.project_id == project_id)
    return session.scalars(of_project.order_by(LearningRun.id.desc()).limit(SHOWN)).all()


def refuse_second(session: Session, project_id: int) -> None:
    """A project trains one thing at a time.

    Raises:
        Conflict: it has a run that is not finished.
    """
    open_run = select(LearningRun.id).where(LearningRun.project_id == project_id, LearningRun.state.in_(UNFINISHED))
    busy = session.scalar(open_run.limit(1))
    if busy is not None:
        raise Conflict(
            f"Learning run {busy} of this project is not finished.",
            hint="Wait for it, or cancel it first.",
            details={"run_id": busy},
        )


def version_named(session: Session, project_id: int, name: str | None) -> LearningRun | None:
    """The newest run of a project whose result is the model of this name."""
    made = (LearningRun.project_id == project_id) & (LearningRun.kind == "model") & (LearningRun.result == name)
    return session.scalar(select(LearningRun).where(made).order_by(LearningRun.id.desc()).limit(1))


def left_out(session: Session, project_id: int, learn_from: LearnFrom) -> Sequence[int]:
    """Numbers of the images that are not learned from, whatever is on them."""
    not_wanted = Image.state.not_in(LEARNED_STATES[learn_from])
    return session.scalars(select(Image.id).where(Image.project_id == project_id, not_wanted).order_by(Image.id)).all()


def is_due(session: Session, now: datetime | None = None) -> bool:
    """Whether a claim would find a run: a look that takes no lock."""
    return session.scalar(_due(now or utc_now()).with_only_columns(LearningRun.id).limit(1)) is not None


def claim_run(session: Session, holder: str, now: datetime | None = None) -> LearningRun | None:
    """Take the oldest run that waits, or whose holder is lost, which counts as a crash; None when there is none."""
    now = now or utc_now()
    run = session.scalar(_due(now).limit(1).with_for_update(skip_locked=True))
    if run is None:
        return None
    changed = run.state != "running"
    run.crashes += not changed
    run.state, run.holder, run.lease_until, run.updated = "running", holder, now + LEASE, now
    if changed:
        announce_run(session, run)
    return run


def _due(now: datetime) -> Select[LearningRun]:
    lost = (LearningRun.state == "running") & (LearningRun.lease_until < now)
    return select(LearningRun).where(or_(LearningRun.state == "waiting", lost)).order_by(LearningRun.id)


def get_on(session: Session, run_id: int, holder: str, progress: LearningProgress | None) -> bool:
    """Extend the lease of a run, and keep how far it is; False when the holder is to stop."""
    values: dict[str, Any] = {"lease_until": utc_now() + LEASE, "updated": utc_now()}
    if progress is not None:
        values["progress"] = progress.model_dump()
        if progress.stage == "training":
            values["crashes"] = 0
    mine = (LearningRun.id == run_id) & (LearningRun.state == "running") & (LearningRun.holder == holder)
    changed = session.execute(update(LearningRun).where(mine).values(**values).returning(LearningRun.id))
    return changed.first() is not None


def end_run(session: Session, run: LearningRun, state: LearningState, message: str = "") -> None:
    """Nobody holds a run any more; tells the pages, and webhooks what was learned."""
    run.state, run.message, run.holder, run.lease_until, run.updated = state, message, None, None, utc_now()
    if state == "done":
        said = {"run_id": run.id, "kind": run.kind, "result": run.result, "better": run.figures.get("better")}
        tell(session, run.project_id, "learning.done", {**said, "user_id": run.user_id})
    announce_run(session, run)


def announce_run(session: Session, run: LearningRun) -> None:
    """Tell the pages of the project how the run stands."""
    session.flush()
    add_event(session, event_of(run), run.project_id)


def event_of(run: LearningRun, progress: LearningProgress | None = None) -> LearningEvent:
    """How a run stands."""
    return LearningEvent(
        run_id=run.id,
        kind=cast(LearningKind, run.kind),
        state=cast(LearningState, run.state),
        progress=progress or LearningProgress.model_validate(run.progress),
        result=run.result,
        better=run.figures.get("better"),
        message=run.message,
    )
