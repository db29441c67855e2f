"""Learning runs of a project: begun, listed, cancelled, gone on with; their versions used, and left again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from limner.access import Actor, Permission, access_learning_run, access_project
from limner.errors import Conflict
from limner.models.in_use import UsedModel
from limner.service import snapshots
from limner.service.audit import log_action
from limner.service.models import ModelChange, change_model
from limner.service.wiring import Services
from limner.store import learning as store
from limner.store.names import names_of_users
from limner.store.stages import Stages, stages_of
from limner.store.tables import LearningRun
from limner.store.types import utc_now
from limner.vocabulary.learning import Recipe

__all__ = ["NotBetter", "RunInfo", "act", "begin", "find", "list_all", "roll_back", "stages", "use"]


class NotBetter(Conflict):
    """A version is not shown to be better than what it would replace, on images that are held out."""

    code = "not_better"


@dataclass(frozen=True)
class RunInfo:
    """A learning run, and the version that it is once it is done.

    Attributes:
        user: who began it; None when it is not known.
        in_use: whether the project uses the model that came of it.
        figures: on images that are held out; how the result is written is said by the API's description.
    """

    id: int
    project_id: int
    kind: str
    state: str
    recipe: dict[str, Any]
    snapshot: str
    snapshot_sha256: str
    parent: str
    parent_sha256: str
    result: str | None
    result_sha256: str | None
    figures: dict[str, Any]
    progress: dict[str, Any]
    message: str
    user: str | None
    in_use: bool
    created: datetime
    updated: datetime


def begin(context: Services, actor: Actor, project_id: int, recipe: Recipe) -> RunInfo:
    """Begin a run on the masks as they stand now, of which a snapshot is taken.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor does not manage it.
        Conflict: the project has a run that is not finished, or a model that cannot be used.
        StorageFull: the disk is full.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.MANAGE_PROJECT)
        store.refuse_second(session, project_id)
    name = f"learning {utc_now():%Y-%m-%d %H:%M:%S.%f}"
    taken = snapshots.take(context, actor, project_id, name, Permission.MANAGE_PROJECT)
    with context.database.write() as session:
        project = access_project(session, actor, project_id, Permission.MANAGE_PROJECT)
        store.refuse_second(session, project_id)
        used = _usable(context.models.used_by(project.model))
        run = LearningRun(
            project_id=project_id,
            kind=recipe.kind,
            state="waiting",
            recipe=recipe.model_dump(),
            snapshot=taken.name,
            snapshot_sha256=taken.sha256,
            parent=used.card.name,
            parent_sha256=used.weights_sha256,
            parent_choice=project.model,
            figures={},
            progress={},
            user_id=actor.user_id,
        )
        session.add(run)
        session.flush()
        log_action(session, actor, "learning.start", "learning_run", run.id, project_id=project_id, kind=recipe.kind)
        store.announce_run(session, run)
        info = _described(session, [run], project.model)[0]
    context.learner.look_again()
    return info


def list_all(context: Services, actor: Actor, project_id: int) -> Sequence[RunInfo]:
    """The newest runs of a project, newest first.

    Raises:
        NotFound: there is no such project that the actor may see.
    """
    with context.database.read() as session:
        project = access_project(session, actor, project_id, Permission.VIEW)
        return _described(session, store.list_runs(session, project_id), project.model)


def find(context: Services, actor: Actor, run_id: int) -> RunInfo:
    """One run.

    Raises:
        NotFound: there is none that the actor may see.
    """
    with context.database.read() as session:
        run = access_learning_run(session, actor, run_id, Permission.VIEW)
        return _described(session, [run], access_project(session, actor, run.project_id, Permission.VIEW).model)[0]


def stages(context: Services, actor: Actor, project_id: int) -> Stages:
    """What the three stages of the work gave: all by hand, some of it suggested, all of it suggested.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor may not read the project's figures.
    """
    with context.database.read() as session:
        access_project(session, actor, project_id, Permission.READ_STATISTICS)
        return stages_of(session, project_id)


