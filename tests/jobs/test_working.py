"""The thread that does what waits: one piece after the other, again after what raises, until it is stopped."""

from __future__ import annotations

import threading
import time

import pytest
from sqlalchemy.orm import Session

from limner.config import Settings
from limner.jobs import working
from limner.jobs.working import WorkLoop
from limner.learning.runner import MAX_CRASHES, LearningRunner
from limner.store import Database
from limner.store import learning as store
from limner.store.projects import create_project
from limner.store.tables import LearningRun
from limner.store.types import utc_now
from limner.vocabulary.events import LearningEvent, PublishedEvent

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


def test_a_run_whose_server_is_lost_again_and_again_is_given_up(
    settings: Settings, database: Database, told: list[PublishedEvent]
) -> None:
    with database.write() as session:
        project_id = create_project(session, "Cats").id
        run = LearningRun(project_id=project_id, kind="detector", state="waiting", recipe={}, figures={}, progress={})
        run.snapshot, run.snapshot_sha256, run.parent, run.parent_sha256 = "then", "0" * 64, "samlet", "1" * 64
        session.add(run)
    now = utc_now()
    for server in range(MAX_CRASHES):  # each finds that the lease of the one before is over
        with database.write() as session:
            claimed = store.claim_run(session, f"server {server}", now - 2 * (MAX_CRASHES - server) * store.LEASE)
            assert claimed is not None
            assert (claimed.state, claimed.crashes) == ("running", server)
    learner = LearningRunner(settings, database, lambda _: None, "me")
    learner.start()
    deadline = time.monotonic() + PATIENCE
    while not any(isinstance(e.event, LearningEvent) and e.event.state == "failed" for e in told):
        assert time.monotonic() < deadline, told
        time.sleep(0.01)
    learner.stop()
    with database.read() as session:
        (given_up,) = session.query(LearningRun).all()
        assert (given_up.state, given_up.holder) == ("failed", None)
        assert given_up.message == "The server was lost over it, 3 times in a row."
