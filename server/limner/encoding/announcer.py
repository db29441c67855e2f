"""A thread that calls listeners one after the other, so that those who have news need not wait for them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

import structlog

logger = structlog.get_logger(__name__)


class Announcer:
    """Runs what is posted, in order, in a thread of its own."""

    def __init__(self) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start delivering; what was posted before is delivered first."""
        self._thread = threading.Thread(target=self._deliver, name="encoder-news", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Deliver what was posted so far, then end."""
        self._calls.put(None)
        if self._thread is not None:
            self._thread.join()

    def post(self, call: Callable[[], None]) -> None:
        """Have ``call`` made soon. An exception in it is logged and does not keep the next ones from being made."""
        self._calls.put(call)

    def _deliver(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                call()
            except Exception:
                logger.exception("a listener of the encoder failed")
