"""Images that are moved to other folders: what they are called, where they stand and count, and what stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlalchemy import select

from limner.errors import Conflict, InvalidInput
from limner.jobs.statistics import count_changes
from limner.store import Database
from limner.store.copies import copy_for
from limner.store.events import events_after
from limner.store.folders import folders_of
from limner.store.images import add_image, lock_image
from limner.store.listing import page_images
from limner.store.moving import announce_moves, move_image
from limner.store.projects import create_project
from limner.store.rollup import count_due, roll_up, uncounted
from limner.store.tables import FolderSize, Image, User
from limner.store.trash import put_in_trash
from limner.vocabulary.events import MovedEvent
from limner.vocabulary.listing import Listing
from limner.vocabulary.names import MAX_PATH
from tests.store.conftest import World, create, new_image

NAMES = ("a.png", "b/10.png", "b/9.png", "c/9.png")


@pytest.fixture
def project_id(database: Database) -> int:
    with database.write() as session:
        project = create_project(session, "Streets")
        for index, name in enumerate(NAMES):
            add_image(session, project.id, replace(new_image(index), file_name=name))
        return project.id


def names(database: Database, project_id: int, listing: Listing) -> list[str]:
    with database.read() as session:
        return [image.file_name for image in page_images(session, project_id, None, 100, listing).images]


def numbers(database: Database, project_id: int) -> dict[str, int]:
    with database.read() as session:
        rows = session.execute(select(Image.file_name, Image.id).where(Image.project_id == project_id))
        return {row.file_name: row.id for row in rows}


def move(database: Database, image_id: int, folder: str) -> Sequence[str]:
    """Names of the image and its copies; empty when it was there."""
    with database.write() as session:
        moved = move_image(session, lock_image(session, image_id), folder)
        announce_moves(session, moved)
        return [image.file_name for image in moved]


def sums(database: Database, project_id: int) -> dict[str, int]:
    with database.read() as session:
        rows = session.execute(select(FolderSize.path, FolderSize.images).where(FolderSize.project_id == project_id))
        return {row.path: row.images for row in rows}


def test_an_image_keeps_the_last_part_of_its_name_and_stands_where_that_belongs(
    database: Database, project_id: int
) -> None:
    by_name = numbers(database, project_id)
    assert move(database, by_name["b/10.png"], "c") == ["c/10.png"]
    assert move(database, by_name["c/9.png"], "c") == [], "it is there"
    assert move(database, by_name["b/9.png"], "") == ["9.png"]
    assert move(database, by_name["a.png"], "d/e") == ["d/e/a.png"]
    assert names(database, project_id, Listing(order="name")) == ["9.png", "c/9.png", "c/10.png", "d/e/a.png"]
    assert names(database, project_id, Listing(order="name", folder="d")) == ["d/e/a.png"]


def test_folders_and_their_sums_follow_and_the_image_counts_once(database: Database, project_id: int) -> None:
    count_changes(database)
    assert sums(database, project_id) == {"b": 2, "c": 1}
    by_name = numbers(database, project_id)
    move(database, by_name["b/10.png"], "d")
    move(database, by_name["b/9.png"], "")
    with database.read() as session:
        assert folders_of(session, project_id, 9) == [("c", 1), ("d", 1)], "known before it is counted"
        assert uncounted(session, project_id) == 2
    count_changes(database)
    assert sums(database, project_id) == {"c": 1, "d": 1}
    move(database, by_name["b/10.png"], "b")
    count_changes(database)
    assert sums(database, project_id) == {"b": 1, "c": 1}


def test_an_image_that_is_moved_while_it_is_counted_is_counted_again(database: Database, project_id: int) -> None:
    by_name = numbers(database, project_id)
    with database.read() as session:
        counted = count_due(session, 100)
    move(database, by_name["c/9.png"], "d")
    with database.write() as session:
        assert roll_up(session, counted, 100) == len(NAMES) - 1
    assert sums(database, project_id) == {"b": 2}
    count_changes(database)
    assert sums(database, project_id) == {"b": 2, "d": 1}


def test_who_annotates_an_image_that_is_moved_saves_without_a_conflict(world: World) -> None:
    world.apply(create("11111111-1111-4111-8111-111111111111", world.category_id), revision=0)
    move(world.database, world.image_id, "night")
    applied = world.apply(create("22222222-2222-4222-8222-222222222222", world.category_id), revision=1)
    assert applied.revision == 2
    with world.database.read() as session:
        image = session.get_one(Image, world.image_id)
        assert (image.file_name, image.revision, image.annotation_count) == ("night/0.png", 2, 2)


def test_a_name_that_is_taken_is_refused_and_nothing_changes(database: Database, project_id: int) -> None:
    by_name = numbers(database, project_id)
    with pytest.raises(Conflict, match="Another image in that folder has the same name"):
        move(database, by_name["b/9.png"], "c")
    with pytest.raises(InvalidInput, match="the path would be too long"):
        move(database, by_name["b/10.png"], "/".join(["x" * 200] * 6)[: MAX_PATH - len("10.png")])
    assert numbers(database, project_id) == by_name
    assert move(database, by_name["b/10.png"], "/".join(["x" * 200] * 6)[: MAX_PATH - len("/10.png")])


def test_a_name_that_somebody_takes_at_the_same_time_is_refused_and_the_transaction_goes_on(
    database: Database, project_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_name = numbers(database, project_id)
    monkeypatch.setattr("limner.store.moving.free_file_name", lambda session, project_id, name: name)
    with database.write() as session:
        with pytest.raises(Conflict, match="the same name"):
            move_image(session, lock_image(session, by_name["b/9.png"]), "c")
        announce_moves(session, move_image(session, lock_image(session, by_name["b/10.png"]), "c"))
    assert sorted(numbers(database, project_id)) == ["a.png", "b/9.png", "c/10.png", "c/9.png"]


def test_copies_that_people_work_on_are_called_as_the_image_is(database: Database, project_id: int) -> None:
    by_name = numbers(database, project_id)
    with database.write() as session:
        user = User(name="Ada", role="member", storage_key="ada")
        session.add(user)
        session.flush()
        copy_for(session, lock_image(session, by_name["c/9.png"]), user.id)
        copy = copy_for(session, lock_image(session, by_name["b/9.png"]), user.id)
        put_in_trash(session, lock_image(session, by_name["c/9.png"]), user.id)
        copy_id, kept_in = copy.id, copy.project_id
    count_changes(database)
    assert move(database, by_name["b/9.png"], "d") == ["d/9.png", "d/9.png"]
    assert move(database, by_name["b/9.png"], "c") == ["c/9.png", "c/9.png"], "that of the one in the trash is free too"
    count_changes(database)
    assert sums(database, kept_in) == {"c": 1}
    with database.read() as session:
        stored = events_after(session, kept_in, 0) or []
    told = [each.event.images for each in stored if isinstance(each.event, MovedEvent)]
    assert [[(image.image_id, image.file_name) for image in each] for each in told] == [
        [(copy_id, "d/9.png")],
        [(copy_id, "c/9.png")],
    ]


def test_pages_are_told_what_images_are_called_now(database: Database, project_id: int) -> None:
    by_name = numbers(database, project_id)
    move(database, by_name["a.png"], "b")
    move(database, by_name["b/9.png"], "b")
    with database.read() as session:
        stored = events_after(session, project_id, 0) or []
    told = [each.event for each in stored if isinstance(each.event, MovedEvent)]
    assert [[(image.image_id, image.file_name) for image in each.images] for each in told] == [
        [(by_name["a.png"], "b/a.png")]
    ]


def test_of_images_that_some_are_not_to_know_pages_hear_no_name(database: Database, project_id: int) -> None:
    by_name = numbers(database, project_id)
    with database.write() as session:
        images = [lock_image(session, by_name[name]) for name in ("a.png", "b/9.png", "b/10.png")]
        images[0].is_gold, images[1].overlap = True, "open"
        announce_moves(session, [each for image in images for each in move_image(session, image, "night")])
    with database.read() as session:
        stored = events_after(session, project_id, 0) or []
    told = [each.event.images for each in stored if isinstance(each.event, MovedEvent)]
    assert [[image.file_name for image in each] for each in told] == [["night/10.png"], []]
