"""Whether all of a category are annotated on an image: said, kept, reopened by others, taken back, listed."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import delete

from limner.store.categories import create_category, get_category
from limner.store.categories import delete_category as delete_row
from limner.store.exhaustivity import Said, said_of
from limner.store.history import changes_of
from limner.store.images import add_image, get_image
from limner.store.listing import count_images, neighbours, page_images
from limner.store.operations import Applied, UnknownCategory
from limner.store.people import add_person
from limner.store.projects import create_project
from limner.store.tables import Image
from limner.store.undo import steps_of
from limner.vocabulary.listing import Listing
from limner.vocabulary.states import ExhaustivityFilter
from tests.store.conftest import World, mask_rle, new_image, operation

UID, OTHER = str(uuid.uuid4()), str(uuid.uuid4())


class Person:
    """Somebody who works on the image of the world."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        with world.database.write() as session:
            self.id = add_person(session, name, "member").id

    def do(self, kind: str, uid: str = UID, **fields: Any) -> Applied:
        return self.world.apply(operation(kind=kind, uid=uid, **fields), None, user_id=self.id)

    def draw(self, uid: str = UID, **fields: Any) -> Applied:
        fields = {"category_id": self.world.category_id, "segmentation": mask_rle()} | fields
        return self.do("create", uid, **fields)

    def say(self, exhaustive: bool | None, category_id: int | None = None, **fields: Any) -> Applied:
        category_id = self.world.category_id if category_id is None else category_id
        return self.do("exhaustivity", str(uuid.uuid4()), category_id=category_id, exhaustive=exhaustive, **fields)


@pytest.fixture
def ann(world: World) -> Person:
    return Person(world, "Ann")


@pytest.fixture
def ben(world: World) -> Person:
    return Person(world, "Ben")


def said(world: World) -> Said | None:
    with world.database.read() as session:
        found = said_of(session, world.image_id)
    assert len(found) < 2
    return found[0] if found else None


def known(world: World) -> bool | None:
    found = said(world)
    return None if found is None else found.exhaustive


def test_who_said_it_and_when_is_known_and_it_can_be_said_otherwise(world: World, ann: Person, ben: Person) -> None:
    assert said(world) is None
    ann.say(True)
    first = said(world)
    assert first is not None
    assert (first.category_id, first.exhaustive, first.by) == (world.category_id, True, "Ann")
    ben.say(False)
    second = said(world)
    assert second is not None
    assert (second.exhaustive, second.by, second.at >= first.at) == (False, "Ben", True)
    ann.say(None)
    assert said(world) is None


def test_it_holds_while_the_one_who_said_it_adds_and_removes_objects(world: World, ann: Person) -> None:
    ann.draw()
    ann.say(True)
    for done in (ann.draw(OTHER), ann.do("delete"), ann.do("restore"), ann.do("delete", OTHER)):
        assert list(done.reopened) == []
    assert known(world) is True


@pytest.mark.parametrize("change", ["create", "delete", "restore", "away", "towards"])
def test_somebody_else_who_changes_which_objects_there_are_reopens_it(
    world: World, ann: Person, ben: Person, change: str
) -> None:
    ann.draw()
    if change == "restore":
        ann.do("delete")
    elif change == "towards":
        ann.do("update", changes={"category_id": None})
    ann.say(True)
    done = {
        "create": lambda: ben.draw(OTHER),
        "delete": lambda: ben.do("delete"),
        "restore": lambda: ben.do("restore"),
        "away": lambda: ben.do("update", changes={"category_id": None}),
        "towards": lambda: ben.do("update", changes={"category_id": world.category_id}),
    }[change]()
    assert list(done.reopened) == [world.category_id]
    found = said(world)
    assert found is not None
    assert (found.exhaustive, found.by, found.reopened_by) == (None, "Ann", "Ben")
    assert found.reopened_at is not None
    assert list(ben.draw(str(uuid.uuid4())).reopened) == []  # once is enough
    ann.say(True)
    assert known(world) is True


def test_what_is_no_other_object_of_the_category_leaves_it_as_it_is(world: World, ann: Person, ben: Person) -> None:
    with world.database.write() as session:
        dog = create_category(session, world.project_id, "dog").id
    ann.draw()
    ann.say(True)
    ben.do("update", changes={"segmentation": mask_rle(1)})  # a better outline
    ben.do("update", changes={"iscrowd": 1, "category_id": world.category_id})
    ben.draw(OTHER, category_id=dog)
    ben.draw(str(uuid.uuid4()), category_id=None)
    ben.do("mark", str(uuid.uuid4()), state="submitted")
    assert known(world) is True


