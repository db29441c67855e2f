"""Events on their way from the database's commits to the pages that listen."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from limner.encoding.ports import JobNews
from limner.vocabulary.events import PublishedEvent

BACKLOG = 1000  # events that a listener may lag behind before it is cut off


class Subscription:
    """The events for one page, in order. Made and read in an event loop, filled from any thread.

    Attributes:
        copies_id: number of the project with the page's person's own copies of images, if they have any.
        overrun: set when the page fell too far behind, or the server ends; it has to connect again and ask for what it
            missed.
    """

    def __init__(self, project_id: int) -> None:
        self.project_id = project_id
        self.copies_id: int | None = None
        self.overrun = False
        self._loop = asyncio.get_running_loop()
        self._events: deque[PublishedEvent] = deque()
        self._awake = asyncio.Event()

    def offer(self, event: PublishedEvent) -> None:
        """Queue an event if it concerns the page's project."""
        concerns = event.project_id in (None, self.project_id) or event.project_id == self.copies_id
        if not concerns or self.overrun:
            return
        if len(self._events) >= BACKLOG:
            self.overrun = True
        else:
            self._events.append(event)
        self._loop.call_soon_threadsafe(self._awake.set)

    def close(self) -> None:
        """Wake the listener up for good."""
        self.overrun = True
        self._loop.call_soon_threadsafe(self._awake.set)

    async def next(self, timeout: float) -> PublishedEvent | None:
        """The next event, or None when there is none within ``timeout`` seconds or it is over."""
        try:
            async with asyncio.timeout(timeout):
                while not self._events and not self.overrun:
                    self._awake.clear()
                    if not self._events and not self.overrun:
                        await self._awake.wait()
        except TimeoutError:
            return None
        return self._events.popleft() if self._events else None


class Events(Protocol):
    """Brings what is committed, and what is published without being stored, to the pages of every process."""

    @property
    def listeners(self) -> int:
        """How many pages of this process listen."""
        ...

    @property
    def closed(self) -> bool:
        """Whether the server is going down."""
        ...

    def start(self, on_job_news: Callable[[JobNews], None]) -> None:
        """Begin to hear of what other processes commit.

        Args:
            on_job_news: called, in a thread of its own, when another process has work for those who encode.
        """
        ...

    def publish(self, events: Sequence[PublishedEvent]) -> None:
        """Tell the pages of all processes of events that are not stored."""
        ...

    def subscribe(self, project_id: int) -> AbstractContextManager[Subscription]:
        """Listen to a project, from now on and as long as the block lasts."""
        ...

    def close(self) -> None:
        """End all streams, now and from now on."""
        ...


class InMemoryEvents:
    """Events of one process; enough for SQLite. Never blocks the thread that committed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscriptions: set[Subscription] = set()
        self._closed = False

    def publish(self, events: Sequence[PublishedEvent]) -> None:
        """Pass events on."""
        with self._lock:
            for subscription in self._subscriptions:
                for event in events:
                    subscription.offer(event)

    def start(self, on_job_news: Callable[[JobNews], None]) -> None:
        """Nothing: there are no other processes to hear of."""

    @contextmanager
    def subscribe(self, project_id: int) -> Iterator[Subscription]:
        """Listen to a project, from now on and as long as the block lasts."""
        subscription = Subscription(project_id)
        with self._lock:
            self._subscriptions.add(subscription)
            if self._closed:
                subscription.close()
        try:
            yield subscription
        finally:
            with self._lock:
                self._subscriptions.discard(subscription)

    @property
    def listeners(self) -> int:
        """How many pages listen."""
        return len(self._subscriptions)

    @property
    def closed(self) -> bool:
        """Whether the server is going down."""
        return self._closed

    def close(self) -> None:
        """End all streams, now and from now on: the server is going down."""
        with self._lock:
            self._closed = True
            for subscription in self._subscriptions:
                subscription.close()
