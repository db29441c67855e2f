"""The job that encodes a project, without an encoder: what it asks for, counts, and writes down."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, select

from limner.encoding.states import EncodeEvent, Target
from limner.errors import Conflict
from limner.jobs import precompute
from limner.jobs.control import act_on_job, withdraw_image
from limner.jobs.encoding import EncodingQueue
from limner.jobs.precompute import count_unencoded, start_precompute
from limner.models.catalogue import find_model
from limner.models.in_use import Models
from limner.store import Database
from limner.store.embeddings import EmbeddingKey, MadeEmbedding, add_embeddings, encoded_among
from limner.store.images import NewImage, add_image, delete_image
from limner.store.jobs import get_job
from limner.store.projects import create_project, delete_project, get_project
from limner.store.tables import Image, Job, JobItem
from limner.vocabulary.events import EmbeddingEvent, JobEvent, PublishedEvent
from tests.conftest import install_card

KEY = EmbeddingKey("a" * 64, 1)
OTHER_KEY = EmbeddingKey("b" * 64, 1)


def sha(index: int) -> str:
    return f"{index:064x}"


def target(index: int, key: EmbeddingKey = KEY) -> Target:
    return Target(sha(index), key.model_sha256)


def add_images(database: Database, project_id: int, indices: range) -> None:
    with database.write() as session:
        for index in indices:
            add_image(session, project_id, NewImage(f"{index}.png", 16, 12, sha(index), 100, "PNG", "image/png"))


@pytest.fixture
def project_id(database: Database) -> int:
    with database.write() as session:
        project = create_project(session, "Cats")
    add_images(database, project.id, range(7))
    return project.id


@pytest.fixture
def models(tmp_path: Path) -> Models:
    """Two that are installed; the first is the installation's."""
    for name, key in (("one", KEY), ("two", OTHER_KEY)):
        install_card(tmp_path, name, key.model_sha256)
    return Models(tmp_path, find_model("one", tmp_path))


@pytest.fixture
def encoder(database: Database, models: Models) -> EncodingQueue:
    return EncodingQueue(database, models, "me")


def start(database: Database, project_id: int, key: EmbeddingKey = KEY) -> int:
    with database.read() as session:
        counted = count_unencoded(session, project_id, key)
    with database.write() as session:
        return start_precompute(session, project_id, key, counted).id


def claim(encoder: EncodingQueue, count: int) -> list[str]:
    return [each.target.image_sha256 for each in encoder.claim(count)]


def ready(*sha256s: str) -> list[EncodeEvent]:
    return [EncodeEvent(Target(each, KEY.model_sha256), "ready", seconds=0.5, bytes=9) for each in sha256s]


def figures(database: Database, job_id: int) -> tuple[str, int, int, int]:
    with database.read() as session:
        job = get_job(session, job_id)
        return job.state, job.done, job.failed, job.total


def test_what_is_encoded_is_not_asked_for_and_the_rest_is_in_order(
    database: Database, project_id: int, encoder: EncodingQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precompute, "WINDOW", 2)
    with database.write() as session:
        add_embeddings(session, KEY, [MadeEmbedding(sha(index), 1, 1) for index in (0, 1, 2, 4)])
    job = start(database, project_id)
    assert figures(database, job) == ("running", 0, 0, 3)
    assert claim(encoder, 8) == [sha(3)]  # the first window with something to do
    encoder.settle(ready(sha(3)))
    assert claim(encoder, 8) == [sha(5)]
    encoder.settle(ready(sha(5)))
    assert claim(encoder, 8) == [sha(6)]
    encoder.settle(ready(sha(6)))
    assert claim(encoder, 8) == []
    assert figures(database, job) == ("done", 3, 0, 3)
    with database.read() as session:
        assert encoded_among(session, [sha(index) for index in range(7)], KEY) == {sha(index) for index in range(7)}
        assert session.scalar(select(func.count()).select_from(JobItem)) == 0


def test_images_that_are_added_to_a_project_join_its_running_job(
    database: Database, project_id: int, encoder: EncodingQueue
) -> None:
    job = start(database, project_id)
    assert len(claim(encoder, 6)) == 6
    add_images(database, project_id, range(7, 10))
    encoder.settle(ready(*map(sha, range(6))))
    assert claim(encoder, 8) == [sha(6)]
    encoder.settle(ready(sha(6)))
    assert claim(encoder, 8) == [sha(7), sha(8), sha(9)]
    assert figures(database, job) == ("running", 7, 0, 10)
    encoder.settle(ready(*map(sha, range(7, 10))))
    assert claim(encoder, 8) == []
    assert figures(database, job) == ("done", 10, 0, 10)


