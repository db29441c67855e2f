"""A child process of the server as its parent holds it: requests go in by its stdin, reports come out of its stdout."""

from __future__ import annotations

import subprocess
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
