"""A thread that does what waits, one after the other, and looks for more when it is woken or after a while."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

TICK = 2.0  # s, after which it looks for work without being woken
FIRST_PAUSE, LAST_PAUSE = 0.5, 15.0  # s, after something raised

logger = structlog.get_logger(__name__)


class WorkLoop:
    """Does one piece of work after the other until it is stopped; what raises is logged and tried again after a pause.

    Attributes:
        stopping: set when it is to end; what takes long looks at it.
        woken: set when something changed; work in hand may look at it, and clears it then.

    Args:
        name: of the thread, and in what is logged.
        work: does one piece; False when there was none.
        idle: called whenever there was none, before it waits.
        end: called once, in the thread, when it has been stopped.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], bool],
        *,
        idle: Callable[[], None] = lambda: None,
        end: Callable[[], None] = lambda: None,
    ) -> None:
        self.stopping = threading.Event()
        self.woken = threading.Event()
        self._name, self._work, self._idle, self._end = name, work, idle, end
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start; work that waits is begun at once."""
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after what is in hand."""
        self.stopping.set()
        self.woken.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        pause = FIRST_PAUSE
        while not self.stopping.is_set():
            try:
                worked = self._work()
            except Exception:
                logger.exception("work could not be done or written down", work=self._name, retry=pause)
                self.stopping.wait(pause)
                pause = min(2 * pause, LAST_PAUSE)
                continue
            pause = FIRST_PAUSE
            if not worked:
                self._idle()
                self.woken.wait(TICK)
                self.woken.clear()
        self._end()


class Runner:
    """Works in a loop of its own.

    Args:
        loop: what it does; not started.
    """

    def __init__(self, loop: WorkLoop) -> None:
        self._loop = loop

    def start(self) -> None:
        """Start; what waits is begun at once."""
        self._loop.start()

    def stop(self) -> None:
        """End; what is in hand is kept or given back, as each kind of work can."""
        self._loop.stop()

    def look_again(self) -> None:
        """Something was asked for, paused or cancelled: act on it now."""
        self._loop.woken.set()
