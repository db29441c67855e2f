"""Processes that are to run: started, started again after a pause when they end, and ended together."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

import structlog

FIRST_BACKOFF, LAST_BACKOFF = 0.1, 30.0  # s, before a process that died is started again
STEADY = 10.0  # s, after which a process that runs counts as well

logger = structlog.get_logger(__name__)


class Supervised:
    """A process that is to run.

    Args:
        name: for the log.
        command: starts it.
        environment: of it, whole.
        files: descriptors that it inherits.
    """

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], files: Sequence[int]) -> None:
        self.name = name
        self._command, self._environment, self._files = command, environment, files
        self._process: subprocess.Popen[bytes] | None = None
        self._started = self._due = 0.0  # time.monotonic()
        self._backoff = FIRST_BACKOFF
        self.deaths = 0

    def look(self) -> int | None:
        """Start it when it is time to; the number of the process when one was found dead."""
        now = time.monotonic()
        if self._process is None:
            if now >= self._due:
                self._process = subprocess.Popen(  # noqa: S603  (the command is ours)
                    list(self._command), env=dict(self._environment), pass_fds=self._files, start_new_session=True
                )
                self._started = now
            return None
        status = self._process.poll()
        if status is None:
            return None
        dead, self._process = self._process.pid, None
        self._backoff = FIRST_BACKOFF if now - self._started > STEADY else min(2 * self._backoff, LAST_BACKOFF)
        self._due = now + self._backoff
        self.deaths += 1
        logger.error("process ended", name=self.name, pid=dead, status=status, again_in=self._backoff)
        return dead

    def ask_to_end(self) -> None:
        """SIGTERM."""
        if self._process is not None:
            self._process.terminate()

    def end_by(self, deadline: float) -> None:
        """Wait until it is gone; kill it at ``deadline`` (of time.monotonic())."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            logger.error("process killed, for it did not end", name=self.name, pid=self._process.pid)
            self._process.kill()
            self._process.wait()
        self._process = None


@contextmanager
def told_to_stop() -> Iterator[threading.Event]:
    """An event that SIGTERM or Ctrl+C sets, instead of ending this process."""
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    """The descriptors of a pipe, closed at the end: whoever reads from it notices that this process is gone."""
    ends = os.pipe()
    try:
        yield ends
    finally:
        for end in ends:
            os.close(end)
