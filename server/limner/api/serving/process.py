"""One web process: uvicorn's event loop around the front, started and stopped with the services behind it."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import structlog
import uvicorn

from limner import open_files
from limner.api.app import create_app
from limner.api.metrics import metrics_of
from limner.api.serving.front import Front
from limner.api.serving.limits import Limits
from limner.api.serving.memory import give_memory_back
from limner.api.serving.protocol import Connections, protocol_class
from limner.api.uploads import remove_old_uploads, upload_folder
from limner.config import Settings, open_to_others
from limner.service.running import start, stop
from limner.service.wiring import open_services
from limner.startup import made_to_stay
from limner.vocabulary.duties import ALL, NONE

FILES_OF_OUR_OWN = 500  # databases, spools, blobs
FEWEST_CONNECTIONS = 64

logger = structlog.get_logger(__name__)


class Server(uvicorn.Server):
    """uvicorn's server that says when it listens, every second, and when it is about to stop; it ends with status 0."""

    def __init__(
        self,
        config: uvicorn.Config,
        on_listening: Callable[[], None],
        on_second: Callable[[], None],
        on_stopping: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._on_listening = on_listening
        self._on_second = on_second
        self._on_stopping = on_stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        await super().startup(sockets)
        await asyncio.to_thread(self._on_listening)

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second."""
        if counter % 10 == 0:
            self._on_second()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no new connections and let requests in flight end; event streams end at once."""
        self._on_stopping()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT stop the server; uvicorn would raise them again afterwards."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()


def make_server(
    front: Front,
    connections: Connections,
    *,
    on_listening: Callable[[], None] = lambda: None,
    on_second: Callable[[], None] = lambda: None,
    on_stopping: Callable[[], None] = lambda: None,
) -> Server:
    """The server around a front, to be run on a bound socket."""
    limits = connections.limits
    config = uvicorn.Config(
        front,
        http=protocol_class(connections),
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # werkzeug's ProxyFix reads them, when there is a proxy
        timeout_keep_alive=limits.idle_seconds,
        timeout_graceful_shutdown=limits.drain_seconds,
    )
    return Server(config, on_listening, on_second, on_stopping)


def serve_process(settings: Settings, listener: socket.socket, on_listening: Callable[[], None]) -> None:
    """Serve on a bound socket until a signal says stop. One of several web processes has no encoder of its own."""
    give_memory_back()
    limits = replace(Limits(), connections=_most_connections())
    services = open_services(settings, duties=ALL if settings.workers == 1 else NONE)
    remove_old_uploads(settings.home)
    start(services)
    if open_to_others(settings.home):
        logger.warning("other users of this machine can read the home", mend=f"chmod 700 {settings.home}")
    try:
        with made_to_stay():
            app = create_app(services)
        front = Front(app, limits, upload_folder(settings.home), settings.root_path)
        connections = Connections(limits, behind_proxy=settings.proxy_hops > 0)
        metrics_of(app).watch(front, connections)
        make_server(
            front,
            connections,
            on_listening=on_listening,
            on_second=metrics_of(app).sample,
            on_stopping=services.events.close,
        ).run([listener])
        front.close()
    finally:
        stop(services)
    if front.busy:
        logger.error("stopped though requests were still being worked on", requests=front.busy)
        os._exit(0)  # the interpreter would wait for their threads


def _most_connections() -> int:
    """What the system lets this process have, less what it needs itself."""
    allowed = open_files.raise_limit(Limits.connections + FILES_OF_OUR_OWN)
    if allowed is None or allowed >= Limits.connections + FILES_OF_OUR_OWN:
        return Limits.connections
    fewer = max(FEWEST_CONNECTIONS, allowed - FILES_OF_OUR_OWN)
    logger.warning("few files may be open at once: fewer connections are served", files=allowed, connections=fewer)
    return fewer