def test_what_somebody_looked_at_meanwhile_is_not_counted_twice(
    database: Database, project_id: int, encoder: EncodingQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precompute, "WINDOW", 3)
    job = start(database, project_id)
    encoder.settle(ready(sha(6)))  # before the job came so far
    assert claim(encoder, 8) == [sha(0), sha(1), sha(2)]
    encoder.settle([*ready(sha(1)), *ready(sha(1)), *ready(sha(0), sha(2))])
    assert claim(encoder, 8) == [sha(3), sha(4), sha(5)]
    encoder.settle(ready(sha(3), sha(4), sha(5)))
    assert claim(encoder, 8) == []
    assert figures(database, job) == ("done", 6, 0, 6)


def test_one_image_in_two_projects_is_done_for_both(
    database: Database, project_id: int, encoder: EncodingQueue
) -> None:
    with database.write() as session:
        other = create_project(session, "Dogs")
    add_images(database, other.id, range(2))
    jobs = [start(database, project_id), start(database, other.id)]
    assert set(claim(encoder, 20)) == {sha(index) for index in range(7)}
    encoder.settle(ready(*map(sha, range(7))))
    assert claim(encoder, 20) == []
    assert [figures(database, job) for job in jobs] == [("done", 7, 0, 7), ("done", 2, 0, 2)]


def test_a_job_ends_with_what_has_failed_named_and_goes_on_when_that_is_tried_again(
    database: Database, project_id: int, encoder: EncodingQueue, told: list[PublishedEvent]
) -> None:
    job = start(database, project_id)
    claim(encoder, 8)
    encoder.settle(
        [
            *ready(*map(sha, range(5))),
            EncodeEvent(target(5), "failed", "It is ugly.", lasting=True),
            EncodeEvent(target(6), "failed", "The disk is full.", lasting=False),
        ]
    )
    assert figures(database, job) == ("running", 5, 1, 7)
    encoder.settle(ready(sha(6)))
    encoder.claim(8)
    assert figures(database, job) == ("done", 6, 1, 7)
    with database.write() as session:
        assert get_job(session, job).message == "1 image could not be encoded."
        act_on_job(session, get_job(session, job), "retry")
    assert claim(encoder, 8) == [sha(5)]
    encoder.settle(ready(sha(5)))
    encoder.claim(8)
    assert figures(database, job) == ("done", 7, 0, 7)
    states = [each.event.state for each in told if isinstance(each.event, EmbeddingEvent)]
    assert states == ["ready"] * 5 + ["failed"] * 2 + ["ready"] * 2
    assert [each.event.state for each in told if isinstance(each.event, JobEvent)][-1] == "done"


def test_a_project_has_one_unfinished_job_and_a_job_can_be_cancelled_midway(
    database: Database, project_id: int, encoder: EncodingQueue
) -> None:
    job = start(database, project_id)
    with pytest.raises(Conflict, match=f"Job {job} is running"):
        start(database, project_id)
    encoder.claim(3)
    with database.write() as session:
        act_on_job(session, get_job(session, job), "cancel")
    assert encoder.heartbeat() == []
    encoder.settle(ready(sha(0)))
    assert claim(encoder, 8) == []
    assert figures(database, job) == ("cancelled", 0, 0, 7)
    assert start(database, project_id) != job


def test_what_is_claimed_at_once_is_of_one_model_and_jobs_take_turns(
    database: Database, project_id: int, encoder: EncodingQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precompute, "WINDOW", 3)
    with database.write() as session:
        other = create_project(session, "Dogs")
    add_images(database, other.id, range(2))
    start(database, project_id, OTHER_KEY)
    start(database, other.id)
    first = encoder.claim(8)
    assert [each.target for each in first] == [target(index, OTHER_KEY) for index in range(3)]
    assert [each.target for each in encoder.claim(8)] == [target(0), target(1)]
    assert set(encoder.heartbeat()) == {each.target for each in first} | {target(0), target(1)}
    encoder.settle([EncodeEvent(each.target, "ready", seconds=1, bytes=1) for each in first])
    with database.read() as session:
        assert encoded_among(session, [sha(0)], OTHER_KEY) == {sha(0)}
        assert encoded_among(session, [sha(0)], KEY) == set()


def test_a_job_of_an_older_version_goes_on_with_the_model_in_use(
    database: Database, project_id: int, encoder: EncodingQueue
) -> None:
    with database.write() as session:
        session.add(Job(project_id=project_id, kind="precompute", state="running", total=7, payload={}))
    assert len(claim(encoder, 8)) == 7


