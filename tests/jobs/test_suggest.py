"""Suggestions as background work, without anything that makes them: what is asked for, counted and written down."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import func, select

from limner.errors import Conflict
from limner.jobs import suggest_jobs
from limner.jobs.control import act_on_job, withdraw_image
from limner.jobs.kinds import SuggestPayload
from limner.jobs.suggest import SuggestQueue
from limner.jobs.suggest_jobs import start_suggest
from limner.jobs.suggest_one import activity_of, ask_for_image, cancel_for_image
from limner.store import Database
from limner.store.embeddings import EmbeddingKey, MadeEmbedding, encoded_among
from limner.store.images import NewImage, add_image, delete_image, get_image
from limner.store.jobs import get_job
from limner.store.projects import create_project
from limner.store.suggestions import NewSuggestion, suggestions_of
from limner.store.tables import JobItem
from limner.vocabulary import rle
from limner.vocabulary.suggested import Everything

KEY = EmbeddingKey("a" * 64, 1)
PAYLOAD = SuggestPayload(model_sha256=KEY.model_sha256, request=Everything(points_per_side=8))
HEIGHT, WIDTH = 12, 16
FOUND = [NewSuggestion(rle.encode(np.eye(HEIGHT, WIDTH, dtype=np.bool_)), 0.9, KEY.model_sha256)]


@pytest.fixture
def project_id(database: Database) -> int:
    with database.write() as session:
        project = create_project(session, "Cats")
    add_images(database, project.id, range(5))
    return project.id


@pytest.fixture
def work(database: Database) -> SuggestQueue:
    return SuggestQueue(database, "me")


def add_images(database: Database, project_id: int, indices: range) -> None:
    with database.write() as session:
        for index in indices:
            new = NewImage(f"{index}.png", WIDTH, HEIGHT, f"{index:064x}", 100, "PNG", "image/png")
            add_image(session, project_id, new)


def ask(database: Database, image_id: int, payload: SuggestPayload = PAYLOAD) -> None:
    with database.write() as session:
        ask_for_image(session, get_image(session, image_id), payload)


def start(database: Database, project_id: int) -> int:
    with database.write() as session:
        return start_suggest(session, project_id, PAYLOAD).id


def figures(database: Database, job_id: int) -> tuple[str, int, int, int]:
    with database.read() as session:
        job = get_job(session, job_id)
        return job.state, job.done, job.failed, job.total


def items(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(JobItem)) or 0


def do_next(work: SuggestQueue) -> int | None:
    item = work.claim()
    if item is None:
        return None
    assert work.settle(item, FOUND) == 1
    return item.image.id


def test_a_job_goes_through_all_images_a_window_at_a_time(
    database: Database, project_id: int, work: SuggestQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suggest_jobs, "WINDOW", 2)
    job = start(database, project_id)
    assert figures(database, job) == ("running", 0, 0, 5)
    done = []
    while (image_id := do_next(work)) is not None:
        done.append(image_id)
        assert items(database) <= 2
    assert done == sorted(done)
    assert figures(database, job) == ("done", 5, 0, 5)
    with database.read() as session:
        assert all(len(suggestions_of(session, image_id)) == 1 for image_id in done)


def test_images_that_come_while_it_runs_are_looked_through_too(
    database: Database, project_id: int, work: SuggestQueue
) -> None:
    job = start(database, project_id)
    do_next(work)
    add_images(database, project_id, range(5, 7))
    for _ in range(6):
        assert do_next(work) is not None
    assert do_next(work) is None
    assert figures(database, job) == ("done", 7, 0, 7)


def test_an_image_that_somebody_looks_at_comes_before_a_job(
    database: Database, project_id: int, work: SuggestQueue
) -> None:
    start(database, project_id)
    first = do_next(work)
    assert first is not None
    ask(database, first + 3)
    with database.read() as session:
        assert activity_of(session, first + 3) == "waiting"
    item = work.claim()
    assert item is not None
    assert (item.image.id, item.job_id, item.payload) == (first + 3, None, PAYLOAD)
    with database.read() as session:
        assert (activity_of(session, first + 3), activity_of(session, first)) == ("running", None)
    work.settle(item, FOUND)
    with database.read() as session:
        assert activity_of(session, first + 3) is None


def test_asking_again_replaces_what_waits(database: Database, project_id: int, work: SuggestQueue) -> None:
    finer = SuggestPayload(model_sha256=KEY.model_sha256, request=Everything(points_per_side=32))
    ask(database, 1)
    ask(database, 1, finer)
    item = work.claim()
    assert item is not None
    assert item.payload == finer
    assert items(database) == 1
    ask(database, 1)  # while it runs: what runs goes on
    assert work.settle(item, FOUND) == 1
    assert work.claim() is None


def test_what_was_cancelled_is_not_written_down(database: Database, project_id: int, work: SuggestQueue) -> None:
    ask(database, 1)
    item = work.claim()
    assert item is not None
    assert work.heartbeat(item)
    with database.write() as session:
        assert cancel_for_image(session, 1)
        assert not cancel_for_image(session, 1)
    assert not work.heartbeat(item)
    made = MadeEmbedding(item.image.sha256, 0.5, 9)
    assert work.settle(item, FOUND, made) is None
    with database.read() as session:
        assert suggestions_of(session, 1) == []
        assert encoded_among(session, [item.image.sha256], KEY) == {item.image.sha256}  # that was done all the same


def test_a_job_that_is_paused_or_cancelled_lets_its_item_go(
    database: Database, project_id: int, work: SuggestQueue
) -> None:
    job_id = start(database, project_id)
    item = work.claim()
    assert item is not None
    with database.write() as session:
        act_on_job(session, get_job(session, job_id), "pause")
    assert not work.heartbeat(item)
    assert work.settle(item, FOUND) is None
    assert work.claim() is None
    with database.write() as session:
        act_on_job(session, get_job(session, job_id), "resume")
    assert do_next(work) == item.image.id
    with database.write() as session:
        act_on_job(session, get_job(session, job_id), "cancel")
    assert (work.claim(), items(database)) == (None, 0)


def test_an_image_that_fails_is_counted_and_the_others_go_on(
    database: Database, project_id: int, work: SuggestQueue
) -> None:
    job_id = start(database, project_id)
    item = work.claim()
    assert item is not None
    work.fail(item, "It is no image.", lasting=True)
    while do_next(work) is not None:
        pass
    assert figures(database, job_id) == ("done", 4, 1, 5)
    with database.read() as session:
        assert get_job(session, job_id).message == "1 image could not be looked through."


def test_where_nothing_can_be_made_the_job_stops_until_it_is_resumed(
    database: Database, project_id: int, work: SuggestQueue
) -> None:
    job_id = start(database, project_id)
    item = work.claim()
    assert item is not None
    work.stop(item, "There is no torch.")
    assert (figures(database, job_id)[0], work.claim()) == ("failed", None)
    with database.write() as session:
        act_on_job(session, get_job(session, job_id), "resume")
    while do_next(work) is not None:
        pass
    assert figures(database, job_id) == ("done", 5, 0, 5)


def test_images_that_were_deleted_are_passed_over(database: Database, project_id: int, work: SuggestQueue) -> None:
    ask(database, 2)
    with database.write() as session:
        delete_image(session, get_image(session, 2))
    assert work.claim() is None
    assert items(database) == 0
    ask(database, 1)
    item = work.claim()
    assert item is not None
    with database.write() as session:
        delete_image(session, get_image(session, 1))
    assert work.settle(item, FOUND) is None


def test_an_image_that_leaves_its_project_leaves_the_job(
    database: Database, project_id: int, work: SuggestQueue
) -> None:
    job_id = start(database, project_id)
    first = do_next(work)
    assert first is not None
    with database.write() as session:
        image = get_image(session, first + 1)
        assert withdraw_image(session, project_id, image.sha256, image.id)
        delete_image(session, image)
    while do_next(work) is not None:
        pass
    assert figures(database, job_id) == ("done", 4, 0, 4)


def test_a_project_has_one_such_job_at_a_time(database: Database, project_id: int) -> None:
    start(database, project_id)
    with pytest.raises(Conflict):
        start(database, project_id)


def test_items_of_several_models_come_in_order_and_each_says_which(
    database: Database, project_id: int, work: SuggestQueue
) -> None:
    other = SuggestPayload(model_sha256="b" * 64, request=Everything(points_per_side=8))
    start(database, project_id)
    assert do_next(work) is not None
    ask(database, 3, other)
    ask(database, 4)
    claimed = [work.claim(), work.claim(), work.claim()]
    models = [item and item.model_sha256 for item in claimed]
    assert models == [other.model_sha256, KEY.model_sha256, KEY.model_sha256]
    item = claimed[0]
    assert item is not None
    assert work.heartbeat(item)
    work.settle(item, FOUND, MadeEmbedding(item.image.sha256, 0.5, 9))
    with database.read() as session:
        assert encoded_among(session, [item.image.sha256], EmbeddingKey.of(other.model_sha256)) == {item.image.sha256}
        assert encoded_among(session, [item.image.sha256], KEY) == set()
    work.release()
    again = work.claim()
    assert again is not None
    assert again.id == claimed[1].id if claimed[1] else None
