"""Has learning runs done: claims them, starts a process for each, and writes down how far it is and what came of it.

A process that dies is started again and goes on from its checkpoint, a few times; a run whose server dies is claimed by
the next one when its lease has ended. Torch is never imported here.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import structlog

from limner.child_process import BufferedChild
from limner.config import Settings
from limner.jobs.working import Runner, WorkLoop
from limner.learning.protocol import (
    GotOn,
    KnownCategory,
    Learn,
    Learned,
    Report,
    Stop,
    Stopped,
    Unlearnable,
    parse_report,
)
from limner.store import Database
from limner.store import learning as store
from limner.store.categories import list_categories
from limner.store.projects import get_project
from limner.store.tables import LearningRun
from limner.vocabulary.events import PublishedEvent
from limner.vocabulary.learning import Recipe
from limner.vocabulary.messages import Broken

WORKER = (sys.executable, "-m", "limner.workers.learn")
BEAT = 5.0  # s between two heartbeats, which keep how far a run is
POLL = 0.2  # s
STOP_PATIENCE = 120.0  # s from the wish to stop to the end of the process: a step, and a checkpoint
MAX_CRASHES = 3  # of the process, or of its server, without a step in between

Publish = Callable[[Sequence[PublishedEvent]], None]
End = Learned | Stopped | Unlearnable | Broken | None  # None: the process ended and said nothing

logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Task:
    """A run as this process holds it."""

    id: int
    project_id: int
    request: Learn
    run: LearningRun  # as it was claimed


class LearningRunner(Runner):
    """Works through the runs that wait, one at a time, in a thread of its own.

    Args:
        settings: for the process.
        database: with the runs.
        publish: tells pages what is not stored.
        holder: the name under which runs are held.
        command: starts the process.
    """

    def __init__(
        self, settings: Settings, database: Database, publish: Publish, holder: str, *, command: Sequence[str] = WORKER
    ) -> None:
        self._settings, self._database, self._publish, self._holder = settings, database, publish, holder
        self._command = command
        super().__init__(WorkLoop("learning", self._work_on_next))

    def _work_on_next(self) -> bool:
        task = self._claim()
        if task is not None:
            self._do(task)
        return task is not None

    def _claim(self) -> _Task | None:
        with self._database.read() as session:  # nobody who saves waits for a look that finds nothing
            if not store.is_due(session):
                return None
        with self._database.write() as session:
            run = store.claim_run(session, self._holder)
            if run is None:
                return None
            if run.crashes >= MAX_CRASHES:
                store.end_run(session, run, "failed", f"The server was lost over it, {run.crashes} times in a row.")
                return None
            project = get_project(session, run.project_id)
            recipe = Recipe.model_validate(run.recipe)
            request = Learn(
                run_id=run.id,
                recipe=recipe,
                snapshot_sha256=run.snapshot_sha256,
                left_out=tuple(store.left_out(session, run.project_id, recipe.learn_from)),
                categories=tuple(
                    KnownCategory(number=each.number, id=each.id, name=each.name)
                    for each in list_categories(session, run.project_id)
                ),
                project_id=run.project_id,
                project=project.name,
                parent=run.parent,
                parent_sha256=run.parent_sha256,
                result=f"project-{run.project_id}-{run.kind}-{run.id}",
            )
            return _Task(run.id, run.project_id, request, run)

    def _do(self, task: _Task) -> None:
        logger.info("learning", run=task.id)
        if self._command == WORKER and find_spec("torch") is None:
            end: End = Broken(
                message="This machine has no torch, so it does not train. Install limner instead of limner-server, or "
                "limner-server[encoder]."
            )
            cause = ""
        else:
            end, cause = self._train(task)
        with self._database.write() as session:
            run = store.lock_run(session, task.id)
            if run.state != "running" or run.holder != self._holder:
                return  # cancelled meanwhile, or somebody else's
            match end:
                case Learned():
                    run.result, run.result_sha256 = task.request.result, end.result_sha256
                    run.figures = end.figures
                    store.end_run(session, run, "done")
                case Unlearnable() | Broken():
                    store.end_run(session, run, "failed", end.message)
                case Stopped():
                    store.end_run(session, run, "waiting")
                case None:
                    run.crashes += 1
                    if run.crashes >= MAX_CRASHES:
                        message = f"The process that trains {cause}, {run.crashes} times in a row."
                        store.end_run(session, run, "failed", message)
                    else:
                        store.end_run(session, run, "waiting")

    def _train(self, task: _Task) -> tuple[End, str]:
        """Have a process train until it ends; what it said last, and how it ended, to complete "The process …"."""
        try:
            process = BufferedChild("learning", self._command, self._settings.environment(), parse_report)
        except OSError as error:
            return Broken(message=f"The process that trains cannot be started: {error}."), ""
        try:
            process.send(task.request)
            end = self._follow(task, process)
        finally:
            cause = process.end()
        return end, cause

    def _follow(self, task: _Task, process: BufferedChild[Report]) -> End:
        last: GotOn | None = None
        beat = time.monotonic()
        asked: float | None = None  # when it was told to stop
        while True:
            now = time.monotonic()
            if asked is not None and now - asked > STOP_PATIENCE:
                return Stopped(run_id=task.id)  # its last checkpoint is there
            if asked is None and (self._loop.stopping.is_set() or self._loop.woken.is_set() or now - beat > BEAT):
                self._loop.woken.clear()
                beat = now
                with self._database.write() as session:
                    mine = store.get_on(session, task.id, self._holder, None if last is None else last.progress)
                if self._loop.stopping.is_set() or not mine:
                    asked = now
                    process.send(Stop())
            try:
                report = process.next_report(POLL)
            except TimeoutError:
                continue
            match report:
                case None:
                    return None if asked is None else Stopped(run_id=task.id)
                case GotOn():
                    last = report
                    event = store.event_of(task.run, report.progress)
                    self._publish([PublishedEvent(None, task.project_id, event)])
                case _:
                    return report
