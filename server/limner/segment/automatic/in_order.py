"""Work on several things at once, results in their order."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def in_order(work: Callable[[Given], Made], given: Sequence[Given], threads: int) -> Generator[Made]:
    """Results of ``work`` in the order of what is given, each as soon as those before it are there.

    Args:
        work: called in a thread.
        given: to each of these.
        threads: that work at once; with one, everything is done in the caller's.

    When the generator is closed, what was not begun is not done any more.
    """
    if threads == 1:
        yield from map(work, given)
        return
    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(work, each) for each in given]
        try:
            for future in futures:
                yield future.result()
        finally:
            for future in futures:
                future.cancel()
