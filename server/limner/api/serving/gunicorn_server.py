"""gunicorn, started from Python."""

from __future__ import annotations

from types import FrameType
from typing import Any

from apiflask import APIFlask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.workers.gthread import ThreadWorker

from limner.api.app import create_app
from limner.api.context import EXTENSION, Services
from limner.api.serving.lifecycle import (
    CONNECTIONS,
    DRAIN_SECONDS,
    THREADS,
    Announce,
    address_of,
    sign_in_link,
    start_services,
    stop_services,
)
from limner.config import Settings


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn is not typed
    """A thread worker that ends event streams when it is told to stop, so that they do not hold up the drain."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM: finish what is in flight."""
        self._end_streams()
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """SIGINT: stop now."""
        self._end_streams()
        super().handle_quit(sig, frame)

    def _end_streams(self) -> None:
        services = _services_of(self)
        if services is not None:
            services.broadcaster.close()


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn is not typed
    """One worker process with many threads. The application is made in the worker, after the fork."""

    def __init__(self, settings: Settings, announce: Announce) -> None:
        self.settings = settings
        self.announce = announce
        super().__init__()

    def load_config(self) -> None:
        """Gunicorn's settings; nothing is read from files or the command line."""
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        for name, value in {
            "bind": f"{host}:{self.settings.port}",
            "workers": 1,
            "worker_class": Worker,
            "threads": THREADS,
            "worker_connections": CONNECTIONS,
            "graceful_timeout": DRAIN_SECONDS,
            "timeout": 120,
            "keepalive": 5,
            "loglevel": "warning",
            "control_socket_disable": True,
            "when_ready": self._when_ready,
            "worker_exit": _worker_exit,
        }.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> APIFlask:
        """The application, with everything behind it started."""
        return create_app(start_services(self.settings))

    def _when_ready(self, arbiter: Arbiter) -> None:
        port = arbiter.LISTENERS[0].sock.getsockname()[1]
        address = address_of(self.settings.host, port)
        self.announce(address, sign_in_link(self.settings, address))


def run_gunicorn(settings: Settings, announce: Announce) -> None:
    """Serve until a signal says stop."""
    Server(settings, announce).run()


def _worker_exit(_arbiter: Arbiter, worker: Worker) -> None:
    services = _services_of(worker)
    if services is not None:
        stop_services(services)


def _services_of(worker: Any) -> Services | None:
    app = getattr(worker, "wsgi", None)
    services: Services | None = app.extensions[EXTENSION] if app is not None else None
    return services
