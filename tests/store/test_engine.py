import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from limner.errors import Unavailable
from limner.store import Database, turns
from limner.store.events import add_event, events_after, latest_event_id
from limner.store.projects import create_project, list_projects
from limner.store.tables import Project
from limner.store.turns import Courtesy, FairLock, Pace
from limner.vocabulary.events import ImageEvent, PublishedEvent


def test_sqlite_never_rolls_back_what_it_acknowledged(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'store.db'}")
    for transaction in (database.read, database.write):
        with transaction() as session:
            pragmas = {
                name: session.execute(text(f"PRAGMA {name}")).scalar_one()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            }
        assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}
    database.close()


def test_only_what_is_worth_nothing_after_a_power_cut_is_not_waited_for(database: Database) -> None:
    asked = text("PRAGMA synchronous" if database.is_sqlite else "SHOW synchronous_commit")
    full, without = (2, 1) if database.is_sqlite else ("on", "off")
    for durable, expected in ((True, full), (False, without), (True, full)):
        with database.write(durable=durable) as session:
            assert session.execute(asked).scalar_one() == expected
            create_project(session, f"Cats {durable}")
    with database.read() as session:
        assert len(list_projects(session)) == 3


def test_reading_cannot_write(database: Database) -> None:
    with database.read() as session, pytest.raises(DBAPIError, match=r"readonly|read-only"):
        create_project(session, "Cats")


def test_reading_sees_one_snapshot(database: Database) -> None:
    with database.read() as session:
        assert list_projects(session) == []
        with database.write() as other:
            create_project(other, "Cats")
        assert list_projects(session) == []
    with database.read() as session:
        assert len(list_projects(session)) == 1


def test_a_failed_transaction_leaves_and_publishes_nothing(database: Database, told: list[PublishedEvent]) -> None:

    def fail() -> None:
        with database.write() as session:
            project = create_project(session, "Cats")
            add_event(session, ImageEvent(image_id=1, action="created"), project.id)
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    with database.read() as session:
        assert list_projects(session) == []
        assert latest_event_id(session) == 0
    assert told == []


def test_moments_come_back_in_utc(database: Database) -> None:
    with database.write() as session:
        made = create_project(session, "Cats")
    with database.read() as session:
        found = session.get(Project, made.id)
        assert found is not None
        assert found.created == made.created
        assert found.created.utcoffset() is not None


def test_pruned_events_are_said_to_be_missing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("limner.store.events.PRUNE_EVERY", 10)
    monkeypatch.setattr("limner.store.events.KEPT_EVENTS", 10)
    with database.write() as session:
        project = create_project(session, "Cats")
        other = create_project(session, "Dogs")
        for index in range(25):
            event = ImageEvent(image_id=index, action="created")
            add_event(session, event, (project if index % 2 else other).id)
    with database.read() as session:
        newest = latest_event_id(session)
        recent = events_after(session, project.id, newest - 4)
        assert recent is not None
        assert [told.event for told in recent] == [ImageEvent(image_id=number, action="created") for number in (21, 23)]
        assert events_after(session, project.id, 1) is None
        assert events_after(session, project.id, newest) == []


def test_writers_take_turns_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    lock = FairLock()
    order: list[int] = []
    threads = []

    def write(number: int) -> None:
        with lock.hold(10):
            order.append(number)

    with lock.hold(0):
        for number in range(8):
            threads.append(threading.Thread(target=write, args=(number,)))
            threads[-1].start()
            while len(lock._waiting) <= number:
                time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert order == list(range(8))


def test_who_waits_too_long_to_write_is_told_to_come_again_and_holds_up_nobody(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'turns.db'}")
    with database.write(), pytest.raises(Unavailable, match="busy"), database.write(patience=0.01):
        pass
    with database.write(patience=0):
        pass
    database.close()


def test_bulk_work_finds_how_much_fits_into_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(turns.time, "thread_time", lambda: clock[0])
    pace = Pace(100, lambda: 0)
    sizes = []
    for seconds_each in [0.000999] * 6 + [0.1] * 2 + [0.0] * 10:
        sizes.append(pace.size)
        with pace.turn():
            clock[0] += pace.size * seconds_each
    assert sizes[:8] == [8, 16, 20, 20, 20, 20, 20, 1], "20 ms of it"
    assert max(sizes) == 100


def test_turns_of_bulk_work_are_as_short_as_a_save_while_others_save(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, saves = [0.0], [0]
    monkeypatch.setattr(turns.time, "thread_time", lambda: clock[0])
    pace = Pace(100, lambda: saves[0], first=20)
    sizes = []
    for saved in [0, 1, 1, 0, 0, 0, 0]:
        saves[0] += saved
        with pace.turn():
            clock[0] += pace.size * 0.000999
        sizes.append(pace.size)
    assert sizes == [20, 4, 4, 8, 16, 20, 20]


def test_waiting_for_the_lock_or_for_a_processor_does_not_make_turns_smaller() -> None:
    pace = Pace(100, lambda: 0)
    for _ in range(5):
        with pace.turn():
            time.sleep(0.03)
    assert pace.size == 100


def test_bulk_work_rests_four_times_as_long_as_it_worked_while_others_save_and_only_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, saves, rests = [0.0], [0], list[float]()
    monkeypatch.setattr(turns.time, "thread_time", lambda: clock[0])
    monkeypatch.setattr(turns.time, "sleep", rests.append)
    courtesy = Courtesy(lambda: saves[0])
    for worked, saved in [(0.02, 0), (0.02, 1), (0.003, 1), (0.02, 0), (0.02, 0), (5.0, 1)]:
        clock[0] += worked
        saves[0] += saved
        courtesy.pause()
    assert rests == pytest.approx([0.08, 0.092, turns.LONGEST_REST]), "a little work is not worth a rest yet"


def test_work_in_bulk_does_not_count_as_saving(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'turns.db'}")
    with database.write():
        pass
    with database.write(bulk=True):
        pass
    assert database.saves == 1
    database.close()


def test_work_in_bulk_that_has_begun_waits_longer_than_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'turns.db'}")
    monkeypatch.setattr("limner.store.engine.PATIENCE", 0.01)
    released = threading.Event()

    def hold() -> None:
        with database.write():
            held.set()
            released.wait(10)

    held = threading.Event()
    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    with pytest.raises(Unavailable), database.write():
        pass
    threading.Timer(0.2, released.set).start()
    with database.write(bulk=True):
        pass
    holder.join()
    database.close()