def act(context: Services, actor: Actor, run_id: int, action: str) -> RunInfo:
    """Cancel a run, or have one that was cancelled or has failed go on from its last checkpoint.

    Raises:
        NotFound: there is none that the actor may see.
        Forbidden: the actor does not manage its project.
        Conflict: that makes no sense in the state that it is in.
    """
    with context.database.write() as session:
        access_learning_run(session, actor, run_id, Permission.MANAGE_PROJECT)
        run = store.lock_run(session, run_id)
        allowed = store.UNFINISHED if action == "cancel" else ("cancelled", "failed")
        if run.state not in allowed:
            raise Conflict(
                f"Learning run {run_id} is {run.state}; it cannot be told to {action}.",
                hint=f"Possible when it is {' or '.join(allowed)}.",
            )
        if action == "cancel":
            log_action(session, actor, "learning.cancel", "learning_run", run.id, project_id=run.project_id)
            store.end_run(session, run, "cancelled")
        else:
            store.refuse_second(session, run.project_id)
            log_action(session, actor, "learning.resume", "learning_run", run.id, project_id=run.project_id)
            run.crashes = 0
            store.end_run(session, run, "waiting")
    context.learner.look_again()
    return find(context, actor, run_id)


def use(context: Services, actor: Actor, run_id: int, *, knowingly: bool = False) -> ModelChange:
    """Have the project use the model that came of a run, once all images have embeddings by it.

    Args:
        context: the services.
        actor: who wants that.
        run_id: number of the run.
        knowingly: also when it is not shown to be better.

    Raises:
        NotFound: there is none that the actor may see.
        Forbidden: the actor does not manage its project.
        Conflict: no model came of it, or the project uses it already.
        NotBetter: it is not shown to be better on images that are held out.
        InvalidInput: the model is not installed any more.
    """
    with context.database.read() as session:
        run = access_learning_run(session, actor, run_id, Permission.MANAGE_PROJECT)
        project = access_project(session, actor, run.project_id, Permission.MANAGE_PROJECT)
        if run.state != "done" or run.kind != "model" or run.result is None:
            raise Conflict(
                f"Of learning run {run_id} came no model that a project could use.",
                hint="Which detector is asked is decided by itself; a model comes of a run that is done.",
            )
        if project.model == run.result:
            raise Conflict(f"The project uses {run.result} already.")
        if not run.figures.get("better") and not knowingly:
            why = (
                "No image is held out, so that it was not measured"
                if not run.figures.get("held_out")
                else "The confidence interval of the mean difference does not lie above zero"
            )
            raise NotBetter(
                f"{run.result} is not shown to be better than {run.parent}. {why}.",
                hint="More images narrow the interval. It can be used all the same: say so.",
            )
        result, project_id = run.result, run.project_id
    change = change_model(context, actor, project_id, result)
    _note(context, actor, "learning.use", run_id, project_id, result)
    return change


def roll_back(context: Services, actor: Actor, project_id: int) -> ModelChange:
    """Have the project use the model again that its version was made from; embeddings by it are still there.

    Raises:
        NotFound: there is no such project that the actor may see.
        Forbidden: the actor does not manage it.
        Conflict: it uses no version that was trained in it.
        InvalidInput: the model before is not installed any more.
    """
    with context.database.read() as session:
        project = access_project(session, actor, project_id, Permission.MANAGE_PROJECT)
        run = store.version_named(session, project_id, project.model) if project.model else None
        if run is None:
            raise Conflict(
                "The project uses no version that was trained in it.", hint="Choose its model in its settings."
            )
        run_id, before = run.id, run.parent_choice
    change = change_model(context, actor, project_id, before)
    _note(context, actor, "learning.roll_back", run_id, project_id, before)
    return change


def _note(context: Services, actor: Actor, action: Any, run_id: int, project_id: int, model: str | None) -> None:
    with context.database.write() as session:
        log_action(session, actor, action, "learning_run", run_id, project_id=project_id, model=model)


def _usable(used: UsedModel) -> UsedModel:
    if used.problem:
        raise Conflict(used.problem, hint="Install the model again, or choose another one for the project.")
    return used


def _described(session: Session, rows: Sequence[LearningRun], model: str | None) -> list[RunInfo]:
    names = names_of_users(session, [row.user_id for row in rows])
    return [
        RunInfo(
            id=row.id,
            project_id=row.project_id,
            kind=row.kind,
            state=row.state,
            recipe=row.recipe,
            snapshot=row.snapshot,
            snapshot_sha256=row.snapshot_sha256,
            parent=row.parent,
            parent_sha256=row.parent_sha256,
            result=row.result,
            result_sha256=row.result_sha256,
            figures=row.figures,
            progress=row.progress,
            message=row.message,
            user=None if row.user_id is None else names.get(row.user_id),
            in_use=row.kind == "model" and row.result is not None and row.result == model,
            created=row.created,
            updated=row.updated,
        )
        for row in rows
    ]
