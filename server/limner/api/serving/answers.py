"""From an answer that a thread makes to a socket that takes it at its own pace: no thread waits for a reader.

A small answer is kept in memory. A larger one goes to a file without a name as fast as it is made, from where the
event loop sends it; a file that lies there already is sent from where it lies (the header ``X-Sendfile`` names it).
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from limner.api.serving.limits import Limits
from limner.api.serving.protocol import GuardedProtocol

Send = Callable[[Any], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/\d+")
HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer"})
SENDFILE = "x-sendfile"


class ReaderTooSlow(Exception):
    """The client did not take a piece of the answer in time."""


class FileCannotBeOpened(Exception):
    """The file that is the answer cannot be opened; nothing was sent.

    Attributes:
        reason: what the system says.
    """

    def __init__(self, reason: OSError) -> None:
        super().__init__(str(reason))
        self.reason = reason


@dataclass(frozen=True)
class Head:
    """Status and headers of an answer."""

    status: int
    headers: Headers
    sendfile: str | None = None

    @classmethod
    def of(cls, status: str, headers: list[tuple[str, str]]) -> Head:
        """What a WSGI application says, without what is a matter of connections."""
        sendfile, kept = None, []
        for name, value in headers:
            lower = name.lower()
            if lower == SENDFILE:
                sendfile = value
            elif lower not in HOP_BY_HOP:
                kept.append((lower.encode("latin-1"), value.encode("latin-1")))
        return cls(int(status.split(" ", 1)[0]), kept, sendfile)

    def without(self, name: bytes) -> Headers:
        """The headers but this one."""
        return [(known, value) for known, value in self.headers if known != name]

    def header(self, name: bytes) -> str:
        """A header's value, empty when it is not there."""
        return next((value.decode("latin-1") for known, value in self.headers if known == name), "")


class Spool:
    """Bytes that one thread appends while the event loop sends them. Closed by the sender.

    Attributes:
        abandoned: set by the sender when nobody reads any more, so that the thread can stop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, folder: Path, on_close: Callable[[], None]) -> None:
        self._on_close = on_close
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  (the sender closes it)
        self._loop = loop
        self._lock = threading.Lock()
        self._grown = asyncio.Event()
        self._size = 0
        self._done = False
        self._failed = False
        self.abandoned = threading.Event()

    def append(self, data: bytes) -> None:
        """Add bytes; called in the thread."""
        with self._lock:
            self._file.seek(0, os.SEEK_END)
            self._file.write(data)
            self._file.flush()
            self._size += len(data)
        self._loop.call_soon_threadsafe(self._grown.set)

    def end(self, *, failed: bool) -> None:
        """Nothing more comes; called in the thread."""
        self._done, self._failed = True, failed
        self._loop.call_soon_threadsafe(self._grown.set)

    async def pieces(self, size: int) -> AsyncGenerator[bytes, None]:
        """The bytes in pieces of at most ``size``, as they come.

        Raises:
            BrokenPipeError: what makes them has failed.
        """
        offset = 0
        while True:
            self._grown.clear()
            done, end = self._done, self._size
            while offset < end:
                piece = await asyncio.to_thread(self._read, offset, min(size, end - offset))
                offset += len(piece)
                yield piece
            if done and offset == self._size:
                if self._failed:
                    raise BrokenPipeError("the answer was cut off")
                return
            await self._grown.wait()

    def close(self) -> None:
        """Let go of the disk."""
        self.abandoned.set()
        with self._lock:
            if not self._file.closed:
                self._file.close()
                self._on_close()

    def _read(self, offset: int, size: int) -> bytes:
        with self._lock:
            self._file.seek(offset)
            return self._file.read(size)


@dataclass
class Answer:
    """What a thread hands over: a head and one kind of body."""

    head: Head
    body: bytes | Spool | Path | AsyncGenerator[bytes, None]


async def send_answer(answer: Answer, send: Send, connection: GuardedProtocol, limits: Limits) -> None:
    """Send an answer whole.

    Raises:
        FileCannotBeOpened: of an answer that is a file; nothing was sent.
        ReaderTooSlow: the client does not take it.
        BrokenPipeError: it could not be made to its end; the client sees it cut off.
    """
    head, body = answer.head, answer.body
    try:
        if isinstance(body, Path):
            await _send_file(head, body, send, connection, limits)
            return
        if isinstance(body, bytes):
            headers = head.headers
            if not head.header(b"content-length") and head.status >= 200 and head.status not in (204, 304):
                headers = [*headers, (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": head.status, "headers": headers})
            await _send_piece(body, send, limits, last=True)
            return
        # The application gives a stream no length; it does so with the empty body that stands for one.
        headers = head.headers if isinstance(body, Spool) else head.without(b"content-length")
        await send({"type": "http.response.start", "status": head.status, "headers": headers})
        async with aclosing(body.pieces(limits.piece_bytes) if isinstance(body, Spool) else body) as pieces:
            async for piece in pieces:
                if connection.gone:
                    return
                await _send_piece(piece, send, limits)
        await _send_piece(b"", send, limits, last=True)
    finally:
        if isinstance(body, Spool):
            body.close()


async def _send_file(head: Head, path: Path, send: Send, connection: GuardedProtocol, limits: Limits) -> None:
    begin, end = 0, None
    if match := CONTENT_RANGE.fullmatch(head.header(b"content-range")):
        begin, end = int(match[1]), int(match[2]) + 1
    try:
        file = await asyncio.to_thread(path.open, "rb")
    except OSError as error:
        raise FileCannotBeOpened(error) from error
    try:
        left = (os.fstat(file.fileno()).st_size if end is None else end) - begin
        headers = [*head.without(b"content-length"), (b"content-length", str(left).encode())]
        await send({"type": "http.response.start", "status": head.status, "headers": headers})
        file.seek(begin)
        while left > 0 and not connection.gone:
            piece = await asyncio.to_thread(file.read, min(limits.piece_bytes, left))
            if not piece:
                raise BrokenPipeError(f"{path} ended early")
            left -= len(piece)
            await _send_piece(piece, send, limits)
        await _send_piece(b"", send, limits, last=True)
    finally:
        file.close()


async def _send_piece(piece: bytes, send: Send, limits: Limits, *, last: bool = False) -> None:
    try:
        async with asyncio.timeout(limits.write_seconds):
            await send({"type": "http.response.body", "body": piece, "more_body": not last})
    except TimeoutError:
        raise ReaderTooSlow from None


def collect(
    chunks: Iterable[bytes], small: int, spool: Callable[[], Spool], started: Callable[[bytes | Spool], None]
) -> None:
    """Exhaust a WSGI answer in the current thread, whatever the client's pace.

    Args:
        chunks: the answer's body; closed at the end.
        small: bytes kept in memory.
        spool: makes the file for more.
        started: told once, what there is to send.
    """
    file: Spool | None = None
    head = bytearray()
    complete = False
    try:
        for chunk in chunks:
            if file is not None:
                if file.abandoned.is_set():
                    break
                file.append(chunk)
                continue
            head += chunk
            if len(head) > small:
                file = spool()
                file.append(bytes(head))
                started(file)
        complete = True
        if file is None:
            started(bytes(head))
    except ValueError:
        if file is None or not file.abandoned.is_set():  # else: closed under our hands, nobody reads
            raise
    finally:
        if file is not None:
            file.end(failed=not complete)
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
