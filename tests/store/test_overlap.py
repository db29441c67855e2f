"""Images on which several people work, each on a copy: the sample, who is handed what, on both databases."""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from limner.access import ProjectRole
from limner.errors import InvalidInput
from limner.store.assignments import assign
from limner.store.copies import original_of, owner_of
from limner.store.images import NewImage, add_image, lock_image
from limner.store.leases import take_next
from limner.store.operations import apply_operation
from limner.store.overlap import choose_sample, count_states, take_overlap
from limner.store.people import add_person, disable_person, get_user, set_member
from limner.store.sampling import is_sampled, sampled
from limner.store.tables import Image, Project
from limner.store.types import utc_now
from tests.store.conftest import HEIGHT, WIDTH, World, create, operation

IMAGES = 6


def file_of(number: int) -> NewImage:
    digest = hashlib.sha256(f"file {number}".encode()).hexdigest()
    return NewImage(f"{number}.png", WIDTH, HEIGHT, digest, 100, "PNG", "image/png")


@pytest.fixture
def people(world: World) -> list[int]:
    with world.database.write() as session:
        users = [add_person(session, name, "member") for name in ("Ada", "Bo", "Eve")]
        for user in users:
            set_member(session, world.project_id, user, ProjectRole.ANNOTATOR)
        return [user.id for user in users]


def choose(world: World, share: float, people: int = 2) -> dict[str, int]:
    """Have so many people work on this share of the images; how many images are in which state then."""
    with world.database.write() as session:
        project = session.get_one(Project, world.project_id)
        project.overlap_share, project.overlap_people = share, people
        choose_sample(session, project)
        session.flush()
        return count_states(session, world.project_id)


@pytest.fixture
def shared(world: World) -> World:
    """Two people are to work on every image of the world, of which there are six."""
    with world.database.write() as session:
        for number in range(1, IMAGES):
            add_image(session, world.project_id, file_of(number))
    assert choose(world, 1) == {"open": IMAGES}
    return world


def ask(world: World, person: int, current: int | None = None) -> tuple[int, int] | None:
    """(number of the copy, that of its original) that somebody is handed."""
    with world.database.write() as session:
        project = session.get_one(Project, world.project_id)
        image = None if current is None else session.get_one(Image, current)
        copy = take_overlap(session, project, person, image)
        return None if copy is None else (copy.id, original_of(session, copy).id)


def do(world: World, image_id: int, person: int, *operations: object) -> None:
    with world.database.write() as session:
        image = lock_image(session, image_id)
        for each in operations:
            apply_operation(session, image, str(uuid.uuid4()), each, revision=None, user_id=person)


def mark(state: str, **said: object) -> object:
    return operation(kind="mark", uid=str(uuid.uuid4()), state=state, **said)


def submit(world: World, image_id: int, person: int) -> None:
    do(world, image_id, person, create(str(uuid.uuid4())), mark("submitted"))


def state_of(world: World, image_id: int) -> str | None:
    with world.database.read() as session:
        return session.get_one(Image, image_id).overlap


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9, 1])
def test_the_sample_is_a_window_of_hashes_of_the_wanted_size(world: World, share: float) -> None:
    with world.database.write() as session:
        for number in range(400):
            add_image(session, world.project_id, file_of(number))
        project = session.get_one(Project, world.project_id)
        for project_id in (project.id, 2, 3, 7):  # some windows go beyond the last hash and on from the first
            other = Project(id=project_id, overlap_share=share)
            found = {image.sha256 for image in session.scalars(select(Image).where(sampled(other)))}
            everything = set(session.scalars(select(Image.sha256)))
            assert found == {sha256 for sha256 in everything if is_sampled(other, sha256)}
            assert abs(len(found) / len(everything) - share) < 0.08


def test_the_sample_is_the_same_whether_images_come_before_or_after_it_is_chosen(world: World) -> None:
    with world.database.write() as session:
        before = [add_image(session, world.project_id, file_of(number))[0].id for number in range(40)]
    choose(world, 0.5)
    with world.database.write() as session:
        after = [add_image(session, world.project_id, file_of(number))[0].id for number in range(40, 80)]
        project = session.get_one(Project, world.project_id)
        for image in session.scalars(select(Image).where(Image.id.in_([*before, *after]))):
            assert (image.overlap == "open") == is_sampled(project, image.sha256)


def test_an_image_is_handed_to_as_many_people_as_wanted_and_to_nobody_twice(shared: World, people: list[int]) -> None:
    handed: Counter[int] = Counter()
    for person in people:
        own: set[int] = set()
        while (found := ask(shared, person)) is not None:
            copy, original = found
            assert original not in own
            own.add(original)
            submit(shared, copy, person)
        handed.update(own)
    assert handed == dict.fromkeys(handed, 2)
    assert len(handed) == IMAGES


def test_what_others_have_begun_comes_before_what_nobody_has(shared: World, people: list[int]) -> None:
    copy, original = ask(shared, people[0]) or (0, 0)
    submit(shared, copy, people[0])
    assert (ask(shared, people[1]) or (0, 0))[1] == original


def test_who_asks_again_gets_what_they_began_unless_they_come_from_it(shared: World, people: list[int]) -> None:
    copy, original = ask(shared, people[0]) or (0, 0)
    assert ask(shared, people[0]) == (copy, original)
    other = ask(shared, people[0], copy)
    assert other is not None
    assert other[1] != original


