"""Copies and the trash: which image has which name, on both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from limner.errors import Conflict
from limner.store import Database, images
from limner.store.copies import copy_for
from limner.store.images import add_image, lock_image
from limner.store.moving import move_image
from limner.store.people import add_person
from limner.store.projects import create_project
from limner.store.tables import Image
from limner.store.trash import in_trash, put_in_trash, restore
from tests.store.conftest import new_image


@pytest.fixture
def project_id(database: Database) -> int:
    with database.write() as session:
        return create_project(session, "Streets").id


@pytest.fixture
def ada(database: Database) -> int:
    with database.write() as session:
        return add_person(session, "Ada", "member").id


def add(database: Database, project_id: int, index: int, name: str = "a.png") -> int:
    with database.write() as session:
        return add_image(session, project_id, replace(new_image(index), file_name=name))[0].id


def copy_of(database: Database, image_id: int, person: int) -> int:
    with database.write() as session:
        return copy_for(session, lock_image(session, image_id), person).id


def delete(database: Database, image_id: int, person: int) -> None:
    with database.write() as session:
        put_in_trash(session, lock_image(session, image_id), person)


def bring_back(database: Database, project_id: int, image_id: int) -> None:
    with database.write() as session:
        assert restore(session, project_id, image_id) is not None


def move(database: Database, image_id: int, folder: str) -> None:
    with database.write() as session:
        move_image(session, lock_image(session, image_id), folder)


def names(database: Database, *image_ids: int) -> list[str]:
    with database.read() as session:
        return [session.get_one(Image, image_id).file_name for image_id in image_ids]


def test_a_copy_is_called_as_its_original_though_one_of_a_deleted_image_was_called_so(
    database: Database, project_id: int, ada: int
) -> None:
    first = add(database, project_id, 1)
    copy_of(database, first, ada)
    delete(database, first, ada)
    second = add(database, project_id, 2)
    copy = copy_of(database, second, ada)
    assert names(database, second, copy) == ["a.png", "a.png"]
    assert copy_of(database, second, ada) == copy


def test_copies_are_called_as_the_image_that_comes_back(database: Database, project_id: int, ada: int) -> None:
    first = add(database, project_id, 1)
    first_copy = copy_of(database, first, ada)
    delete(database, first, ada)
    bring_back(database, project_id, first)
    assert names(database, first, first_copy) == ["a.png", "a.png"]
    delete(database, first, ada)
    second = add(database, project_id, 2)
    bring_back(database, project_id, first)
    assert names(database, first, first_copy) == ["a-2.png", "a-2.png"]
    second_copy = copy_of(database, second, ada)
    move(database, second, "night")
    move(database, first, "night")
    assert names(database, second, second_copy, first, first_copy) == [
        "night/a.png",
        "night/a.png",
        "night/a-2.png",
        "night/a-2.png",
    ]


def test_a_copy_that_kept_its_name_in_the_trash_holds_up_nobody(database: Database, project_id: int, ada: int) -> None:
    first = add(database, project_id, 1)
    kept = copy_of(database, first, ada)
    delete(database, first, ada)
    with database.write() as session:  # as those are that were deleted before copies gave their names up
        session.get_one(Image, kept).file_name = "a.png"
    copy = copy_of(database, add(database, project_id, 2), ada)
    assert names(database, kept, copy) == ["a.png", "a-2.png"]
    bring_back(database, project_id, first)
    assert names(database, first, kept) == ["a-2.png", "a-2-2.png"]


def test_a_name_that_somebody_takes_while_an_image_comes_back_is_not_given_twice(
    database: Database, project_id: int, ada: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = add(database, project_id, 1)
    delete(database, first, ada)
    add(database, project_id, 2)
    find = images.free_file_name
    answers = ["a.png"]  # free a moment ago
    monkeypatch.setattr(images, "free_file_name", lambda *asked: answers.pop() if answers else find(*asked))
    bring_back(database, project_id, first)
    assert answers == []
    assert names(database, first) == ["a-2.png"]


def test_an_image_for_which_no_name_is_to_be_had_stays_in_the_trash(
    database: Database, project_id: int, ada: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = add(database, project_id, 1)
    delete(database, first, ada)
    add(database, project_id, 2)
    monkeypatch.setattr(images, "free_file_name", lambda *asked: "a.png")
    with pytest.raises(Conflict, match="Others are adding images called"):
        bring_back(database, project_id, first)
    with database.read() as session:
        left = session.get_one(Image, first)
        assert (left.trashed is not None, left.trashed_name) == (True, "a.png")
        assert in_trash(session, project_id, first) is not None
