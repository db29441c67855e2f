"""The thread that does what waits: one piece after the other, again after what raises, until it is stopped."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy.orm import Session

from limner.config import Settings
from limner.jobs import working
from limner.jobs.working import WorkLoop
from limner.learning.runner import LearningRunner
from limner.store import Database
from limner.store import learning as store

PATIENCE = 30.0  # s


def test_work_goes_on_after_what_raises_and_ends_once_when_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "FIRST_PAUSE", 0.01)
    fates = iter(("done", "raises", "done", "none"))
    done: list[str] = []
    idle = threading.Event()

    def work() -> bool:
        fate = next(fates, "none")
        if fate == "raises":
            raise RuntimeError("the disk is full")
        if fate == "done":
            done.append(fate)
        return fate == "done"

    loop = WorkLoop("test", work, idle=idle.set, end=lambda: done.append("ended"))
    loop.start()
    assert idle.wait(PATIENCE)
    loop.stop()
    assert done == ["done", "done", "ended"]


def test_work_is_looked_for_at_once_when_somebody_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "TICK", PATIENCE)
    looks = threading.Semaphore(0)

    def work() -> bool:
        looks.release()
        return False

    loop = WorkLoop("test", work)
    loop.start()
    for _ in range(3):
        assert looks.acquire(timeout=PATIENCE / 2)
        loop.woken.set()
    loop.stop()


def test_a_learner_with_nothing_to_do_looks_without_writing(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = threading.Semaphore(0)
    original = store.is_due

    def is_due(session: Session) -> bool:
        looks.release()
        return original(session)

    monkeypatch.setattr(store, "is_due", is_due)
    monkeypatch.setattr(working, "TICK", 0.01)
    learner = LearningRunner(settings, database, lambda _: None, "me")
    before = database.saves
    learner.start()
    for _ in range(3):
        assert looks.acquire(timeout=PATIENCE)
    learner.stop()
    assert database.saves == before
