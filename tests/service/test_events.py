"""Events reach every page they concern: of one process, and of several on one PostgreSQL."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import get_args

import pytest
from sqlalchemy import text

from limner.service.events import Events, InMemoryEvents
from limner.service.postgres_events import PostgresEvents
from limner.service.wiring import open_events
from limner.store import Database
from limner.store.events import add_event, events_after, latest_event_id
from limner.store.migrate import migrate
from limner.store.projects import create_project
from limner.vocabulary.events import (
    AccessEvent,
    AnnotationsEvent,
    CategoriesEvent,
    ChangedWork,
    CommentsEvent,
    EmbeddingEvent,
    EncoderStatus,
    Event,
    ImageEvent,
    ImageMark,
    ImageName,
    ImageTags,
    JobEvent,
    LearningEvent,
    ModelEvent,
    MovedEvent,
    PublishedEvent,
    RegionEvent,
    ResetEvent,
    ServerEvent,
    StartEvent,
    SuggestionsEvent,
    TagsEvent,
    WorkEvent,
)
from limner.vocabulary.learning import LearningProgress

NOW = datetime(2026, 1, 2, 3, 4, 5, 678, UTC)
ONE_OF_EACH: list[Event] = [
    StartEvent(),
    ResetEvent(),
    ImageEvent(image_id=1, action="created"),
    CategoriesEvent(),
    AnnotationsEvent(
        image_id=1,
        revision=2,
        annotation_count=3,
        mark=ImageMark(state="skipped", note="blurry", by="ada", at=NOW),
    ),
    CommentsEvent(image_id=1, open=2),
    WorkEvent(
        images=[ChangedWork(image_id=1, assigned_to=None, held_by="ada", held_until=NOW, reserved=True)],
    ),
    TagsEvent(images=[ImageTags(image_id=1, tags=["blurred", "night"])]),
    MovedEvent(images=[ImageName(image_id=1, file_name="street/night/a.png")]),
    EmbeddingEvent(image_id=1, state="failed", error="truncated"),
    RegionEvent(image_id=1, state="ready", error=None, region="0,0,32,32"),
    SuggestionsEvent(image_id=1, state="running", done=1, total=2, found=0, error=None),
    JobEvent(
        id=1,
        project_id=1,
        kind="precompute",
        state="running",
        done=1,
        total=2,
        failed=0,
        message="",
        created=NOW,
        updated=NOW,
    ),
    ModelEvent(name="samlet", weights_sha256="0" * 64),
    LearningEvent(
        run_id=1,
        kind="model",
        state="done",
        progress=LearningProgress(stage="training", step=3, steps=4, loss=0.5, remaining=1.5),
        result="samlet-cats",
        better=True,
    ),
    ServerEvent(device="cpu", encoder=EncoderStatus(state="ready", message="", threads=2)),
    AccessEvent(user_id=3),
    SuggestionsEvent(image_id=1, state="running", done=3, total=64),
]


class Page:
    """Listens in an event loop of its own, as a page's stream does."""

    def __init__(self, events: Events, project_id: int) -> None:
        self._events, self._project_id = events, project_id
        self.heard: list[PublishedEvent] = []
        self._changed = threading.Condition()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._listen()))

    async def _listen(self) -> None:
        with self._events.subscribe(self._project_id) as subscription:
            self._listening.set()
            while not subscription.overrun:
                event = await subscription.next(1.0)
                if event is not None:
                    with self._changed:
                        self.heard.append(event)
                        self._changed.notify_all()

    @contextmanager
    def open(self) -> Iterator[Page]:
        self._thread.start()
        self._listening.wait()
        try:
            yield self
        finally:
            self._events.close()
            self._thread.join()

    def wait_for(self, count: int) -> list[PublishedEvent]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.heard) >= count, timeout=10), self.heard
            return list(self.heard)


@pytest.fixture
def project_id(database: Database) -> int:
    with database.write() as session:
        return create_project(session, "Cats").id


@pytest.fixture
def two_processes(new_postgres_database: Callable[[], str]) -> Iterator[tuple[Database, Database]]:
    """One PostgreSQL database as two processes see it."""
    url = new_postgres_database()
    databases = Database(url), Database(url)
    migrate(databases[0])
    yield databases
    for database in databases:
        database.close()


