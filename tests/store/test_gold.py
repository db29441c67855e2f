"""Copies of gold images: one for each person, drawn as the project's share says, on both databases."""

from __future__ import annotations

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from limner.jobs.gold import score_submitted
from limner.store.copies import copy_for, home_of, original_of, owner_of
from limner.store.gold import gold_figures, make_gold, take_gold, unmake_gold
from limner.store.images import add_image, lock_image
from limner.store.leases import take_next
from limner.store.operations import apply_operation
from limner.store.people import add_person
from limner.store.tables import Image, Project, Suggestion
from tests.store.conftest import World, create, new_image, operation


@pytest.fixture
def people(world: World) -> list[int]:
    with world.database.write() as session:
        return [add_person(session, name, "member").id for name in ("Ada", "Eve")]


@pytest.fixture
def gold(world: World) -> World:
    """The world's image is gold, with one mask; so is every image that is handed out."""
    world.apply(create(str(uuid.uuid4()), world.category_id), 0)
    world.apply(operation(kind="mark", uid=str(uuid.uuid4()), state="submitted"), 1)
    with world.database.write() as session:
        assert make_gold(session, world.project_id, [world.image_id], 1) == 1
        session.get_one(Project, world.project_id).gold_share = 1
    return world


def test_who_asks_twice_at_once_is_handed_one_copy(gold: World, people: list[int]) -> None:
    start = threading.Barrier(8)

    def ask(number: int) -> int:
        start.wait()
        with gold.database.write() as session:
            copy = take_gold(session, session.get_one(Project, gold.project_id), people[number % 2], None)
            assert copy is not None
            return copy.id

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(8)))

    assert len(set(found)) == len(people)
    with gold.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Image)) == 1 + len(people)
        for person, copy_id in zip(people, found[:2], strict=True):
            copy = session.get_one(Image, copy_id)
            assert (owner_of(session, copy), home_of(session, copy)) == (person, gold.project_id)
            assert original_of(session, copy).id == gold.image_id


def test_no_copy_is_made_of_an_image_that_ceases_to_be_gold_meanwhile(gold: World, people: list[int]) -> None:
    asking = threading.Event()

    def ask() -> Image | None:
        asking.set()
        with gold.database.write() as session:
            return take_gold(session, session.get_one(Project, gold.project_id), people[0], None)

    with ThreadPoolExecutor(1) as pool:
        with gold.database.write() as session:
            assert unmake_gold(session, gold.project_id, [gold.image_id]) == 1
            found = pool.submit(ask)
            asking.wait()
            time.sleep(0.3)  # for whoever does not wait
        assert found.result() is None
    with gold.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Image)) == 1


def test_the_same_work_scores_as_the_reference_itself(gold: World, people: list[int]) -> None:
    with gold.database.write() as session:
        copy = take_gold(session, session.get_one(Project, gold.project_id), people[0], None)
        assert copy is not None
        locked = lock_image(session, copy.id)
        for op in (
            create(str(uuid.uuid4()), gold.category_id),
            operation(kind="mark", uid=str(uuid.uuid4()), state="submitted"),
        ):
            apply_operation(session, locked, str(uuid.uuid4()), op, revision=None, user_id=people[0])

    assert score_submitted(gold.database) == 1

    with gold.database.read() as session:
        (figures,) = gold_figures(session, gold.project_id)
    assert (figures.user_id, figures.images, figures.matched, figures.missed, figures.extra) == (people[0], 1, 1, 0, 0)
    assert (figures.mask_iou, figures.boundary_iou, figures.same_category) == (1, 1, 1)


def test_gold_images_are_drawn_as_often_as_the_share_says_and_the_same_again(gold: World, people: list[int]) -> None:
    with gold.database.write() as session:
        project = session.get_one(Project, gold.project_id)
        project.gold_share = 0.25
        first, again = (
            [number for number in range(1, 401) if take_gold(session, project, people[0], number)] for _ in range(2)
        )

    assert first == again
    assert 70 <= len(first) <= 130


def test_a_copy_is_handed_to_nobody_else_and_work_goes_on_after_its_original(gold: World, people: list[int]) -> None:
    with gold.database.write() as session:
        others = [add_image(session, gold.project_id, new_image(index))[0].id for index in (1, 2)]
        project = session.get_one(Project, gold.project_id)
        copy = take_gold(session, project, people[0], None)
        assert copy is not None

        found = take_next(session, project, people[1], original_of(session, copy))

    assert [image.id for image in found] == others


def test_suggestions_of_a_gold_image_wait_on_its_copies_too(gold: World, people: list[int]) -> None:
    with gold.database.write() as session:
        given = {"counts": "0", "area": 0, "bbox_x": 0, "bbox_y": 0, "bbox_width": 0, "bbox_height": 0, "score": 0.5}
        given |= {"origin": "everything", "model_sha256": "0" * 64, "prompt": {}, "state": "refused"}
        session.add(Suggestion(uid=str(uuid.uuid4()), image_id=gold.image_id, **given))
        session.flush()
        copy = copy_for(session, session.get_one(Image, gold.image_id), people[0])
        session.flush()
        rows = session.scalars(select(Suggestion).where(Suggestion.image_id == copy.id)).all()

    assert [row.state for row in rows] == ["open"]
