"""Requests at a fixed rate, whether or not the server keeps up: their times count from when they were due.

One event loop and plain sockets, so that the measuring costs little beside what is measured.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

CONNECTIONS = 400  # kept open: more people than that do not wait for an answer at once
PATIENCE = 30.0  # s, for one answer
SHED = 503


@dataclass(frozen=True)
class Request:
    """What is sent.

    Attributes:
        kind: by which times are told apart.
        data: the bytes, headers and body.
        done: told status and body of the answer.
    """

    kind: str
    data: bytes
    done: Callable[[int, bytes], None] = lambda status, body: None


@dataclass
class Measured:
    """What came of it.

    Attributes:
        milliseconds: of each answered request, by kind, from when it was due.
        shed: requests that were answered 503.
        failed: other answers that are no success, and requests without one.
        slowest: milliseconds of the slowest answer of any kind.
        late: answers other than 503 that took more than three seconds.
    """

    milliseconds: dict[str, list[float]] = field(default_factory=dict)
    shed: int = 0
    failed: int = 0
    slowest: float = 0.0
    late: int = 0

    @property
    def answered(self) -> int:
        """Requests that were served."""
        return sum(map(len, self.milliseconds.values()))

    @property
    def share_shed(self) -> float:
        """Of all."""
        return self.shed / max(1, self.answered + self.shed + self.failed)

    def __add__(self, other: Measured) -> Measured:
        """Both together."""
        both = {kind: [*each] for kind, each in self.milliseconds.items()}
        for kind, each in other.milliseconds.items():
            both.setdefault(kind, []).extend(each)
        return Measured(
            both,
            self.shed + other.shed,
            self.failed + other.failed,
            max(self.slowest, other.slowest),
            self.late + other.late,
        )

    def add(self, kind: str, status: int, milliseconds: float) -> None:
        """Note one."""
        self.slowest = max(self.slowest, milliseconds)
        if status == SHED:
            self.shed += 1
        elif 200 <= status < 300:
            self.milliseconds.setdefault(kind, []).append(milliseconds)
            self.late += milliseconds > 3000
        else:
            self.failed += 1


def run(port: int, rate: float, seconds: float, next_request: Callable[[], Request]) -> Measured:
    """Send ``rate`` requests a second to a port of this machine.

    Args:
        port: where.
        rate: requests a second, evenly spread.
        seconds: how long.
        next_request: makes each, when it is due.
    """
    return asyncio.run(_run(port, rate, seconds, next_request))


async def _run(port: int, rate: float, seconds: float, next_request: Callable[[], Request]) -> Measured:
    measured = Measured()
    connections: asyncio.Queue[_Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        connections.put_nowait(_Connection(port))
    tasks: set[asyncio.Task[None]] = set()
    started = time.perf_counter()

    async def send(due: float) -> None:
        connection = await connections.get()
        request = next_request()
        status, body = 0, b""
        try:
            status, body = await asyncio.wait_for(connection.exchange(request.data), PATIENCE)
        except (OSError, EOFError, ValueError, TimeoutError):
            connection.close()
        measured.add(request.kind, status, (time.perf_counter() - due) * 1000)
        request.done(status, body)
        connections.put_nowait(connection)

    for number in range(int(rate * seconds)):
        due = started + number / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(send(due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    while tasks:
        await asyncio.wait(tasks)
    while not connections.empty():
        connections.get_nowait().close()
    return measured


class _Connection:
    """One connection that is kept, and opened again when the server has closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def exchange(self, data: bytes) -> tuple[int, bytes]:
        """Send a request; status and body of its answer.

        Raises:
            OSError, EOFError, ValueError: there was none.
        """
        if self._streams is None or self._streams[0].at_eof():
            self.close()
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(data)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        lines = head.split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection") == "close":
            self.close()
        return int(lines[0].split(" ")[1]), body

    def close(self) -> None:
        """Close it; the next request opens another."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def http(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """A request as bytes; ``_`` in the names of headers stands for ``-``."""
    named = {"Host": "127.0.0.1", "Content-Length": str(len(body)), **headers}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name.replace('_', '-')}: {value}" for name, value in named.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