def test_every_kind_of_event_is_tried_here() -> None:
    assert {type(event) for event in ONE_OF_EACH} == set(get_args(Event))


def test_events_come_back_from_the_store_as_they_were(database: Database, project_id: int) -> None:
    with database.write() as session:
        for event in ONE_OF_EACH:
            add_event(session, event, project_id)
    with database.read() as session:
        stored = events_after(session, project_id, 0)
    assert stored is not None
    assert [each.event for each in stored] == ONE_OF_EACH


def test_events_that_another_version_wrote_are_said_to_be_missing(database: Database, project_id: int) -> None:
    with database.write() as session:
        add_event(session, ImageEvent(image_id=1, action="created"), project_id)
    with database.write() as session:
        session.execute(text("UPDATE events SET kind = 'tracks'"))
    with database.read() as session:
        assert events_after(session, project_id, 0) is None


def test_pages_hear_of_their_project_and_of_what_concerns_everybody(database: Database, project_id: int) -> None:
    with database.write() as session:
        other = create_project(session, "Dogs").id
    server, events = open_events(database.engine.url.render_as_string(hide_password=False))
    assert isinstance(events, InMemoryEvents if server.is_sqlite else PostgresEvents)
    events.start(lambda _: None)
    with Page(events, project_id).open() as page:
        with server.write() as session:
            add_event(session, ImageEvent(image_id=1, action="created"), other)
            add_event(session, ImageEvent(image_id=2, action="created"), project_id)
        with server.read() as session:
            last = latest_event_id(session)
        events.publish([PublishedEvent(None, None, ONE_OF_EACH[-1])])
        heard = page.wait_for(2)
    server.close()
    assert heard == [
        PublishedEvent(last, project_id, ImageEvent(image_id=2, action="created")),
        PublishedEvent(None, None, ONE_OF_EACH[-1]),
    ]


def test_a_commit_in_one_process_is_heard_in_all(two_processes: tuple[Database, Database]) -> None:
    here, there = two_processes
    with here.write() as session:
        project_id = create_project(session, "Cats").id
    both = PostgresEvents(here), PostgresEvents(there)
    for events in both:
        events.start(lambda _: None)
    long = EmbeddingEvent(image_id=9, state="failed", error="x" * 20_000)  # more than a notification holds
    with Page(both[0], project_id).open() as near, Page(both[1], project_id).open() as far:
        for number in range(50):
            with (here if number % 2 else there).write() as session:
                add_event(session, ImageEvent(image_id=number, action="created"), project_id)
        for event in ONE_OF_EACH:
            both[0].publish([PublishedEvent(None, project_id, event)])
        both[0].publish([PublishedEvent(None, project_id, long)])
        heard = near.wait_for(51 + len(ONE_OF_EACH)), far.wait_for(51 + len(ONE_OF_EACH))
    for told in heard:
        stored = [each for each in told if each.id is not None]
        assert [each.event for each in stored] == [
            *(ImageEvent(image_id=number, action="created") for number in range(50)),
            long,
        ]
        assert [each.id for each in stored] == sorted({each.id for each in stored if each.id is not None})
        assert [each.event for each in told if each.id is None] == ONE_OF_EACH


def test_the_listener_comes_back_after_the_database_was_away(two_processes: tuple[Database, Database]) -> None:
    here, there = two_processes
    with here.write() as session:
        project_id = create_project(session, "Cats").id
    events = PostgresEvents(here)
    events.start(lambda _: None)
    with Page(events, project_id).open() as page:
        with there.write() as session:
            add_event(session, ImageEvent(image_id=1, action="created"), project_id)
        page.wait_for(1)
        with there.engine.begin() as connection:  # what was committed while nobody listened is told afterwards
            cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
            assert connection.scalars(text(cut)).all() == [True]
        with there.write() as session:
            add_event(session, ImageEvent(image_id=2, action="created"), project_id)
        heard = page.wait_for(2)
    assert [each.event for each in heard] == [ImageEvent(image_id=number, action="created") for number in (1, 2)]
