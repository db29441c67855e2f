"""Requests in two lanes: one after the other, and beside them those that are not to wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")


def work_in_two_lanes(
    requests: Iterable[T], is_beside: Callable[[T], bool], own: Callable[[T], None], beside: Callable[[T], None]
) -> None:
    """Work through requests until there are no more and all are done.

    Args:
        requests: read in a thread of its own.
        is_beside: whether a request belongs to the other lane.
        own: works on a request, in the calling thread.
        beside: likewise, in another thread.

    Raises:
        BaseException: the first that any of the three raised; no request is begun after it, not even one that was read.
    """
    mine: SimpleQueue[T | None] = SimpleQueue()
    others: SimpleQueue[T | None] = SimpleQueue()
    raised: list[BaseException] = []

    def read() -> None:
        try:
            for request in requests:
                (others if is_beside(request) else mine).put(request)
        except BaseException as error:  # noqa: BLE001  (raised in the calling thread)
            raised.append(error)
        end()

    def work(lane: SimpleQueue[T | None], do: Callable[[T], None]) -> None:
        try:
            while (request := lane.get()) is not None and not raised:
                do(request)
        except BaseException as error:  # noqa: BLE001  (raised in the calling thread)
            raised.append(error)
            end()  # a lane that waits for its next request would not hear of it otherwise

    def end() -> None:
        mine.put(None)
        others.put(None)

    threading.Thread(target=read, name="requests", daemon=True).start()
    other_lane = threading.Thread(target=work, args=(others, beside), name="beside", daemon=True)
    other_lane.start()
    work(mine, own)
    if not raised:
        other_lane.join()
    if raised:
        raise raised[0]
