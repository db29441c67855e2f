"""Events are numbered in the order in which they are told, also many at once."""

from __future__ import annotations

import pytest

from limner.store import Database
from limner.store.events import add_event, add_events, all_events_after
from limner.store.projects import create_project, delete_project
from limner.vocabulary.events import AccessEvent, EmbeddingEvent, ImageEvent, PublishedEvent


def test_many_events_are_stored_and_told_in_their_order(
    database: Database, told: list[PublishedEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("limner.store.events.PRUNE_EVERY", 10)
    monkeypatch.setattr("limner.store.events.KEPT_EVENTS", 20)
    with database.write() as session:
        project = create_project(session, "Cats").id
        add_events(session, [])
        for start in (0, 25):
            images = range(start, start + 25)
            add_events(session, [(EmbeddingEvent(image_id=n, state="ready", error=None), project) for n in images])
    assert [event.event.image_id for event in told if isinstance(event.event, EmbeddingEvent)] == list(range(50))
    numbers = [event.id for event in told if event.id is not None]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 50
    with database.read() as session:
        assert all_events_after(session, 0) == told[-20:], "older ones are forgotten"


def test_what_is_undone_within_a_transaction_is_not_told(database: Database, told: list[PublishedEvent]) -> None:
    with database.write() as session:
        project = create_project(session, "Cats").id

        def add(image_id: int) -> None:
            add_event(session, ImageEvent(image_id=image_id, action="created"), project)

        add(1)
        with session.begin_nested():
            add(2)
        undone = session.begin_nested()
        add(3)
        with session.begin_nested():
            add(4)
        undone.rollback()
        add(5)
    assert [each.event for each in told] == [ImageEvent(image_id=n, action="created") for n in (1, 2, 5)]
    with database.read() as session:
        assert all_events_after(session, 0) == told


def test_nobody_is_told_of_a_project_that_went_in_the_same_transaction(
    database: Database, told: list[PublishedEvent]
) -> None:
    with database.write() as session:
        project = create_project(session, "Cats")
    with database.write() as session:
        add_event(session, ImageEvent(image_id=1, action="deleted"), project.id)
        delete_project(session, session.merge(project))
    assert told == []
    with database.write() as session:
        add_events(session, [(ImageEvent(image_id=1, action="deleted"), project.id), (AccessEvent(user_id=1), None)])
    assert [each.event for each in told] == [AccessEvent(user_id=1)]
