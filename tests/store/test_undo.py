"""What somebody can take back on an image, read from its history."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from limner.store.images import lock_image
from limner.store.operations import apply_operation
from limner.store.people import add_person
from limner.store.undo import PastSteps, steps_of
from tests.store.conftest import World, mask_rle, operation

Json = dict[str, Any]
A, B = str(uuid.uuid4()), str(uuid.uuid4())


class Person:
    """Somebody who changes the image of the world."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        with world.database.write() as session:
            self.id = add_person(session, name, "member").id

    def do(self, step: str | None, way: str, *operations: Json) -> None:
        for each in operations:
            named = each if step is None else each | {"step": {"id": step, "way": way}}
            with self.world.database.write() as session:
                image = lock_image(session, self.world.image_id)
                apply_operation(session, image, str(uuid.uuid4()), operation(**named), revision=None, user_id=self.id)

    def steps(self) -> PastSteps:
        with self.world.database.read() as session:
            return steps_of(session, self.world.image_id, self.id)

    def done(self) -> list[str]:
        return [step.id for step in self.steps().done]


@pytest.fixture
def ann(world: World) -> Person:
    return Person(world, "Ann")


@pytest.fixture
def ben(world: World) -> Person:
    return Person(world, "Ben")


def step_ids(count: int) -> list[str]:
    return [str(uuid.uuid4()) for _ in range(count)]


def create(uid: str, category_id: int | None = None, seed: int = 0) -> Json:
    return {"kind": "create", "uid": uid, "category_id": category_id, "segmentation": mask_rle(seed)}


def update(uid: str, **changes: Any) -> Json:
    return {"kind": "update", "uid": uid, "changes": changes}


def delete(uid: str) -> Json:
    return {"kind": "delete", "uid": uid}


def restore(uid: str) -> Json:
    return {"kind": "restore", "uid": uid}


def test_each_step_says_what_it_changed_and_from_what(world: World, ann: Person) -> None:
    one, two, three = step_ids(3)
    ann.do(one, "done", create(A, world.category_id))
    ann.do(two, "done", update(A, category_id=None, segmentation=mask_rle(1)))
    ann.do(three, "done", delete(A))
    steps = ann.steps()
    assert [step.id for step in steps.done] == [one, two, three]
    created, updated, deleted = (step.operations[0] for step in steps.done)
    assert (created.before, created.after and created.after["category_id"]) == (None, world.category_id)
    assert updated.before == {"category_id": world.category_id, "segmentation": mask_rle(0)}
    assert updated.after == {"category_id": None, "segmentation": mask_rle(1)}
    assert (deleted.before and deleted.before["segmentation"], deleted.after) == (mask_rle(1), None)
    assert steps.ended_by is None


def test_what_was_taken_back_can_be_done_again_until_something_new_is_done(world: World, ann: Person) -> None:
    one, two, three = step_ids(3)
    ann.do(one, "done", create(A))
    ann.do(two, "done", update(A, category_id=world.category_id))
    ann.do(two, "undone", update(A, category_id=None))
    ann.do(one, "undone", delete(A))
    assert (ann.done(), [step.id for step in ann.steps().undone]) == ([], [two, one])
    ann.do(one, "redone", restore(A))
    assert (ann.done(), [step.id for step in ann.steps().undone]) == ([one], [two])
    ann.do(three, "done", delete(A))
    assert (ann.done(), ann.steps().undone) == ([one, three], [])


def test_what_was_done_at_once_is_one_step(world: World, ann: Person) -> None:
    one, two, joined = step_ids(3)
    ann.do(one, "done", create(A))
    ann.do(two, "done", create(B, seed=1))
    ann.do(joined, "done", update(A, segmentation=mask_rle(2)), delete(B))
    assert ann.done() == [one, two, joined]
    ann.do(joined, "undone", restore(B), update(A, segmentation=mask_rle(0)))
    assert (ann.done(), [step.id for step in ann.steps().undone]) == ([one, two], [joined])
    ann.do(joined, "redone", update(A, segmentation=mask_rle(2)), delete(B))
    assert (ann.done(), ann.steps().undone) == ([one, two, joined], [])


def test_masks_that_were_sent_as_one_are_never_taken_for_what_they_are_not(world: World, ann: Person) -> None:
    one, two = step_ids(2)
    ann.do(one, "done", create(A))
    ann.do(two, "done", update(A, segmentation=mask_rle(1)))
    # Taking the second back, and a new mask: the queue sent them as one, with the first one's step.
    ann.do(two, "undone", update(A, segmentation=mask_rle(3)))
    newest = ann.steps().done[-1].operations[-1]
    assert (newest.before, newest.after) == ({"segmentation": mask_rle(1)}, {"segmentation": mask_rle(3)})
    # A step and taking it back, sent as one, are no step.
    (three,) = step_ids(1)
    ann.do(three, "done", update(A, segmentation=mask_rle(3)))
    assert three not in ann.done()


def test_a_step_ends_where_others_have_changed_the_same_object(world: World, ann: Person, ben: Person) -> None:
    one, two, three, theirs = step_ids(4)
    ann.do(one, "done", create(A))
    ann.do(two, "done", create(B))
    ben.do(theirs, "done", update(A, category_id=world.category_id))
    ann.do(three, "done", update(B, category_id=world.category_id))
    assert ann.done() == [two, three]
    ended_by = ann.steps().ended_by
    assert ended_by is not None
    assert ended_by[0] == ben.id
    assert ben.done() == [theirs]
    before = ben.steps().done[0].operations[0].before
    assert before == {"category_id": None}


def test_what_a_script_or_an_import_did_is_no_step_even_of_the_same_person(world: World, ann: Person) -> None:
    (one,) = step_ids(1)
    ann.do(None, "", create(A))
    ann.do(one, "done", create(B))
    assert ann.done() == [one]
    ann.do(None, "", delete(B))
    assert ann.done() == []
    assert ann.steps().ended_by is not None


def test_only_the_newest_steps_are_given_and_the_oldest_whole(
    world: World, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("limner.store.undo.MAX_EDITS", 4)
    ids = step_ids(6)
    ann.do(ids[0], "done", create(A, world.category_id))
    for step, seed in zip(ids[1:], range(1, 6), strict=True):
        ann.do(step, "done", update(A, segmentation=mask_rle(seed)))
    assert ann.done() == ids[3:]
    assert ann.steps().done[0].operations[0].before == {"segmentation": mask_rle(2)}
