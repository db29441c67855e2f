"""uvicorn's HTTP protocol with deadlines and limits for clients that nobody knows yet."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from limner.api.serving.limits import Limits

CONNECTION = "limner.connection"  # key in the scope
REFUSAL = (
    b"HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nRetry-After: 5\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%s"
)


class Connections:
    """All connections of a process, and those among them that have not sent a whole request yet, oldest first."""

    def __init__(self, limits: Limits, *, behind_proxy: bool) -> None:
        self.limits = limits
        self.refused = 0
        self._behind_proxy = behind_proxy
        self._by_address: Counter[str] = Counter()
        self._silent: dict[GuardedProtocol, None] = {}

    @property
    def open(self) -> int:
        """How many there are."""
        return self._by_address.total()

    def add(self, connection: GuardedProtocol) -> bool:
        """Count a new connection; False when there are too many."""
        address = connection.address
        self._by_address[address] += 1
        too_many = self.open > self.limits.connections or (
            not self._behind_proxy and self._by_address[address] > self.limits.connections_per_address
        )
        if too_many:
            self.refused += 1
            return False
        self._silent[connection] = None
        if len(self._silent) > self.limits.silent_connections:
            oldest = next(iter(self._silent))
            self.spoke(oldest)  # its end is told after this turn of the loop, in which more may come
            self.refused += 1
            oldest.transport.abort()
        return True

    def spoke(self, connection: GuardedProtocol) -> None:
        """A connection has sent the headers of a request."""
        self._silent.pop(connection, None)

    def remove(self, connection: GuardedProtocol) -> None:
        """A connection is gone."""
        self.spoke(connection)
        self._by_address[connection.address] -= 1
        if self._by_address[connection.address] <= 0:
            del self._by_address[connection.address]


class GuardedProtocol(HttpToolsProtocol):
    """One connection. Whoever takes too long with the headers of a request, or sends too many, is cut off."""

    guard: Connections  # given by `protocol_class`

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Count the connection and start the clock."""
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""
        self._header_timer: asyncio.TimerHandle | None = None
        self._header_bytes = 0
        self._in_headers = True
        if self.guard.add(self):
            self._start_header_clock()
        else:
            self._refuse(503, b"Service Unavailable", b"There are too many connections. Try again in a few seconds.")

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_header_clock()
        self.guard.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of a request."""
        if self.transport.is_closing() or self.parser is None:
            return
        if self._in_headers and self._header_timer is None:
            self._start_header_clock()
        super().data_received(data)
        if self._in_headers:
            self._header_bytes += len(data)
            if self._header_bytes > self.guard.limits.header_bytes:
                self._refuse(431, b"Request Header Fields Too Large", b"The headers of the request are too large.")

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        cast(dict[str, Any], self.scope)[CONNECTION] = self
        self._in_headers, self._header_bytes = True, 0

    def on_headers_complete(self) -> None:
        """A request can be answered."""
        self._in_headers = False
        self._stop_header_clock()
        self.guard.spoke(self)
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """An answer was handed over to the socket, which a client that reads nothing must not keep for ever."""
        super().on_response_complete()
        if self.transport.is_closing():
            self.loop.call_later(self.guard.limits.write_seconds, self.transport.abort)

    def timeout_keep_alive_handler(self) -> None:
        """No further request came."""
        self.transport.abort() if self.transport.get_write_buffer_size() else self.transport.close()

    @property
    def gone(self) -> bool:
        """Whether nobody is there to read any more."""
        return self.transport.is_closing()

    def _start_header_clock(self) -> None:
        self._header_timer = self.loop.call_later(self.guard.limits.header_seconds, self._too_slow)

    def _stop_header_clock(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _too_slow(self) -> None:
        self._refuse(408, b"Request Timeout", b"The request did not come in time.")

    def _refuse(self, status: int, phrase: bytes, text: bytes) -> None:
        self.transport.write(REFUSAL % (status, phrase, len(text), text))
        self.transport.close()
        self.loop.call_later(1.0, self.transport.abort)


def protocol_class(guard: Connections) -> type[GuardedProtocol]:
    """The class of the connections that ``guard`` counts; uvicorn makes one object of it per connection."""
    return type("CountedProtocol", (GuardedProtocol,), {"guard": guard})
