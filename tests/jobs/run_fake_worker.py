"""``limner worker`` whose encoder needs no model, until SIGTERM."""

from __future__ import annotations

import signal
import threading

from limner.config import Settings
from limner.service.logs import configure_logging
from limner.service.running import start, stop
from limner.service.wiring import open_services
from tests.api.conftest import FAKE_WORKER

if __name__ == "__main__":
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    configure_logging()
    services = open_services(Settings(), FAKE_WORKER)
    start(services)
    ended.wait()
    stop(services)
