"""Makes suggestions that wait in the table of items: claims them, has a process do them, and writes down the results.

The process is started when there is something to do and ended when there has been nothing for a while, so that a server
whose people do not use suggestions spends no memory on them. Torch is never imported here.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec

import structlog

from limner.child_process import BufferedChild
from limner.config import Settings
from limner.jobs.suggest import SuggestItem, SuggestQueue
from limner.jobs.working import Runner, WorkLoop
from limner.store.embeddings import MadeEmbedding
from limner.store.examples import StoredMask
from limner.store.ranking import NewAssessment
from limner.store.suggestions import NewSuggestion
from limner.suggesting.protocol import (
    Answer,
    Assessed,
    Cancel,
    Cancelled,
    ExampleMask,
    Failed,
    Loading,
    Progress,
    Ready,
    Report,
    Suggest,
    Suggested,
    Unusable,
    parse_report,
)
from limner.vocabulary.events import PublishedEvent, SuggestionsEvent
from limner.vocabulary.messages import Broken
from limner.vocabulary.rle import Rle
from limner.vocabulary.suggested import Similar

WORKER = (sys.executable, "-m", "limner.workers.suggest")
CHECK_EVERY = 5.0  # s between two looks whether the item in hand is still wanted, unless it is woken
IDLE = 120.0  # s without work after which the process is ended
START_PATIENCE = 600.0  # s for the start of the process, and for loading a model
CANCEL_PATIENCE = 30.0  # s from a cancel to the end of the process
POLL = 0.2  # s; the longest that a cancel waits for being noticed
MAX_CRASHES = 2  # of the process over an image, before the image is given up

Publish = Callable[[Sequence[PublishedEvent]], None]

logger = structlog.get_logger(__name__)


class _GoneError(Exception):
    """The process ended, or hung and was ended; says how."""


class _BrokenError(Exception):
    """The process cannot be started; says why."""


class SuggestionRunner(Runner):
    """Works through a :class:`SuggestQueue` in a thread of its own.

    Args:
        settings: for the process.
        work: where items are claimed and results written down.
        publish: tells pages what is not stored.
        command: starts the process.
    """

    def __init__(
        self, settings: Settings, work: SuggestQueue, publish: Publish, *, command: Sequence[str] = WORKER
    ) -> None:
        self._settings = settings
        self._work = work
        self._publish = publish
        self._command = command
        self._look = threading.Event()
        super().__init__(WorkLoop("suggestions", self._work_on_next, idle=self._end_unused, end=self._give_up))
        self._child: BufferedChild[Report] | None = None
        self._last_used = 0.0

    def look_again(self) -> None:
        """Something was asked for, paused or cancelled: act on it now."""
        self._look.set()
        super().look_again()

    @property
    def is_running(self) -> bool:
        """Whether there is a process now."""
        return self._child is not None

    def _work_on_next(self) -> bool:
        item = self._work.claim()
        if item is not None:
            self._do(item)
        return item is not None

    def _end_unused(self) -> None:
        if self._child is not None and time.monotonic() - self._last_used > IDLE:
            self._end_child()

    def _give_up(self) -> None:
        self._end_child()
        try:
            self._work.release()
        except Exception:
            logger.exception("could not give back what was in hand; its lease will end")

    def _do(self, item: SuggestItem) -> None:
        """Have one image done, and write down what became of it."""
        self._tell(item, "running")
        if isinstance(item.payload.request, Similar) and not item.examples:
            message = "None of the examples is there any more."
            self._work.fail(item, message, lasting=True)
            self._tell(item, "failed", error=message)
            return
        for crashes in range(1, MAX_CRASHES + 1):
            try:
                answer = self._ask(item)
                break
            except _BrokenError as error:
                self._end_child()
                answer = Unusable(id=item.id, message=str(error))
                break
            except _GoneError as error:
                self._end_child()
                logger.error("the suggesting process was lost", reason=str(error), image=item.image.id)
                if crashes == MAX_CRASHES:
                    message = f"The suggesting process {error} over this image."
                    answer = Failed(id=item.id, message=message, lasting=True)
        self._last_used = time.monotonic()
        match answer:
            case Suggested():
                self._settle(item, answer)
            case Assessed():
                self._settle_assessment(item, answer)
            case Unusable():
                logger.error("no suggestions can be made", reason=answer.message)
                self._work.stop(item, answer.message)
                self._tell(item, "failed", error=answer.message)
            case Failed():
                self._work.fail(item, answer.message, lasting=answer.lasting)
                self._tell(item, "failed", error=answer.message)
            case Cancelled() if not self._loop.stopping.is_set():
                self._tell(item, "cancelled")

    def _settle(self, item: SuggestItem, answer: Suggested) -> None:
        found = [
            NewSuggestion(
                segmentation=Rle(size=list(mask.size), counts=mask.counts),
                score=min(1.0, max(0.0, mask.score)),
                model_sha256=item.model_sha256,
                stability=mask.stability,
                prompt=mask.prompt,
                category_id=mask.category_id,
            )
            for mask in answer.found
        ]
        if self._work.settle(item, found, _made(item, answer)) is None:
            self._tell(item, "cancelled")

    def _settle_assessment(self, item: SuggestItem, answer: Assessed) -> None:
        facts = answer.predicted_iou, answer.stability, answer.agreement
        self._work.settle_assessment(item, NewAssessment(item.model_sha256, *facts, answer.vector), _made(item, answer))

    def _ask(self, item: SuggestItem) -> Answer:
        """The process's answer.

        Raises:
            _GoneError: it ended or hung.
            _BrokenError: it cannot be started.
        """
        child = self._opened()
        child.send(
            Suggest(
                id=item.id,
                model_sha256=item.model_sha256,
                image_sha256=item.image.sha256,
                request=item.payload.request,
                examples=tuple(map(_example, item.examples)),
                refused=tuple(map(_example, item.refused)),
                detector_sha256=item.payload.detector_sha256,
                text_detector=item.payload.text_detector,
                categories=dict(item.payload.categories),
                box_thresholds=dict(item.payload.box_thresholds),
                project_id=item.home_id,
            )
        )
        patience = self._settings.encoder_timeout
        heard = checked = time.monotonic()
        cancelled = False
        while True:
            now = time.monotonic()
            if now - heard > (CANCEL_PATIENCE if cancelled else patience):
                raise _GoneError(f"said nothing for {now - heard:.0f} s")
            if not cancelled and (self._loop.stopping.is_set() or self._look.is_set() or now - checked > CHECK_EVERY):
                self._look.clear()
                checked = now
                if self._loop.stopping.is_set() or not self._work.heartbeat(item):
                    cancelled, heard = True, now
                    child.send(Cancel(id=item.id))
            try:
                report = child.next_report(POLL)
            except TimeoutError:
                if cancelled and self._loop.stopping.is_set():
                    return Cancelled(id=item.id)  # the process is ended anyway
                continue
            heard = time.monotonic()
            patience = START_PATIENCE if isinstance(report, Loading) else self._settings.encoder_timeout
            match report:
                case None:
                    raise _GoneError("ended")
                case Broken():
                    raise _BrokenError(report.message)
                case Progress() if report.id == item.id:
                    self._tell(item, "running", done=report.done, total=report.total)
                case Suggested() | Assessed() | Cancelled() | Failed() | Unusable() if report.id == item.id:
                    return report

    def _opened(self) -> BufferedChild[Report]:
        if self._child is not None:
            return self._child
        if self._command == WORKER and find_spec("torch") is None:
            raise _BrokenError(
                "This machine has no torch, so it makes no suggestions. Install limner instead of limner-server, or "
                "limner-server[encoder]."
            )
        try:
            child = BufferedChild("suggestions", self._command, self._settings.environment(), parse_report)
            self._child = child
        except OSError as error:
            raise _BrokenError(f"The suggesting process cannot be started: {error}.") from error
        deadline = time.monotonic() + START_PATIENCE
        while not self._loop.stopping.is_set() and time.monotonic() < deadline:
            try:
                report = child.next_report(POLL)
            except TimeoutError:
                continue
            match report:
                case None:
                    raise _GoneError(f"{child.end()} while it started")
                case Broken():
                    raise _BrokenError(report.message)
                case Ready():
                    return child
        raise _GoneError("did not start in time" if not self._loop.stopping.is_set() else "was stopped")

    def _end_child(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.end()

    def _tell(self, item: SuggestItem, state: str, done: int = 0, total: int = 0, error: str | None = None) -> None:
        if item.job_id is not None and state != "failed":
            return  # the job's own events say how it goes on
        event = SuggestionsEvent.model_validate(
            {"image_id": item.image.id, "state": state, "done": done, "total": total, "error": error}
        )
        self._publish([PublishedEvent(None, item.image.project_id, event)])


def _made(item: SuggestItem, answer: Suggested | Assessed) -> MadeEmbedding | None:
    stored = answer.stored
    return None if stored is None else MadeEmbedding(item.image.sha256, stored.seconds, stored.bytes)


def _example(mask: StoredMask) -> ExampleMask:
    height, width = mask.segmentation["size"]
    return ExampleMask(
        image_sha256=mask.image_sha256,
        size=(height, width),
        counts=mask.segmentation["counts"],
        category_id=mask.category_id,
    )
