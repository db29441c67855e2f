"""One of several web processes, as the supervisor starts it.

Arguments: the descriptors of the listening socket, of a pipe that ends with the supervisor, and of one to which a byte
is written as soon as this process listens.
"""

from __future__ import annotations

import os
import socket
import sys

from limner.api.serving.process import serve_process
from limner.config import Settings
from limner.service.logs import configure_logging
from limner.service.running import end_with


def main(listener: int, alive: int, listening: int) -> None:
    """Serve until SIGTERM, or until the supervisor is gone."""
    configure_logging()
    end_with(alive)
    with socket.socket(fileno=listener) as bound:
        serve_process(Settings(), bound, lambda: _say(listening))


def _say(listening: int) -> None:
    os.write(listening, b".")
    os.close(listening)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
