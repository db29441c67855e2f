"""Several web processes on one socket, and the encoder that they share: started, watched, started again, ended.

The processes know of their supervisor by a pipe that ends with it, so that none of them outlives it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

import structlog
from prometheus_client.multiprocess import mark_process_dead

from limner.api.metrics import SHARED_FOLDER
from limner.config import Settings
from limner.errors import Unavailable
from limner.jobs.encoding import new_holder

LOOK_EVERY = 0.1  # s
FIRST_BACKOFF, LAST_BACKOFF = 0.1, 30.0  # s, before a process that died is started again
STEADY = 10.0  # s, after which a process that runs counts as well
MAX_FALSE_STARTS = 5  # of web processes, before the first of them has listened
END_PATIENCE = 45.0  # s, from SIGTERM to SIGKILL: requests in flight have thirty

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


def supervise(settings: Settings, listener: socket.socket, on_listening: Callable[[], None]) -> None:
    """Run ``settings.workers`` web processes and an encoder until SIGTERM or Ctrl+C; all are gone when this returns.

    Args:
        settings: where and what.
        listener: bound; all web processes accept connections from it.
        on_listening: called once, when all web processes listen.

    Raises:
        Unavailable: the web processes end as soon as they are started.
    """
    listener.listen(socket.SOMAXCONN)
    with _told_to_stop() as stopping, _pipe() as (alive, _hold), _pipe() as (heard, says), _shared_figures() as folder:
        os.set_blocking(heard, False)
        environment = {**settings.environment(), SHARED_FOLDER: folder}
        web_command = [sys.executable, "-m", "limner.api.serving.web_process"]
        web_command += [str(listener.fileno()), str(alive), str(says)]
        files = (listener.fileno(), alive, says)
        web = [Supervised(f"web {n + 1}", web_command, environment, files) for n in range(settings.workers)]
        worker_command = [
            sys.executable,
            "-m",
            "limner",
            "worker",
            "--name",
            new_holder(),
            "--until-closed",
            str(alive),
        ]
        worker = Supervised("worker", worker_command, settings.environment(), (alive,))
        listening = 0
        try:
            while not stopping.wait(LOOK_EVERY):
                for each in (*web, worker):
                    dead = each.look()
                    if dead is not None and each is not worker:
                        mark_process_dead(dead, folder)  # type: ignore[no-untyped-call]
                before, listening = listening, listening + _count_of(heard)
                if before < settings.workers <= listening:
                    on_listening()
                if not listening and sum(each.deaths for each in web) >= MAX_FALSE_STARTS:
                    raise Unavailable("The web processes end as soon as they start.", hint="Their errors are above.")
        finally:
            for each in web:
                each.ask_to_end()
            for each in web:
                each.end_by(time.monotonic() + END_PATIENCE)
            worker.ask_to_end()
            worker.end_by(time.monotonic() + END_PATIENCE)


@contextmanager
def _told_to_stop() -> Iterator[threading.Event]:
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
def _pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    try:
        yield ends
    finally:
        for end in ends:
            os.close(end)


@contextmanager
def _shared_figures() -> Iterator[str]:
    """A folder in which the web processes count together."""
    with tempfile.TemporaryDirectory(prefix="limner-figures-", ignore_cleanup_errors=True) as folder:
        yield folder


def _count_of(pipe: int) -> int:
    """How many web processes said that they listen since the last time."""
    try:
        return len(os.read(pipe, 1024))
    except BlockingIOError:
        return 0