def test_many_who_ask_at_once_never_have_an_image_that_enough_have(shared: World) -> None:
    with shared.database.write() as session:
        crowd = [add_person(session, f"Person {number}", "member").id for number in range(12)]
    start = threading.Barrier(len(crowd))

    def ask_once(person: int) -> tuple[int, int] | None:
        start.wait()
        return ask(shared, person)

    with ThreadPoolExecutor(len(crowd)) as pool:
        found = [each for each in pool.map(ask_once, crowd) if each]
    handed = Counter(original for _, original in found)
    assert max(handed.values()) <= 2
    with shared.database.read() as session:
        owners = [(owner_of(session, session.get_one(Image, copy)), original) for copy, original in found]
    assert len(set(owners)) == len(owners)


def test_who_skips_is_done_with_it_and_who_leaves_makes_room(shared: World, people: list[int]) -> None:
    ada, bo, eve = people
    copy, original = ask(shared, ada) or (0, 0)
    do(shared, copy, ada, mark("skipped", note="too dark"))
    assert (ask(shared, ada) or (0, 0))[1] != original
    copy, again = ask(shared, bo) or (0, 0)
    assert again == original
    assert (ask(shared, eve) or (0, original))[1] != original  # Ada is done, Bo has it
    with shared.database.write() as session:
        disable_person(session, get_user(session, bo))
    with shared.database.write() as session:
        project = session.get_one(Project, shared.project_id)
        eves = take_overlap(session, project, eve, None)
        assert eves is not None  # her own that she began
        found = take_overlap(session, project, eve, eves)
        assert found is not None
        assert original_of(session, found).id == original


def test_a_lease_that_ended_makes_room_but_what_was_drawn_goes_on(shared: World, people: list[int]) -> None:
    ada, bo, eve = people
    first, original = ask(shared, ada) or (0, 0)
    do(shared, first, ada, create(str(uuid.uuid4())))
    submit(shared, (ask(shared, bo) or (0, 0))[0], bo)
    later = utc_now() + timedelta(hours=1)
    with shared.database.write() as session:
        project = session.get_one(Project, shared.project_id)
        found = take_overlap(session, project, eve, None, later)
        assert found is not None
        assert original_of(session, found).id == original
        again = take_overlap(session, project, ada, None, later)
        assert again is not None
        assert again.id == first


def test_the_image_itself_is_handed_to_nobody_and_cannot_be_assigned(shared: World, people: list[int]) -> None:
    with shared.database.write() as session:
        project = session.get_one(Project, shared.project_id)
        assert take_next(session, project, people[0]) == []
    with shared.database.write() as session, pytest.raises(InvalidInput, match="several people work"):
        assign(session, shared.project_id, [shared.image_id], people[:1])


def test_what_was_returned_or_assigned_to_somebody_comes_first(shared: World, people: list[int]) -> None:
    with shared.database.write() as session:
        project = session.get_one(Project, shared.project_id)
        project.overlap_share = 0
        mine, _ = add_image(session, project.id, file_of(100))
        assign(session, project.id, [mine.id], [people[0]])
        assert take_overlap(session, project, people[0], None) is None
        assert take_overlap(session, project, people[1], None) is not None


def test_who_walks_a_list_is_handed_only_copies_of_what_is_in_it(shared: World, people: list[int]) -> None:
    with shared.database.write() as session:
        project = session.get_one(Project, shared.project_id)
        copy = take_overlap(session, project, people[0], None, among=[Image.file_name == "4.png"])
        assert copy is not None
        assert original_of(session, copy).file_name == "4.png"
        assert take_overlap(session, project, people[0], None, among=[Image.file_name == "no such.png"]) is None


def test_images_on_which_somebody_worked_do_not_become_shared(world: World, people: list[int]) -> None:
    with world.database.write() as session:
        held, _ = add_image(session, world.project_id, file_of(1))
        take_next(session, session.get_one(Project, world.project_id), people[0], session.get_one(Image, held.id))
        assigned, _ = add_image(session, world.project_id, file_of(2))
        assign(session, world.project_id, [assigned.id], people[:1])
        free = add_image(session, world.project_id, file_of(3))[0].id
    drawn = world.image_id
    do(world, drawn, people[0], create(str(uuid.uuid4())))
    with world.database.read() as session:
        opened = {
            image.id for image in session.scalars(select(Image)) if image.lease_user_id and not image.lease_reserved
        }
    choose(world, 1)
    with world.database.read() as session:
        found = {image.id for image in session.scalars(select(Image).where(Image.overlap == "open"))}
    assert free in found
    assert found.isdisjoint({drawn, assigned.id, *opened})


def test_less_overlap_frees_what_nobody_worked_on_and_keeps_what_was_drawn(shared: World, people: list[int]) -> None:
    ada, bo, _ = people
    drawn, original = ask(shared, ada) or (0, 0)
    do(shared, drawn, ada, create(str(uuid.uuid4())))
    ask(shared, bo, (ask(shared, bo) or (0, 0))[0])  # looked at two, drew nothing
    assert choose(shared, 0) == {"begun": 1}
    assert state_of(shared, original) == "begun"
    with shared.database.write() as session:
        assert len(take_next(session, session.get_one(Project, shared.project_id), ada)) == 3


def test_who_draws_on_the_image_itself_or_marks_it_says_what_is_on_it(shared: World, people: list[int]) -> None:
    with shared.database.read() as session:
        other = session.scalars(select(Image.id).where(Image.id != shared.image_id).order_by(Image.id)).first() or 0
    do(shared, shared.image_id, people[0], create(str(uuid.uuid4())))
    do(shared, other, people[0], mark("skipped", note="not one of ours"))
    assert [state_of(shared, each) for each in (shared.image_id, other)] == ["settled", "settled"]
    assert choose(shared, 0) == {"settled": 2}
