"""On PostgreSQL nobody waits in a circle: not for the order of events, and who does is undone and does it again."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from limner.access import Actor, Credential
from limner.jobs.precompute import count_unencoded, make_items, start_precompute
from limner.service import bulk, turns
from limner.service.trash import put_in_trash
from limner.store import Database, Deadlocked
from limner.store.embeddings import EmbeddingKey
from limner.store.events import add_event
from limner.store.images import NewImage, add_image, lock_image
from limner.store.leases import hold
from limner.store.operations import apply_operation
from limner.store.people import add_person, remove_member, set_member
from limner.store.projects import create_project
from limner.store.tables import Project
from limner.store.trash import restore_same
from limner.store.types import utc_now
from limner.vocabulary.events import ImageEvent, PublishedEvent
from limner.vocabulary.operations import MarkOperation

PATIENCE = 30.0  # s


@dataclass(frozen=True)
class World:
    """A project with three images and somebody who may do everything; an annotator."""

    database: Database
    actor: Actor
    annotator_id: int
    project_id: int
    images: list[int]

    @property
    def context(self) -> Any:
        return SimpleNamespace(database=self.database)

    def save(self, session: Session, image_id: int) -> None:
        """What a save does once it has the image: a row of it and an event."""
        image = lock_image(session, image_id)
        mark = MarkOperation(kind="mark", uid=uuid.uuid4(), state="skipped", note="blurred")
        apply_operation(session, image, str(uuid.uuid4()), mark, revision=None, user_id=self.actor.user_id)

    def wait_until_it_waits(self, other: Future[Any]) -> None:
        """Until the transaction of another thread waits for a lock."""
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        deadline = time.monotonic() + PATIENCE
        while True:
            with self.database.connect() as connection:
                if connection.scalar(text(waiting)):
                    return
            assert not other.done(), other
            assert time.monotonic() < deadline, "it does not wait"
            time.sleep(0.01)


@pytest.fixture
def each_database() -> str:
    """SQLite has one writer at a time, and no circles."""
    return "postgresql"


@pytest.fixture
def world(database: Database) -> World:
    with database.write() as session:
        owner, annotator = add_person(session, "Olga", "owner"), add_person(session, "Ada", "member")
        project = create_project(session, "Cats")
        set_member(session, project.id, annotator, "annotator")
        images = [add_image(session, project.id, new_image(index))[0].id for index in range(3)]
    return World(database, Actor.of(owner, Credential.SESSION), annotator.id, project.id, images)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn that waited in a circle is not done again, so that it would be seen."""
    monkeypatch.setattr(turns, "ATTEMPTS", 1)


def new_image(index: int) -> NewImage:
    return NewImage(f"{index}.png", 16, 12, f"{index:064x}", 100, "PNG", "image/png")


def test_who_has_added_an_event_holds_up_nobody_until_the_commit(world: World, told: list[PublishedEvent]) -> None:
    """The second one would wait for the first one otherwise, which is in the same thread."""
    del told[:]
    with world.database.write() as first:
        add_event(first, ImageEvent(image_id=1, action="created"), world.project_id)
        with world.database.write() as second:
            second.execute(text("SET LOCAL lock_timeout = '10s'"))
            add_event(second, ImageEvent(image_id=2, action="created"), world.project_id)
    numbers = [each.id for each in told if each.id is not None]
    assert [each.event.image_id for each in told if isinstance(each.event, ImageEvent)] == [2, 1]
    assert numbers == sorted(numbers), "in the order of commits"


def test_a_delete_of_what_a_job_has_to_do_and_an_upload_get_through(world: World, pool: ThreadPoolExecutor) -> None:
    with world.database.write() as session:
        key = EmbeddingKey("a" * 64, 1)
        job = start_precompute(session, world.project_id, key, count_unencoded(session, world.project_id, key))
        make_items(session, job, key)

    def delete() -> bool:
        with world.database.write() as session:
            return put_in_trash(session, world.actor, world.images[0]).of_a_job

    with world.database.write() as session:
        assert restore_same(session, world.project_id, new_image(9).sha256) is None
        deleted = pool.submit(delete)
        world.wait_until_it_waits(deleted)  # the delete, which has told of the job, waits for the project
        add_image(session, world.project_id, new_image(9))
    assert deleted.result(PATIENCE)


