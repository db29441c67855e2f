"""SIGTERM and Ctrl+C as a wish: what is being done is finished and saved first."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType


class StopRequest:
    """Whether somebody wants a run to end.

    Attributes:
        received: whether SIGTERM or SIGINT came while it was listening.
    """

    def __init__(self) -> None:
        self.received = False

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Catch the signals for as long as the run lasts."""
        previous = {number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def heed(self) -> None:
        """End here if it was wanted.

        Raises:
            KeyboardInterrupt: a signal came.
        """
        if self.received:
            raise KeyboardInterrupt

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received = True