def test_jobs_stop_when_nobody_can_encode_and_go_on_when_somebody_can(
    database: Database, project_id: int, encoder: EncodingQueue, models: Models
) -> None:
    job = start(database, project_id)
    elsewhere = EncodingQueue(database, models, "elsewhere")
    elsewhere.claim(1)
    encoder.follow("The model is gone.", {})
    assert figures(database, job)[0] == "running"  # another process is at it
    elsewhere.release()
    encoder.follow("The model is gone.", {})
    assert figures(database, job)[0] == "failed"
    assert claim(encoder, 8) == []
    elsewhere.follow(None, {})
    assert figures(database, job)[0] == "running"
    assert len(claim(encoder, 8)) == 7


def test_what_is_held_is_known_and_can_be_given_back(
    database: Database, project_id: int, encoder: EncodingQueue, models: Models
) -> None:
    start(database, project_id)
    assert claim(encoder, 2) == [sha(0), sha(1)]
    assert set(encoder.heartbeat()) == {target(0), target(1)}
    encoder.release()
    assert encoder.heartbeat() == []
    assert claim(EncodingQueue(database, models, "other"), 2) == [sha(0), sha(1)]


def test_a_project_takes_its_jobs_and_their_items_along(
    database: Database, project_id: int, encoder: EncodingQueue
) -> None:
    start(database, project_id)
    encoder.claim(2)
    with database.write() as session:
        delete_project(session, get_project(session, project_id))
    encoder.settle(ready(sha(0)))
    with database.read() as session:
        assert session.scalars(select(JobItem)).all() == session.scalars(select(Job)).all() == []


def test_an_image_that_leaves_a_project_leaves_its_job_and_no_other_one(
    database: Database, project_id: int, encoder: EncodingQueue, told: list[PublishedEvent]
) -> None:
    with database.write() as session:
        other = create_project(session, "Dogs")
    add_images(database, other.id, range(3))
    jobs = start(database, project_id), start(database, other.id)
    assert claim(encoder, 2) == [sha(0), sha(1)]
    encoder.claim(8)
    encoder.settle([EncodeEvent(target(2), "failed", "It is ugly.", lasting=True)])
    for job_id in jobs:
        assert figures(database, job_id)[2] == 1
    told.clear()
    with database.write() as session:
        for index in (0, 2, 5):  # in hand, failed, waiting
            assert withdraw_image(session, project_id, sha(index), index + 1)
            here = select(Image).where(Image.project_id == project_id, Image.sha256 == sha(index))
            delete_image(session, session.scalars(here).one())
        assert not withdraw_image(session, project_id, sha(0), 1)
    assert figures(database, jobs[0]) == ("running", 0, 0, 4)
    assert figures(database, jobs[1]) == ("running", 0, 1, 3)
    counted = [each.event.total for each in told if isinstance(each.event, JobEvent)]
    assert counted == [6, 5, 4]
    held = {target.image_sha256 for target in encoder.heartbeat()}
    assert sha(5) not in held
    assert sha(0) in held  # for the other project
    encoder.settle(ready(*(sha(index) for index in (0, 1, 3, 4, 6))))
    encoder.claim(8)
    assert figures(database, jobs[0]) == ("done", 4, 0, 4)
    assert figures(database, jobs[1]) == ("done", 2, 1, 3)


@pytest.mark.parametrize("each_database", ["sqlite"], indirect=True)
def test_what_an_encoded_image_costs_does_not_grow_with_its_job(
    database: Database, project_id: int, encoder: EncodingQueue
) -> None:
    """In steps of SQLite's machine while the one write lock is held: nothing is counted anew for each image."""
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    def watch(connection: sqlite3.Connection, *_: Any) -> None:
        connection.set_progress_handler(step, 1)

    def cost(sha256: str) -> int:
        nonlocal steps
        steps = 0
        encoder.settle(ready(sha256))
        return steps

    event.listen(database.writing, "checkout", watch)
    costs = []
    for images in (range(7), range(7, 400)):
        add_images(database, project_id, images)
        job = start(database, project_id)
        first, second, third = claim(encoder, 3)
        encoder.settle(ready(first))  # what comes once comes here
        costs.append(cost(second))
        assert figures(database, job)[:2] == ("running", 2)
        encoder.settle(ready(third))
        with database.write() as session:
            act_on_job(session, get_job(session, job), "cancel")
    assert 0 < costs[1] <= 1.2 * costs[0], costs
