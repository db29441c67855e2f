"""Running the server: a port of its own, one process for the web, or several, and one for the encoder."""

from __future__ import annotations

import errno
import socket
import sys

from limner import open_files
from limner.api.serving.lifecycle import Announce, bring_up_to_date, sign_in_link
from limner.api.serving.process import serve_process
from limner.api.serving.supervisor import supervise
from limner.config import Settings, address_of
from limner.errors import Conflict
from limner.models import catalogue
from limner.service.logs import configure_logging
from limner.service.wiring import require_shared_database


def run_server(settings: Settings, announce: Announce) -> None:
    """Serve until SIGTERM or Ctrl+C. Does not return before the encoder process is gone.

    Args:
        settings: where and what.
        announce: told the address and a fresh sign-in link as soon as the server listens.

    Raises:
        MissingWeights: the model is not installed; nothing was started.
        Conflict: the port is taken; nothing was started.
        Unavailable: the system lets this process open too few files.
        InvalidInput: several web processes were asked for, and the database serves one.
    """
    configure_logging()
    open_files.require()
    if settings.workers > 1:
        require_shared_database(settings, f"limner serve --workers {settings.workers}")
    catalogue.find_model(settings.model, settings.home)
    with bind(settings.host, settings.port) as listener:

        def on_listening() -> None:
            address = address_of(settings.host, listener.getsockname()[1]) + settings.root_path
            announce(address, sign_in_link(settings, address))

        if settings.workers > 1:
            bring_up_to_date(settings)  # once, before several processes look
            supervise(settings, listener, on_listening)
        else:
            serve_process(settings, listener, on_listening)


def bind(host: str, port: int) -> socket.socket:
    """The socket on which the server will listen.

    Raises:
        Conflict: the port, or the address, cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, or asyncio leaves Nagle's algorithm on, and the body of an answer comes 40 ms after its head.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, sys.platform != "win32")
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            hint = "Stop the server that uses it, or choose another port with --port."
        else:
            hint = "Name an address of this machine with --host: 127.0.0.1 for itself, 0.0.0.0 for all."
        raise Conflict(f"Port {port} of {host} cannot be used: {error.strerror}.", hint=hint) from error
    return listener
