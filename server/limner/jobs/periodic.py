"""Work that comes again: something is done, then nothing for a while, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError

from limner.errors import Unavailable

logger = structlog.get_logger(__name__)


class Periodic:
    """Does something once in a while; what fails is tried again after the next pause.

    Attributes:
        stopping: set when it is to end; what takes long looks at it.

    Args:
        name: of the thread, and in what is logged.
        work: what is done.
    """

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self.stopping = threading.Event()
        self._name = name
        self._work = work
        self._thread: threading.Thread | None = None

    def start(self, pause: float, *, at_once: bool) -> None:
        """Start.

        Args:
            pause: seconds after each time.
            at_once: whether the first time is now, or after a pause.
        """
        self._thread = threading.Thread(target=self._run, args=(pause, at_once), name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after what is being done."""
        self.stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, pause: float, at_once: bool) -> None:
        if at_once:
            self._try(pause)
        while not self.stopping.wait(pause):
            self._try(pause)

    def _try(self, pause: float) -> None:
        try:
            self._work()
        except (Unavailable, SQLAlchemyError) as error:
            logger.warning("waits for what does not answer", work=self._name, reason=str(error), seconds=pause)
        except Exception:
            logger.exception("failed; it is tried again", work=self._name, seconds=pause)
