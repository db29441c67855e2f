"""Events are numbered in the order in which they are told, also many at once."""

from __future__ import annotations

import pytest

from limner.store import Database
from limner.store.events import add_events, all_events_after, take_pending
from limner.store.projects import create_project
from limner.vocabulary.events import EmbeddingEvent


def test_many_events_are_stored_and_told_in_their_order(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("limner.store.events.PRUNE_EVERY", 10)
    monkeypatch.setattr("limner.store.events.KEPT_EVENTS", 20)
    with database.write() as session:
        project = create_project(session, "Cats").id
        add_events(session, [])
        for start in (0, 25):
            images = range(start, start + 25)
            add_events(session, [(EmbeddingEvent(image_id=n, state="ready", error=None), project) for n in images])
        told = take_pending(session)
    assert [event.event.image_id for event in told if isinstance(event.event, EmbeddingEvent)] == list(range(50))
    numbers = [event.id for event in told if event.id is not None]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 50
    with database.read() as session:
        assert all_events_after(session, 0) == told[-20:], "older ones are forgotten"
