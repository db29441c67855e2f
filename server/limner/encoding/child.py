"""The encoder's process as its parent holds it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import IO

import structlog
from pydantic import ValidationError

from limner.encoding.protocol import Report, Request, parse_report

STOP_PATIENCE = 5.0  # s, from SIGTERM to SIGKILL

logger = structlog.get_logger(__name__)


class Child:
    """A running process that takes requests and makes reports. As a context manager it is gone at the end.

    Args:
        command: starts the process.
        environment: of the process, whole.

    Raises:
        OSError: when it cannot be started.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(  # noqa: S603  (the command is ours)
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(environment)
        )
        self._killed_because: str | None = None

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                _close(pipe)

    def send(self, request: Request) -> None:
        """Hand over a request. When the process is dying this does nothing: :meth:`reports` will end."""
        assert self._process.stdin is not None, "started with a pipe"
        try:
            self._process.stdin.write(request.line())
            self._process.stdin.flush()
        except OSError as error:
            logger.warning("the encoder process does not listen", error=str(error))

    def reports(self) -> Iterator[Report]:
        """What the process says, until it ends."""
        assert self._process.stdout is not None, "started with a pipe"
        for line in self._process.stdout:
            try:
                yield parse_report(line)
            except ValidationError:
                logger.warning("the encoder process said something odd", line=line)
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
        """End the process at once; ``cause`` completes "The encoder process …"."""
        self._killed_because = cause
        self._process.kill()

    @property
    def exit_cause(self) -> str:
        """How the process ended, to complete "The encoder process …"."""
        status = self._process.wait()
        if self._killed_because is not None:
            return self._killed_because
        if status >= 0:
            return f"ended with status {status}"
        return f"was killed by signal {-status}" + (", perhaps for lack of memory" if status == -9 else "")


def _close(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        logger.debug("a request was still unread when the encoder process ended")
