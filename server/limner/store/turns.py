"""Taking turns at the one write lock: in order, for a bounded time, and a short one each."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from limner.errors import Unavailable

BULK_SECONDS = 0.02  # that work in bulk may hold the lock at a time
BESIDE_SECONDS = 0.004  # the same while people save: about as long as a save, which may have to wait for it
REST = 4.0  # times as long as it has worked rests work in bulk while people save
LONGEST_REST = 0.1  # s


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

    Processor time counts. Waiting for the lock, or for a processor on a busy machine, says nothing about the work, and
    turns of one item each would only add what every turn costs besides.

    Args:
        most: items in one transaction.
        saves: how many transactions of others there have been: while these are made, turns are shorter.
        first: items in the first transaction.

    Attributes:
        size: items to write in the next transaction, ≥ 1.
    """

    def __init__(self, most: int, saves: Callable[[], int], first: int = 8) -> None:
        self.size = min(first, most)
        self._most = most
        self._saves = saves
        self._seen = saves()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Measure a transaction of ``size`` items."""
        started = time.thread_time()
        yield
        seconds = max(time.thread_time() - started, 1e-6)
        saves = self._saves()
        fitting = int(self.size * (BULK_SECONDS if saves == self._seen else BESIDE_SECONDS) / seconds)
        self._seen = saves
        self.size = max(1, min(fitting, 2 * self.size, self._most))


class Courtesy:
    """Lets work in bulk give way: while people save, it rests for twice as long as it has worked.

    It would otherwise take the interpreter's lock from every save several times, each time for milliseconds.

    Args:
        saves: how many transactions of others there have been.
    """

    def __init__(self, saves: Callable[[], int]) -> None:
        self._saves = saves
        self._seen = saves()
        self._worked_from = time.thread_time()

    def pause(self) -> None:
        """Call it often, and never while holding a lock."""
        worked = time.thread_time() - self._worked_from
        if worked < BESIDE_SECONDS:
            return
        saves = self._saves()
        if saves != self._seen:
            time.sleep(min(REST * worked, LONGEST_REST))
        self._seen = saves
        self._worked_from = time.thread_time()
