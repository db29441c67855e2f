"""Events of many processes on one PostgreSQL: LISTEN and NOTIFY.

A stored event travels as its number, sent by the transaction that stores it, and every process reads the rows itself:
a notification holds 8,000 bytes at most. Progress that is not stored travels whole, for there is no row to read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from limner.encoding.ports import JobNews
from limner.jobs.asked import CHANNEL as WORK_CHANNEL
from limner.service.events import InMemoryEvents, Subscription
from limner.store import Database
from limner.store.events import CHANNEL, add_event, all_events_after, latest_event_id
from limner.store.lost_hosts import client_options, tell_server
from limner.vocabulary.events import ProjectEvent, PublishedEvent, ResetEvent

MAX_PAYLOAD_BYTES = 7_900  # of a notification; PostgreSQL takes less than 8,000
LOOK_UP_S = 0.5  # how often the listener looks whether it is to end
RECONNECT_S = 1.0
CONNECT_S = 10.0  # how long a start waits for the listener; the streams would catch up without it
AT_ONCE = 1_000  # events read in one query

logger = structlog.get_logger(__name__)


class _Passing(BaseModel):
    """An event that is not stored, as it travels."""

    model_config = ConfigDict(frozen=True)

    project_id: int | None
    event: ProjectEvent


class PostgresEvents:
    """Implements :class:`limner.service.events.Events` for any number of processes.

    Args:
        database: on PostgreSQL; a commit with events tells all processes of them by itself.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._local = InMemoryEvents()
        self._stopping = threading.Event()
        self._listening = threading.Event()
        self._last: int | None = None  # newest stored event that the pages of this process were told

    @property
    def listeners(self) -> int:
        """How many pages of this process listen."""
        return self._local.listeners

    @property
    def closed(self) -> bool:
        """Whether the server is going down."""
        return self._local.closed

    def start(self, on_job_news: Callable[[JobNews], None]) -> None:
        """Begin to listen, in a thread that comes back after the database was away."""
        threading.Thread(target=self._run, args=(on_job_news,), name="events", daemon=True).start()
        self._listening.wait(CONNECT_S)

    def subscribe(self, project_id: int) -> AbstractContextManager[Subscription]:
        """Listen to a project, from now on and as long as the block lasts."""
        return self._local.subscribe(project_id)

    def close(self) -> None:
        """End all streams and the listener."""
        self._local.close()
        self._stopping.set()

    def publish(self, events: Sequence[PublishedEvent]) -> None:
        """Tell the pages of all processes of events that are not stored."""
        payloads = [
            _Passing(project_id=each.project_id, event=ProjectEvent(each.event)).model_dump_json() for each in events
        ]
        short = [{"channel": CHANNEL, "payload": it} for it in payloads if len(it.encode()) <= MAX_PAYLOAD_BYTES]
        if short:
            with self._database.writing.begin() as connection:
                connection.execute(text("SELECT pg_notify(:channel, :payload)"), short)
        for event, payload in zip(events, payloads, strict=True):
            if len(payload.encode()) > MAX_PAYLOAD_BYTES:  # too long to travel: it goes by its number instead
                with self._database.write() as session:
                    add_event(session, event.event, event.project_id)

    # --- the listener's thread ----------------------------------------------------------------------------------------

    def _run(self, on_job_news: Callable[[JobNews], None]) -> None:
        import psycopg

        while not self._stopping.is_set():
            try:
                self._listen(on_job_news)
            except (psycopg.Error, DBAPIError) as error:
                if not self._stopping.is_set():
                    logger.warning("events of other processes are late: the database is away", error=str(error))
                    self._stopping.wait(RECONNECT_S)

    def _listen(self, on_job_news: Callable[[JobNews], None]) -> None:
        import psycopg

        url = self._database.engine.url.set(drivername="postgresql")
        address = url.render_as_string(hide_password=False)
        with psycopg.connect(address, autocommit=True, **client_options(url)) as connection:
            tell_server(connection)
            connection.execute(f"LISTEN {CHANNEL}")
            connection.execute(f"LISTEN {WORK_CHANNEL}")
            self._read_stored()
            self._listening.set()
            while not self._stopping.is_set():
                for notification in connection.notifies(timeout=LOOK_UP_S):
                    if notification.channel == CHANNEL:
                        self._take(notification.payload)
                    else:
                        on_job_news(JobNews.parse(notification.payload))

    def _take(self, payload: str) -> None:
        if payload.isdigit():
            if self._last is None or int(payload) > self._last:
                self._read_stored()
            return
        try:
            passing = _Passing.model_validate_json(payload)
        except ValidationError as error:
            logger.warning("an event of another version", error=str(error))
            return
        self._local.publish([PublishedEvent(None, passing.project_id, passing.event.root)])

    def _read_stored(self) -> None:
        """Tell the pages what was committed since the last time; at the first time, nothing."""
        while True:
            with self._database.read() as session:
                try:
                    events = [] if self._last is None else all_events_after(session, self._last, AT_ONCE)
                except ValidationError as error:
                    logger.warning("events of another version", error=str(error))
                    self._local.publish([PublishedEvent(None, None, ResetEvent())])
                    events, self._last = [], None
                if self._last is None:
                    self._last = latest_event_id(session)
            self._local.publish(events)
            if events:
                self._last = events[-1].id
            if len(events) < AT_ONCE:
                return
