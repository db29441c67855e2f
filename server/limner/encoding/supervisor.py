"""Keeping the encoder's process running: started, listened to, watched, and started again when it ends or hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import structlog

from limner.child_process import ChildProcess
from limner.encoding.protocol import Report, Request, parse_report
from limner.encoding.targets import RETRY_AFTER
from limner.errors import ModelError

FIRST_BACKOFF, LAST_BACKOFF = 0.5, 30.0  # s, before a process that ended is started again
WATCH_EVERY = 1.0  # s

logger = structlog.get_logger(__name__)


class Supervised(Protocol):
    """Whose process it is. Called with the lock held, but for :meth:`may_start`."""

    def may_start(self) -> bool:
        """Whether there is something to start a process with; if not, it has said why.

        Raises:
            ModelError: this machine cannot run one.
        """
        ...

    def starting(self) -> None:
        """A process is about to be started."""
        ...

    def failed(self, message: str) -> None:
        """None could be started."""
        ...

    def take(self, report: Report) -> None:
        """The process says something."""
        ...

    def patience(self) -> float | None:
        """Seconds that the process may be silent now; None: for ever."""
        ...

    def ended(self, cause: str | None) -> None:
        """The process is gone. ``cause`` completes "The encoder process …"; None when it was told to stop for good."""
        ...

    def is_failed(self) -> bool:
        """Whether it is no use to start again at once."""
        ...

    def done(self) -> int:
        """How much was done so far: a process that has done something is started again without a long pause."""
        ...


class Supervisor:
    """One process at a time, in two threads: one listens to it, one sees to it that it answers.

    Args:
        of: told of everything that happens.
        command: starts the process.
        environment: gives the whole environment of the process.
        lock: guards what the process was given and has answered; its owner's, held during its calls.
    """

    def __init__(
        self,
        of: Supervised,
        command: Sequence[str],
        environment: Callable[[], Mapping[str, str]],
        lock: threading.RLock,
    ) -> None:
        self._of = of
        self._command = command
        self._environment = environment
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._lock = lock  # guards the two below
        self._child: ChildProcess[Report] | None = None
        self._heard = 0.0  # time.monotonic() of the child's last word, or of the last request to it

    def start(self) -> None:
        """Start the process; returns at once."""
        for name, run in (("encoder-supervisor", self._supervise), ("encoder-watchdog", self._watch)):
            self._threads.append(threading.Thread(target=run, name=name, daemon=True))
            self._threads[-1].start()

    def stop(self) -> None:
        """End the process for good and wait until it is gone. Not to be called with the lock held."""
        self._stopping.set()
        with self._lock:
            child = self._child
        if child is not None:
            child.end()
        for thread in self._threads:
            thread.join()

    def send(self, request: Request) -> None:
        """Hand a request to the process, if there is one. With the lock held."""
        if self._child is not None:
            self._heard = time.monotonic()
            self._child.send(request)

    def restart(self) -> None:
        """End the process; another one is started. With the lock held."""
        if self._child is not None:
            self._child.end()

    def _supervise(self) -> None:
        backoff = FIRST_BACKOFF
        while not self._stopping.is_set():
            done_before = self._of.done()
            try:
                if self._of.may_start():
                    self._run_child()
            except (OSError, ModelError) as error:
                with self._lock:
                    self._of.failed(str(error))
            backoff = FIRST_BACKOFF if self._of.done() > done_before else min(2 * backoff, LAST_BACKOFF)
            self._stopping.wait(RETRY_AFTER if self._of.is_failed() else backoff)

    def _run_child(self) -> None:
        """Start a process and listen to it until it ends."""
        with self._lock:
            if self._stopping.is_set():
                return
            self._of.starting()
            child = self._child = ChildProcess("encoder", self._command, self._environment(), parse_report)
            self._heard = time.monotonic()
        with child:
            try:
                for report in child.reports():
                    with self._lock:
                        self._heard = time.monotonic()
                        self._of.take(report)
            finally:
                child.end()
                with self._lock:
                    self._child = None
                    self._of.ended(None if self._stopping.is_set() else child.exit_cause)

    def _watch(self) -> None:
        """Kill a process that hangs; the other thread does the rest."""
        while not self._stopping.wait(WATCH_EVERY):
            with self._lock:
                patience = self._of.patience()
                if self._child is not None and patience is not None and time.monotonic() - self._heard > patience:
                    logger.error("the encoder process hangs", seconds=patience)
                    self._child.kill(f"did not answer for {patience:.0f} s")
