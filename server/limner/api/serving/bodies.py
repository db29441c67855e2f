"""Request bodies: taken in before a thread is needed, in memory when small, else in a file without a name."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO, Any

from limner.api.serving.limits import MIB, Limits
from limner.errors import LimnerError

Receive = Callable[[], Awaitable[Any]]
WRITE_BYTES = 1 * MIB  # at a time, to the disk


class ClientGone(Exception):
    """The client hung up before the request was complete."""


class BodyTooSlow(LimnerError):
    """The body did not come in time."""

    code = "request_timeout"
    status = 408


class BodyTooLarge(LimnerError):
    """The body is larger than the endpoint takes."""

    code = "too_large"
    status = 413


class Body:
    """The body of one request as it arrives.

    Args:
        receive: gives the next piece.
        limits: deadlines.
        most: bytes that the endpoint takes.
        announced: bytes by the Content-Length header; None when there is none.
        folder: where large bodies lie while they arrive.
    """

    def __init__(self, receive: Receive, limits: Limits, most: int, announced: int | None, folder: Path) -> None:
        self._receive = receive
        self._limits = limits
        self._most = most
        self._announced = announced
        self._folder = folder
        self.complete = False

    async def read(self, authorize: Callable[[], Awaitable[None]]) -> IO[bytes]:
        """All of it, to be read from the beginning.

        Args:
            authorize: called once before more is kept than anybody may send; raises to refuse.

        Raises:
            BodyTooLarge, BodyTooSlow, ClientGone: as they say.
            OSError: the disk is full.
        """
        if self._announced is not None and self._announced > self._most:
            raise self._too_large()
        small = self._limits.body_memory
        if self._announced is not None and self._announced > small:
            await authorize()
        file: IO[bytes] = tempfile.SpooledTemporaryFile(small, dir=str(self._folder))  # noqa: SIM115  (the caller closes it)
        try:
            await self._fill(file, authorize)
        except BaseException:
            file.close()
            raise
        file.seek(0)
        return file

    async def discard(self, seconds: float) -> None:
        """Read what still comes, for a moment: a client that is cut off while it sends may never see the answer."""
        try:
            async with asyncio.timeout(seconds):
                while not self.complete:
                    message = await self._receive()
                    self.complete = message["type"] != "http.request" or not message.get("more_body", False)
        except TimeoutError:
            return

    async def _fill(self, file: IO[bytes], authorize: Callable[[], Awaitable[None]]) -> None:
        started, size, waiting = time.monotonic(), 0, bytearray()
        authorized = self._announced is not None and self._announced > self._limits.body_memory
        while not self.complete:
            piece = await self._piece(started, size)
            size += len(piece)
            if size > self._most:
                raise self._too_large()
            waiting += piece
            if size > self._limits.body_memory and not authorized:
                await authorize()
                authorized = True
            if len(waiting) >= WRITE_BYTES:
                await asyncio.to_thread(file.write, bytes(waiting))
                waiting.clear()
        if size <= self._limits.body_memory:
            file.write(waiting)
        else:
            await asyncio.to_thread(file.write, bytes(waiting))

    async def _piece(self, started: float, size: int) -> bytes:
        limits = self._limits
        allowed = limits.body_grace_seconds + size / limits.body_bytes_per_second
        left = min(limits.body_stall_seconds, started + allowed - time.monotonic())
        try:
            async with asyncio.timeout(max(0.0, left)):
                message = await self._receive()
        except TimeoutError:
            raise BodyTooSlow(
                "The body of the request did not come in time.", hint="Send it again over a better connection."
            ) from None
        if message["type"] == "http.disconnect":
            raise ClientGone
        self.complete = not message.get("more_body", False)
        piece: bytes = message.get("body", b"")
        return piece

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(
            "The request is larger than the server accepts.",
            hint=f"At most {self._most / MIB:g} MiB are taken here: send less at a time.",
        )