@pytest.mark.usefixtures("once")
def test_marks_in_bulk_and_a_save_get_through(world: World, pool: ThreadPoolExecutor) -> None:
    images = bulk.ManyImages(world.images)
    with world.database.write() as session:
        lock_image(session, world.images[1])
        marked = pool.submit(bulk.mark_images, world.context, world.actor, world.project_id, images, "submitted")
        world.wait_until_it_waits(marked)  # marks, which have told of the first image, wait for the second one
        world.save(session, world.images[1])
    assert marked.result(PATIENCE).outcome.done == world.images


def test_many_deletes_and_a_save_get_through(world: World, pool: ThreadPoolExecutor) -> None:
    def delete() -> None:
        with world.database.write() as session:
            for image_id in world.images:
                put_in_trash(session, world.actor, image_id)

    with world.database.write() as session:
        lock_image(session, world.images[1])
        deleted = pool.submit(delete)
        world.wait_until_it_waits(deleted)  # deletes, which have the project, wait for the second image
        world.save(session, world.images[1])  # its event names the project
    deleted.result(PATIENCE)


def test_somebody_who_leaves_and_a_save_get_through(world: World, pool: ThreadPoolExecutor) -> None:
    """They have one image open, and another one is assigned to them."""
    opened, assigned = world.images[:2]
    with world.database.write() as session:
        now = utc_now()
        hold(lock_image(session, opened), world.annotator_id, now + timedelta(minutes=10), now, reserved=False)
        lock_image(session, assigned).assigned_user_id = world.annotator_id

    def leave() -> None:
        with world.database.write() as session:
            remove_member(session, world.project_id, world.annotator_id)

    with world.database.write() as session:
        lock_image(session, assigned)
        left = pool.submit(leave)
        world.wait_until_it_waits(left)  # who leaves has told of the first image and waits for the second one
        world.save(session, assigned)
    left.result(PATIENCE)


def test_a_project_that_is_deleted_meanwhile_keeps_nobody_from_telling_of_others(
    world: World, pool: ThreadPoolExecutor, told: list[PublishedEvent]
) -> None:
    with world.database.write() as session:
        other = create_project(session, "Dogs")
    del told[:]

    def tell(project_id: int) -> None:
        with world.database.write() as session:
            add_event(session, ImageEvent(image_id=1, action="created"), project_id)

    with world.database.write() as session:
        session.delete(session.get_one(Project, other.id))
        session.flush()
        waiting = pool.submit(tell, other.id)
        world.wait_until_it_waits(waiting)
        pool.submit(tell, world.project_id).result(PATIENCE)
    waiting.result(PATIENCE)
    assert [each.project_id for each in told] == [world.project_id], "of what is gone nobody hears"


def test_what_was_undone_because_it_waited_in_a_circle_is_done_again(
    world: World, pool: ThreadPoolExecutor, told: list[PublishedEvent]
) -> None:
    """They want images in opposite orders; who closes the circle is the one that the database ends."""
    first, second = world.images[:2]
    asked: list[int] = []
    del told[:]

    def change(session: Session, image_id: int) -> str:
        if len(asked) == 2:  # undone: the others have what they wanted
            backwards[0].result(PATIENCE)
        asked.append(image_id)
        lock_image(session, image_id)
        add_event(session, ImageEvent(image_id=image_id, action="restored"), world.project_id)
        if asked == [first]:
            backwards.append(pool.submit(lock_backwards))
            world.wait_until_it_waits(backwards[0])
        return f"changed {image_id}"

    def lock_backwards() -> None:
        with world.database.write() as session:
            session.execute(text("SET LOCAL deadlock_timeout = '1min'"))
            lock_image(session, second)
            lock_image(session, first)

    backwards: list[Any] = []
    outcome, changes = turns.in_turns(world.database, [first, second], change)
    assert asked == [first, second, first, second]
    assert (outcome.done, outcome.refused, outcome.next) == ([first, second], [], None)
    assert changes == [f"changed {first}", f"changed {second}"]
    assert [each.event for each in told] == [
        ImageEvent(image_id=image_id, action="restored") for image_id in (first, second)
    ]


def test_who_is_in_the_way_for_good_stops_what_is_done_to_many(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "MOST_AT_ONCE", 1)
    monkeypatch.setattr(turns, "REST", 0.0)
    attempts: list[int] = []

    def change(session: Session, image_id: int) -> int:
        attempts.append(image_id)
        if image_id != world.images[0]:
            raise Deadlocked("Always.")
        return image_id

    outcome, _ = turns.in_turns(world.database, world.images, change)
    assert (outcome.done, outcome.next) == (world.images[:1], world.images[0])
    assert len(attempts) == 1 + turns.ATTEMPTS
    with pytest.raises(Deadlocked):
        turns.in_turns(world.database, world.images[1:], change)
