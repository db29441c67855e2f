"""The suggesting process, started when there is something to do; what it reports waits until it is asked for."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping, Sequence

from limner.child_process import ChildProcess
from limner.suggesting.protocol import Report, Request, parse_report


class Child:
    """A running process.

    Args:
        command: starts it.
        environment: of the process, whole.

    Raises:
        OSError: when it cannot be started.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._process: ChildProcess[Report] = ChildProcess("suggestions", command, environment, parse_report)
        self._reports: queue.SimpleQueue[Report | None] = queue.SimpleQueue()  # None: there are no more
        self._reader = threading.Thread(target=self._read, name="suggest-reports", daemon=True)
        self._reader.start()

    def send(self, request: Request) -> None:
        """Hand over a request. When the process is dying this does nothing: reports will end."""
        self._process.send(request)

    def next_report(self, timeout: float) -> Report | None:
        """What it says next.

        Returns:
            None when the process has ended.

        Raises:
            TimeoutError: it said nothing for so many seconds.
        """
        try:
            return self._reports.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError from None

    def end(self) -> str:
        """End the process, gently if it lets us, and wait until it is gone; how it ended, to complete "It …"."""
        self._process.end()
        self._reader.join()
        self._process.close()
        return self._process.exit_cause

    def _read(self) -> None:
        for report in self._process.reports():
            self._reports.put(report)
        self._reports.put(None)
