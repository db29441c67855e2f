"""The sums of statistics are those of the rows, on both databases, whatever was done and whenever it was counted."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import func, select, update

from limner.jobs.statistics import Counter as CounterThread
from limner.jobs.statistics import count_changes
from limner.store import Database
from limner.store.contributions import MAX_CLICKS, MAX_SECONDS
from limner.store.images import add_image, delete_image, lock_image
from limner.store.people import add_person
from limner.store.projects import delete_project
from limner.store.statistics import (
    effort_rows,
)
from limner.store.tables import (
    Annotation,
    EffortDay,
    EffortGroup,
    Image,
    ImageRollup,
    Project,
    StateDay,
)
from tests.store.conftest import World, create, mask_rle, new_image, operation
from tests.store.working import MODELS, efforts, mark, new_uid, provenance, save, states


def test_what_was_undone_leaves_no_trace_in_the_sums(world: World) -> None:
    uid = new_uid()
    count_changes(world.database)
    save(world, world.image_id, create(uid, world.category_id))
    count_changes(world.database)
    assert efforts(world, "category") == {world.category_id: (1, 0, 0.0, 0, 0)}
    save(world, world.image_id, operation(kind="delete", uid=uid))
    save(world, world.image_id, mark("submitted"))
    save(world, world.image_id, mark("waiting"))
    count_changes(world.database)
    with world.database.read() as session:
        assert list(effort_rows(session, world.project_id)) == []
        assert session.scalar(select(func.count()).select_from(EffortDay)) == 0
        assert session.scalar(select(func.count()).select_from(EffortGroup)) == 0
    assert states(world) == [{"waiting": 1}]


def test_time_and_clicks_are_counted_only_where_they_are_known_and_at_most_so_much(world: World) -> None:
    for given in (None, provenance(None), provenance(MODELS[0], 1e300, 10**30), provenance(MODELS[0], 1.5, 2)):
        save(world, world.image_id, create(new_uid(), provenance=given))
    count_changes(world.database)
    assert efforts(world, "model") == {
        "": (2, 0, 0.0, 0, 0),
        MODELS[0]: (2, 2, MAX_SECONDS + 1.5, 2, MAX_CLICKS + 2),
    }


def test_masks_belong_to_who_made_them_and_to_the_day_of_it(world: World) -> None:
    with world.database.write() as session:
        ada, eve = (add_person(session, name, "member").id for name in ("Ada", "Eve"))
    uid = new_uid()
    save(world, world.image_id, create(uid), ada)
    save(world, world.image_id, operation(kind="update", uid=uid, changes={"segmentation": mask_rle(1)}), eve)
    with world.database.write() as session:
        made = datetime(2025, 3, 4, 23, 59, tzinfo=UTC)
        session.execute(update(Annotation).values(created=made))
    count_changes(world.database)
    assert efforts(world, "person") == {ada: (1, 0, 0.0, 0, 0)}
    assert efforts(world, "person", eve) == {}
    assert efforts(world, "day") == {date(2025, 3, 4): (1, 0, 0.0, 0, 0)}


def test_an_image_whose_state_no_history_explains_counts_as_it_stands(world: World) -> None:
    with world.database.write() as session:
        session.execute(update(Image).values(state="submitted", author_id=7))
    count_changes(world.database)
    assert states(world)[-1] == {"submitted": 1}


def test_a_project_takes_its_sums_with_it(world: World) -> None:
    save(world, world.image_id, create(new_uid()))
    count_changes(world.database)
    with world.database.write() as session:
        delete_project(session, session.get_one(Project, world.project_id))
    assert count_changes(world.database) == 0
    with world.database.read() as session:
        for table in (EffortDay, EffortGroup, StateDay, ImageRollup):
            assert session.scalar(select(func.count()).select_from(table)) == 0


def test_counting_beside_saves_and_deletions_misses_nothing(world: World) -> None:
    with world.database.write() as session:
        images = [add_image(session, world.project_id, new_image(index))[0].id for index in range(1, 5)]
    stop = threading.Event()

    def count() -> None:
        while not stop.is_set():
            count_changes(world.database)

    def annotate(image_id: int) -> None:
        for index in range(8):
            save(world, image_id, create(new_uid(), world.category_id, seed=index))

    with ThreadPoolExecutor(5) as pool:
        counting = [pool.submit(count), pool.submit(count)]
        try:
            for saved in [pool.submit(annotate, image_id) for image_id in images[:3]]:
                saved.result()
            with world.database.write() as session:
                delete_image(session, lock_image(session, images[0]))
        finally:
            stop.set()
        for each in counting:
            each.result()
    count_changes(world.database)
    assert efforts(world, "category") == {world.category_id: (16, 0, 0.0, 0, 0)}
    assert states(world)[-1] == {"waiting": 4}


def test_a_started_counter_counts_by_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = threading.Event()
    real = count_changes

    def count(database: Database, stopping: threading.Event | None = None) -> int:
        done = real(database, stopping)
        counted.set()
        return done

    monkeypatch.setattr("limner.jobs.statistics.COUNT_EVERY", 0.01)
    monkeypatch.setattr("limner.jobs.statistics.count_changes", count)
    counter = CounterThread(world.database)
    counter.start()
    try:
        assert counted.wait(60), "nothing was counted within a minute"
    finally:
        counter.stop()
    assert states(world) == [{"waiting": 1}]
