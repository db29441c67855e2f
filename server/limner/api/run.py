"""Running the server: gunicorn with one process and many threads, waitress where there is no gunicorn (Windows).

One process, because pages listen to events that are passed on inside it; many threads, because each listening page
holds one.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable

import structlog

from limner import catalogue
from limner.api.app import open_services
from limner.api.context import Services
from limner.api.logs import configure_logging
from limner.config import Settings
from limner.errors import Conflict
from limner.store import Database
from limner.store.accounts import create_login_link, ensure_local_admin
from limner.store.migrate import migrate

THREADS = 256  # of which pages that listen for events may hold 200
CONNECTIONS = 1000  # kept-alive ones included
DRAIN_SECONDS = 30  # for requests in flight at shutdown

logger = structlog.get_logger(__name__)

Announce = Callable[[str, str], None]  # takes the server's address and a fresh sign-in link


def run_server(settings: Settings, announce: Announce) -> None:
    """Serve until SIGTERM or Ctrl+C. Does not return before the encoder process is gone.

    Args:
        settings: where and what.
        announce: told the address and a fresh sign-in link as soon as the server listens.

    Raises:
        MissingWeights: the model is not installed; nothing was started.
        Conflict: the port is taken; nothing was started.
    """
    configure_logging()
    catalogue.find_model(settings.model, settings.home)
    _check_port(settings.host, settings.port)
    settings.home.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":
        from limner.api.waitress_server import run_waitress

        run_waitress(settings, announce)
    else:
        from limner.api.gunicorn_server import run_gunicorn

        run_gunicorn(settings, announce)


def sign_in_link(settings: Settings, address: str) -> str:
    """A fresh link that signs the local administrator in once; brings the database up to date first."""
    database = Database(settings.resolved_database_url)
    try:
        migrate(database)
        with database.write() as session:
            token = create_login_link(session, ensure_local_admin(session))
    finally:
        database.close()
    return f"{address}/login#token={token}"


def address_of(host: str, port: int) -> str:
    """The address to open in a browser on this machine."""
    shown = "127.0.0.1" if host in ("", "0.0.0.0", "::") else host  # noqa: S104  # compared, not bound
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def start_services(settings: Settings) -> Services:
    """Open everything, start the encoder and go on with the jobs that were running."""
    services = open_services(settings)
    services.encoder.start()
    services.precompute.advance()
    return services


def stop_services(services: Services) -> None:
    """End the streams and the encoder, close the database."""
    services.broadcaster.close()
    services.encoder.stop()
    services.database.close()


def _check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, sys.platform != "win32")
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Conflict(
                f"Port {port} of {host} cannot be used: {error.strerror}.",
                hint="Stop the server that uses it, or choose another port with --port.",
            ) from error
