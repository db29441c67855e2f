"""Ctrl+C as a wish: what is being done is finished and saved first."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stopped_by_signals() -> Iterator[Callable[[], None]]:
    """Catch SIGINT and SIGTERM for as long as the block lasts.

    Yields:
        A function to call where stopping is possible.

    Raises:
        KeyboardInterrupt: from that function, after a signal.
    """
    received = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal received
        received = True

    def check() -> None:
        if received:
            raise KeyboardInterrupt

    previous = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield check
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
