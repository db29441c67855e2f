"""waitress, started from Python: where there is no gunicorn, on Windows."""

from __future__ import annotations

import signal
from types import FrameType

from waitress.server import create_server

from limner.api.app import create_app
from limner.api.serving.lifecycle import (
    CONNECTIONS,
    THREADS,
    Announce,
    address_of,
    sign_in_link,
    start_services,
    stop_services,
)
from limner.config import Settings


def run_waitress(settings: Settings, announce: Announce) -> None:
    """Serve until a signal says stop.

    waitress gives requests in flight five seconds to end; event streams end at once.
    """
    services = start_services(settings)

    def stop(_number: int, _frame: FrameType | None) -> None:
        services.broadcaster.close()
        raise KeyboardInterrupt  # what waitress stops for

    try:
        server = create_server(
            create_app(services),
            host=settings.host,
            port=settings.port,
            threads=THREADS,
            connection_limit=CONNECTIONS,
        )
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        address = address_of(settings.host, int(server.effective_port))
        announce(address, sign_in_link(settings, address))
        server.run()
    finally:
        stop_services(services)
