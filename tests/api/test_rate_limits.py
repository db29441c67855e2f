"""Limits hold for all processes together where several serve."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from limner.api.app import create_app
from limner.config import Settings
from limner.service.rate_limits import DatabaseStorage
from limner.service.running import stop
from limner.service.wiring import open_services
from limner.store import Database
from limner.store.migrate import migrate
from limner.vocabulary.duties import NONE


def test_signing_in_is_limited_over_all_processes(
    settings: Settings, new_postgres_database: Callable[[], str], client_folder: Path
) -> None:
    settings = settings.model_copy(update={"database_url": new_postgres_database()})
    both = [open_services(settings, duties=NONE) for _ in range(2)]
    clients = [create_app(services, client_folder).test_client() for services in both]
    statuses = [clients[n % 2].post("/api/v1/session", json={"token": "wrong"}).status_code for n in range(20)]
    assert set(statuses) == {401}
    for client in clients:
        refused = client.post("/api/v1/session", json={"token": "wrong"})
        assert refused.status_code == 429
        assert 0 < int(refused.headers["Retry-After"]) <= 60
    for services in both:
        stop(services)


def test_counts_begin_anew_when_their_time_is_over(database: Database) -> None:
    storage = DatabaseStorage(database=database)
    assert [storage.incr("a", 60), storage.incr("a", 60, 2), storage.incr("b", 0)] == [1, 3, 1]
    assert (storage.get("a"), storage.get("b"), storage.get("c")) == (3, 0, 0)
    assert time.time() < storage.get_expiry("a") < time.time() + 61
    assert storage.incr("b", 60) == 1, "its time was over"
    storage.clear("a")
    assert (storage.get("a"), storage.get("b")) == (0, 1)
    assert storage.check()
    assert storage.reset() == 1
    assert storage.get("b") == 0


def test_keys_of_any_length_are_counted(database: Database) -> None:
    storage = DatabaseStorage(database=database)
    assert [storage.incr("k" * 300, 60), storage.incr("k" * 300, 60), storage.incr("k" * 301, 60)] == [1, 2, 1]


def test_a_database_that_is_away_is_not_healthy(new_postgres_database: Callable[[], str]) -> None:
    database = Database(new_postgres_database())
    assert not DatabaseStorage(database=database).check(), "it has no tables yet"
    migrate(database)
    assert DatabaseStorage(database=database).check()
    database.close()
