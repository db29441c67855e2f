"""What stands between a server and those who use it: connections pass, are refused, or answers come late."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

PIECE = 1 << 16  # bytes
HOST = "127.0.0.1"


class Door:
    """A port that leads to another one of this machine, in a thread of its own.

    Attributes:
        port: where to knock.
        late: seconds by which each piece of an answer comes late.
    """

    def __init__(self, to: int) -> None:
        self._to = to
        self.port = 0
        self.late = 0.0
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="door", daemon=True)
        self._thread.start()
        self.open()

    def open(self) -> None:
        """Let connections pass."""
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()

    def shut(self) -> None:
        """Reset all connections, and refuse new ones: so looks a server whose process was killed."""
        asyncio.run_coroutine_threadsafe(self._refuse(), self._loop).result()

    def remove(self) -> None:
        """Shut it for good."""
        self.shut()
        asyncio.run_coroutine_threadsafe(self._finish(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._pass, HOST, self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
        self._server = None
        for writer in list(self._open):
            writer.transport.abort()

    async def _finish(self) -> None:
        """Have all that pass connections on come to their end."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            theirs, ours = await asyncio.open_connection(HOST, self._to)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, ours}
        try:
            await asyncio.gather(self._pump(reader, ours, answers=False), self._pump(theirs, writer, answers=True))
        finally:
            self._open -= {writer, ours}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        with suppress(OSError):
            while data := await reader.read(PIECE):
                if answers and self.late:
                    await asyncio.sleep(self.late)
                writer.write(data)
                await writer.drain()
        writer.close()
