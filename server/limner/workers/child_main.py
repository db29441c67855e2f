"""How a child process of the server runs: at low priority, requests on stdin, reports on stdout, until stdin ends."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from typing import IO

from limner.config import Settings
from limner.errors import LimnerError
from limner.vocabulary.messages import Broken, Message

NICENESS = 10

Say = Callable[[Message], None]
Serve = Callable[[Iterable[bytes]], None]  # works through lines that are requests


def run_child(start: Callable[[Settings, Say], Serve], niceness: int = NICENESS) -> int:
    """Serve stdin until it ends.

    Args:
        start: loads what is needed, with what takes reports to the server, and returns what serves requests.
        niceness: how much the process gives way.

    Returns:
        The exit status: 1 when it could not be started, which the server has been told.
    """
    reports = _take_stdout()

    saying = threading.Lock()  # reports come from several threads

    def say(report: Message) -> None:
        with saying:
            reports.write(report.line())
            reports.flush()

    if hasattr(os, "nice"):
        os.nice(niceness)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the server, which ends this process
    try:
        serve = start(Settings(), say)
    except LimnerError as error:
        say(Broken(message=str(error)))
        return 1
    serve(sys.stdin.buffer)
    return 0


def _take_stdout() -> IO[bytes]:
    """Keep stdout for reports: what libraries print goes to stderr from now on."""
    reports = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return reports
