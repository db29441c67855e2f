"""A child process of the server as its parent holds it: requests go in by its stdin, reports come out of its stdout."""

from __future__ import annotations

import queue
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Generic, TypeVar

import structlog
from pydantic import ValidationError

from limner.vocabulary.messages import Message

Report = TypeVar("Report", bound=Message)

STOP_PATIENCE = 5.0  # s, from SIGTERM to SIGKILL

logger = structlog.get_logger(__name__)


class ChildProcess(Generic[Report]):
    """A running process that takes requests and makes reports. As a context manager it is gone at the end.

    Args:
        name: for the log: "encoder".
        command: starts the process.
        environment: of the process, whole.
        parse: a line that it said -> the report; pydantic's ValidationError for other lines, which are logged.

    Raises:
        OSError: when it cannot be started.
    """

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], parse: Callable[[bytes], Report]
    ) -> None:
        self._process = subprocess.Popen(  # noqa: S603  (the command is ours)
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(environment)
        )
        self._parse = parse
        self._killed_because: str | None = None
        self._log = logger.bind(child=name)

    def __enter__(self) -> ChildProcess[Report]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        self.close()

    def close(self) -> None:
        """Close the pipes of a process that has ended."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None, "started with pipes"
            try:
                pipe.close()
            except BrokenPipeError:
                self._log.debug("a request was still unread when a child process ended")

    def send(self, request: Message) -> None:
        """Hand over a request. When the process is dying this does nothing: :meth:`reports` will end."""
        assert self._process.stdin is not None, "started with a pipe"
        try:
            self._process.stdin.write(request.line())
            self._process.stdin.flush()
        except OSError as error:
            self._log.warning("a child process does not listen", error=str(error))

    def reports(self) -> Iterator[Report]:
        """What the process says, until it ends."""
        assert self._process.stdout is not None, "started with a pipe"
        for line in self._process.stdout:
            try:
                yield self._parse(line)
            except ValidationError:
                self._log.warning("a child process said something odd", line=line[:1000])
        self._process.wait()

    def end(self) -> None:
        """End the process, gently if it lets us, and wait until it is gone."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def kill(self, cause: str) -> None:
        """End the process at once; ``cause`` completes "The process …"."""
        self._killed_because = cause
        self._process.kill()

    @property
    def exit_cause(self) -> str:
        """How the process ended, to complete "The process …"."""
        status = self._process.wait()
        if self._killed_because is not None:
            return self._killed_because
        if status >= 0:
            return f"ended with status {status}"
        return f"was killed by signal {-status}" + (", perhaps for lack of memory" if status == -9 else "")


class BufferedChild(Generic[Report]):
    """A child process whose reports wait until they are asked for, so that who asks can do other things meanwhile.

    Args:
        name: for the log and its thread.
        command: starts the process.
        environment: of the process, whole.
        parse: as :class:`ChildProcess` takes it.

    Raises:
        OSError: when it cannot be started.
    """

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], parse: Callable[[bytes], Report]
    ) -> None:
        self._process = ChildProcess(name, command, environment, parse)
        self._reports: queue.SimpleQueue[Report | None] = queue.SimpleQueue()  # None: there are no more
        self._reader = threading.Thread(target=self._read, name=f"{name}-reports", daemon=True)
        self._reader.start()

    def send(self, request: Message) -> None:
        """Hand over a request. When the process is dying this does nothing: reports will end."""
        self._process.send(request)

    def next_report(self, timeout: float) -> Report | None:
        """What it says next, waited for so many seconds.

        Returns:
            None when the process has ended.

        Raises:
            TimeoutError: it said nothing for so long.
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