def test_that_not_all_are_annotated_stays_true_when_others_add_some(world: World, ann: Person, ben: Person) -> None:
    ann.say(False)
    assert list(ben.draw().reopened) == []
    assert known(world) is False


def test_it_is_an_edit_with_a_revision_and_stands_in_the_history(world: World, ann: Person) -> None:
    assert ann.say(True).revision == 1
    ann.draw()
    with world.database.read() as session:
        image = get_image(session, world.image_id)
        changes, _ = changes_of(session, image)
        of_object, _ = changes_of(session, image, UID)
    assert [(each.kind, each.uid, each.exhaustivity) for each in changes] == [
        ("create", UID, None),
        ("exhaustivity", None, (world.category_id, True)),
    ]
    assert [each.kind for each in of_object] == ["create"]


def test_it_is_taken_back_to_what_was_known_before_unless_others_said_otherwise(
    world: World, ann: Person, ben: Person
) -> None:
    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    ann.say(False, step={"id": first, "way": "done"})
    ann.say(True, step={"id": second, "way": "done"})
    with world.database.read() as session:
        steps = steps_of(session, world.image_id, ann.id)
    assert [step.id for step in steps.done] == [first, second]
    assert [(each.before, each.after) for step in steps.done for each in step.operations] == [
        ({"category_id": world.category_id, "exhaustive": was}, {"category_id": world.category_id, "exhaustive": now})
        for was, now in ((None, False), (False, True))
    ]
    uid = steps.done[-1].operations[0].uid
    undone = {"id": second, "way": "undone"}
    ann.do("exhaustivity", uid, category_id=world.category_id, exhaustive=False, step=undone)
    with world.database.read() as session:
        steps = steps_of(session, world.image_id, ann.id)
    assert ([step.id for step in steps.done], [step.id for step in steps.undone]) == ([first], [second])
    ben.say(True)
    with world.database.read() as session:
        steps = steps_of(session, world.image_id, ann.id)
    assert (steps.done, steps.undone) == ([], [])
    assert steps.ended_by is not None
    assert steps.ended_by[0] == ben.id


def test_a_category_of_another_project_or_none_is_refused(world: World, ann: Person) -> None:
    with world.database.write() as session:
        other = create_category(session, create_project(session, "Dogs").id, "dog").id
    for category_id in (other, 10**6):
        with pytest.raises(UnknownCategory):
            ann.say(True, category_id)
    assert said(world) is None


def test_it_goes_with_its_category_and_with_its_image(world: World, ann: Person) -> None:
    with world.database.write() as session:
        dog = create_category(session, world.project_id, "dog").id
    ann.say(True, dog)
    with world.database.write() as session:
        delete_row(session, get_category(session, dog))
    assert said(world) is None
    ann.say(True)
    with world.database.write() as session:
        session.execute(delete(Image).where(Image.id == world.image_id))
    assert said(world) is None


def test_images_are_listed_and_walked_by_what_is_known_of_a_category(world: World, ann: Person, ben: Person) -> None:
    with world.database.write() as session:
        others = [add_image(session, world.project_id, new_image(index))[0].id for index in range(1, 5)]
    names = ["drawn", "complete", "incomplete", "reopened", "untouched"]
    ids = dict(zip(names, [world.image_id, *others], strict=True))

    def on(name: str) -> tuple[Person, Person]:
        there = World(world.database, world.project_id, world.category_id, ids[name])
        made = [Person.__new__(Person) for _ in range(2)]
        for person, like in zip(made, (ann, ben), strict=True):
            person.world, person.id = there, like.id
        return made[0], made[1]

    on("drawn")[0].draw(str(uuid.uuid4()))
    on("complete")[0].say(True)
    on("incomplete")[0].say(False)
    on("reopened")[0].say(True)
    on("reopened")[1].draw(str(uuid.uuid4()))

    def listed(exhaustive: ExhaustivityFilter) -> list[str]:
        listing = Listing(category=world.category_id, exhaustive=exhaustive)
        with world.database.read() as session:
            found = [image.id for image in page_images(session, world.project_id, None, 10, listing).images]
            assert count_images(session, world.project_id, listing) == len(found)
            walked = [found[0]]
            while (after := neighbours(session, get_image(session, walked[-1]), listing)[1]) is not None:
                walked.append(after)
        assert walked == found
        return [name for name in names if ids[name] in found]

    assert listed("any") == ["drawn", "reopened"]
    assert listed("yes") == ["complete"]
    assert listed("no") == ["incomplete"]
    assert listed("unknown") == ["drawn", "reopened", "untouched"]
