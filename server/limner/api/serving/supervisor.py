"""Several web processes on one socket, and the encoder that they share: started, watched, started again, ended.

The processes know of their supervisor by a pipe that ends with it, so that none of them outlives it.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from prometheus_client.multiprocess import mark_process_dead

from limner.api.metrics import SHARED_FOLDER
from limner.config import Settings
from limner.errors import Unavailable
from limner.jobs.encoding import new_holder
from limner.service.supervised import Supervised, pipe, told_to_stop

LOOK_EVERY = 0.1  # s
MAX_FALSE_STARTS = 5  # of web processes, before the first of them has listened
END_PATIENCE = 45.0  # s, from SIGTERM to SIGKILL: requests in flight have thirty

logger = structlog.get_logger(__name__)


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
    with told_to_stop() as stopping, pipe() as (alive, _hold), pipe() as (heard, says), _shared_figures() as folder:
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
