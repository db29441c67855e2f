"""The thread between the encoder and the rest: results are written down, told, and more bulk work is claimed.

It acts when it is woken, and once in a while anyway: nothing depends on a single call getting through. When the
database is away it tries again, with growing pauses, and keeps what it has to say.

Several encoders may share the queue. What somebody looks at is claimed by one that could begin with it. Who has a batch
in hand claims one such target at a time where it can be encoded beside the batch, by the batch's model. All others it
leaves to those who can begin with them until the batch is done, and then asks for them before the next batch begins.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import structlog

from limner.encoding.ports import BulkQueue, Claimed, Subscriber
from limner.encoding.states import EncodeEvent, EncodingStatus, Target

LOOKS_EVERY = 5.0  # s, after which it asks for what others look at without having been told of it
URGENT_AT_ONCE = 4  # targets claimed beyond what the encoder can take in, because somebody waits for them
TICK = 2.0  # s, after which it looks for work without being woken
HEARTBEAT = 15.0  # s, a quarter of a lease
FIRST_PAUSE, LAST_PAUSE = 0.5, 15.0  # s, after something raised

logger = structlog.get_logger(__name__)


class Served(Protocol):
    """The side of the service that the dispatcher serves."""

    def wanted(self) -> int:
        """How many more targets of bulk work it could hold; 0 while it does not run."""
        ...

    def is_busy(self) -> bool:
        """Whether no batch can begin now. If one can, none does before :meth:`go_on`, or before something is held."""
        ...

    def model_beside(self) -> str | None:
        """By which model something that somebody looks at could begin now, beside the batch in hand; None: by none."""
        ...

    def expect_looks(self) -> None:
        """Have what others look at be claimed before more of what is held begins."""
        ...

    def go_on(self) -> None:
        """What others look at was claimed: begin with what comes next, if nothing is in hand."""
        ...

    def unusable(self) -> Mapping[str, str]:
        """Models that cannot be used, by the hash of their weights, and why."""
        ...

    def hold(self, claimed: Sequence[Claimed]) -> None:
        """Take these in."""
        ...

    def keep_only(self, held: frozenset[Target]) -> None:
        """Forget what waits of bulk work but is no longer held."""
        ...

    def status(self) -> EncodingStatus:
        """How it stands."""
        ...


class Dispatcher:
    """Runs in a thread of its own.

    Args:
        encoder: whose news and work these are.
        bulk: where work is claimed and results are written down.
        subscribers: told afterwards.
    """

    def __init__(self, encoder: Served, bulk: BulkQueue, subscribers: Sequence[Subscriber]) -> None:
        self._encoder = encoder
        self._bulk = bulk
        self._subscribers = subscribers
        self._lock = threading.Lock()  # guards the two below
        self._events: list[EncodeEvent] = []
        self._status_changed = False
        self._unsettled: list[EncodeEvent] = []  # taken from _events, not written down yet
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._heartbeat_due = 0.0
        self._looks_due = 0.0
        self._holding = False  # whether there may be something to release

    def start(self) -> None:
        """Start; what was posted before is delivered first."""
        self._thread = threading.Thread(target=self._run, name="encoder-dispatch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write down and tell what was posted so far, give back what is held, then end."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def post(self, event: EncodeEvent) -> None:
        """Something became of a target. :meth:`wake` has it delivered at once, otherwise it takes a moment."""
        with self._lock:
            self._events.append(event)

    def post_status(self) -> None:
        """The encoder is in another state."""
        with self._lock:
            self._status_changed = True
        self._wake.set()

    def wake(self, *, look_again: bool = False) -> None:
        """Act soon. ``look_again``: what is held may have changed, jobs may have been started, paused or cancelled."""
        if look_again:
            self._heartbeat_due = 0.0
        self._wake.set()

    def _run(self) -> None:
        pause = FIRST_PAUSE
        entered = False
        while not self._stopping.is_set():
            self._wake.wait(TICK)
            self._wake.clear()
            try:
                if not entered:
                    self._bulk.enter()
                    entered = True
                self._exchange()
                pause = FIRST_PAUSE
            except Exception:
                logger.exception("the encoder's results could not be written down, or no work be claimed", retry=pause)
                if not self._encoder.is_busy():
                    self._encoder.go_on()  # with what is held already
                self._stopping.wait(pause)
                pause = min(2 * pause, LAST_PAUSE)
                self._wake.set()
        for last in (self._deliver, self._release, self._bulk.leave):
            try:
                last()
            except Exception:
                logger.exception("the encoder stopped without writing everything down; it is found at the next start")

    def _exchange(self) -> None:
        self._deliver()
        status = self._encoder.status()
        process = status.encoder
        if time.monotonic() >= self._heartbeat_due:
            self._bulk.report(status)
            if process.state != "starting":
                self._bulk.follow(process.message if process.state == "failed" else None, self._encoder.unusable())
            if self._holding:
                self._encoder.keep_only(frozenset(self._bulk.heartbeat()))
            self._heartbeat_due = time.monotonic() + HEARTBEAT
        if process.state == "failed":
            self._release()
        elif process.state == "ready":
            self._holding = True  # before, not after: a claim may be committed although its answer was lost
            self._claim()
            self._encoder.go_on()

    def _claim(self) -> None:
        if (model := self._encoder.model_beside()) is not None:
            self._take_in(self._bulk.claim(1, looks_of=model))
        count, busy = self._encoder.wanted(), self._encoder.is_busy()
        if count or not busy:
            self._take_in(self._bulk.claim(count or URGENT_AT_ONCE, urgent=not count, leave_looks=busy))
        if not busy:
            self._looks_due = time.monotonic() + LOOKS_EVERY
        elif time.monotonic() >= self._looks_due:
            self._encoder.expect_looks()

    def _take_in(self, claimed: Sequence[Claimed]) -> None:
        if claimed:
            self._encoder.hold(claimed)

    def _deliver(self) -> None:
        with self._lock:
            events, self._events = self._events, []
            status_changed, self._status_changed = self._status_changed, False
        self._unsettled += [event for event in events if event.state in ("ready", "failed")]
        if status_changed:
            self._heartbeat_due = 0.0
            status = self._encoder.status()
            self._tell(lambda subscriber: subscriber.on_status(status))
        passing = [event for event in events if event.state not in ("ready", "failed")]
        if passing:
            self._tell(lambda subscriber: subscriber.on_targets(passing))
        if self._unsettled:
            self._bulk.settle(self._unsettled)
            settled, self._unsettled = self._unsettled, []
            self._tell(lambda subscriber: subscriber.on_targets(settled))

    def _tell(self, call: Callable[[Subscriber], None]) -> None:
        for subscriber in self._subscribers:
            try:
                call(subscriber)
            except Exception:
                logger.exception("a subscriber of the encoder failed")

    def _release(self) -> None:
        if self._holding:
            self._encoder.keep_only(frozenset())
            self._bulk.release()
            self._holding = False
