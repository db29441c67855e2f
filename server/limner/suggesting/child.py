"""The suggesting process as its parent holds it: started when there is something to do, its reports in a queue."""

from __future__ import annotations

import queue
import subprocess
import threading
from collections.abc import Mapping, Sequence

import structlog
from pydantic import ValidationError

from limner.suggesting.protocol import Report, Request, parse_report

STOP_PATIENCE = 5.0  # s, from SIGTERM to SIGKILL

logger = structlog.get_logger(__name__)


class Child:
    """A running process.

    Args:
        command: starts it.
        environment: of the process, whole.

    Raises:
        OSError: when it cannot be started.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603  (the command is ours)
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(environment)
        )
        self._reports: queue.SimpleQueue[Report | None] = queue.SimpleQueue()  # None: there are no more
        self._reader = threading.Thread(target=self._read, name="suggest-reports", daemon=True)
        self._reader.start()

    def send(self, request: Request) -> None:
        """Hand over a request. When the process is dying this does nothing: reports will end."""
        assert self._process.stdin is not None, "started with a pipe"
        try:
            self._process.stdin.write(request.line())
            self._process.stdin.flush()
        except OSError as error:
            logger.warning("the suggesting process does not listen", error=str(error))

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

    def end(self) -> int:
        """End the process, gently if it lets us, and wait until it is gone; its exit status."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
        status = self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None, "started with pipes"
            try:
                pipe.close()
            except BrokenPipeError:
                logger.debug("a request was still unread when the suggesting process ended")
        return status

    def _read(self) -> None:
        assert self._process.stdout is not None, "started with a pipe"
        for line in self._process.stdout:
            try:
                self._reports.put(parse_report(line))
            except ValidationError:
                logger.warning("the suggesting process said something odd", line=line[:1000])
        self._reports.put(None)
