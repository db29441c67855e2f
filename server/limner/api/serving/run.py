"""Running the server: gunicorn with one process and many threads, waitress where there is no gunicorn (Windows).

One process, because pages listen to events that are passed on inside it; many threads, because each listening page
holds one.
"""

from __future__ import annotations

import socket
import sys

from limner.api.serving.lifecycle import Announce
from limner.api.serving.logs import configure_logging
from limner.config import Settings
from limner.errors import Conflict
from limner.models import catalogue


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
        from limner.api.serving.waitress_server import run_waitress

        run_waitress(settings, announce)
    else:
        from limner.api.serving.gunicorn_server import run_gunicorn

        run_gunicorn(settings, announce)


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
