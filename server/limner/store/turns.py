"""Taking turns at the one write lock: in order, for a bounded time, and a short one each."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from limner.errors import Unavailable

BULK_SECONDS = 0.02  # that work in bulk may hold the lock at a time, while people save


class FairLock:
    """A lock that is handed over first come, first served. ``threading.Lock`` may pass over who has waited longest."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._held = False
        self._waiting: deque[threading.Event] = deque()

    @contextmanager
    def hold(self, patience: float) -> Iterator[None]:
        """Hold the lock for the block.

        Args:
            patience: seconds to wait at most.

        Raises:
            Unavailable: others held it for longer.
        """
        if not self._acquire(patience):
            raise Unavailable(
                "The database is busy with other changes.", hint="Nothing was stored; try again in a moment."
            )
        try:
            yield
        finally:
            self._release()

    def _acquire(self, patience: float) -> bool:
        with self._mutex:
            if not self._held:
                self._held = True
                return True
            turn = threading.Event()
            self._waiting.append(turn)
        if turn.wait(patience):
            return True
        with self._mutex:
            if turn.is_set():  # it was our turn at the last moment
                return True
            self._waiting.remove(turn)
            return False

    def _release(self) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._held = False


class Pace:
    """How much work in bulk fits into one turn: measured, since it depends on the rows and on the machine.

    Attributes:
        size: items to write in the next transaction, ≥ 1.
    """

    def __init__(self, most: int, first: int = 8) -> None:
        self.size = min(first, most)
        self._most = most

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Measure a transaction of ``size`` items."""
        started = time.perf_counter()
        yield
        seconds = max(time.perf_counter() - started, 1e-6)
        fitting = int(self.size * BULK_SECONDS / seconds)
        self.size = max(1, min(fitting, 2 * self.size, self._most))
