"""Who is handed which image, on SQLite and PostgreSQL: nobody the same one, and none is lost with who had it."""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import TimeoutError as PoolTimeout

from limner.errors import Unavailable
from limner.jobs.leases import end_leases
from limner.store import Database
from limner.store.assignments import assign
from limner.store.images import add_image, lock_image
from limner.store.leases import FIRST, LONGEST, SHORTEST, give_back, lease_span, renew, take_next
from limner.store.listing import handed_out, page_images
from limner.store.operations import apply_operation
from limner.store.people import add_person, disable_person, remove_member, set_member
from limner.store.tables import Image, Project, User
from limner.store.types import utc_now
from limner.vocabulary.events import PublishedEvent, WorkEvent
from limner.vocabulary.listing import Listing, natural_key
from limner.vocabulary.operations import Operation
from tests.store.conftest import World, create, new_image, operation

CLIENTS, KILLED = 50, 10
PATIENCE = 100  # times that a client comes again
NOW = utc_now()
LATER = NOW + LONGEST + timedelta(seconds=1)


@pytest.fixture
def people(world: World) -> Callable[[int], list[int]]:
    """Makes people and gives their numbers."""

    def make(count: int) -> list[int]:
        with world.database.write() as session:
            return [add_person(session, f"person {index}", "member").id for index in range(count)]

    return make


@pytest.fixture
def images(world: World) -> list[int]:
    """Six images of the project, the first of which is called last."""
    with world.database.write() as session:
        more = [add_image(session, world.project_id, new_image(index))[0].id for index in range(1, 6)]
        session.execute(
            update(Image).where(Image.id == world.image_id).values(file_name="9.png", sort_name=natural_key("9.png"))
        )
        for image in session.scalars(select(Image)).all():
            image.sha256 = hashlib.sha256(image.file_name.encode()).hexdigest()
    return [world.image_id, *more]


def take(world: World, user_id: int, current: int | None = None, after: timedelta = timedelta(0)) -> list[int]:
    """Numbers of the images that somebody is handed, the one to work on first."""
    with world.database.write() as session:
        image = None if current is None else lock_image(session, current)
        project = session.get_one(Project, world.project_id)
        return [each.id for each in take_next(session, project, user_id, image, NOW + after)]


def save(world: World, image_id: int, user_id: int, *operations: Operation) -> None:
    with world.database.write() as session:
        image = lock_image(session, image_id)
        for each in operations:
            apply_operation(session, image, str(uuid.uuid4()), each, revision=None, user_id=user_id)


def mark(state: str, note: str = "") -> Operation:
    return operation(kind="mark", uid=str(uuid.uuid4()), state=state, note=note)


@pytest.mark.parametrize("processes", [1, 2])
def test_fifty_clients_take_next_at_once_and_ten_are_killed(
    processes: int, world: World, people: Callable[[int], list[int]]
) -> None:
    """No image is handed out twice, and what the killed ones had is everybody's after the lease.

    Web processes share nothing but the database: each has its own connections, and on SQLite its own lock for writers.
    """
    users = people(CLIENTS)
    url = world.database.engine.url.render_as_string(hide_password=False)
    others = [Database(url) for _ in range(processes - 1)]
    databases = [world.database, *others]
    with world.database.write(60) as session:
        for index in range(1, 2 * CLIENTS):
            add_image(session, world.project_id, new_image(index))
        everything = set(session.scalars(select(Image.id)))
    start = threading.Barrier(CLIENTS)

    class Killed(Exception):
        """The connection of a client that dies in the middle is rolled back."""

    def client(number: int) -> int | None:
        start.wait()
        for _ in range(PATIENCE):
            try:
                return ask(number)
            except (PoolTimeout, Unavailable):  # what a server says with 503: come again
                continue
        raise AssertionError(f"client {number} was turned away {PATIENCE} times")

    def ask(number: int) -> int | None:
        try:
            with databases[number % processes].write(60) as session:
                project = session.get_one(Project, world.project_id)
                found = take_next(session, project, users[number], None, NOW)
                if number < KILLED // 2:
                    raise Killed
                return found[0].id
        except Killed:
            return None

    with ThreadPoolExecutor(CLIENTS) as pool:
        handed = list(pool.map(client, range(CLIENTS)))
    for each in others:
        each.close()
    alive = [image_id for image_id in handed[KILLED:] if image_id is not None]
    given = [image_id for image_id in handed if image_id is not None]
    assert len(given) == CLIENTS - KILLED // 2
    assert len(set(given)) == len(given)
    for number, image_id in enumerate(alive, KILLED):
        save(world, image_id, users[number], mark("submitted"))
    # While the leases of the killed last, nobody is handed what they have open; afterwards all of it is handed out.
    before, after = [], []
    for _ in range(len(everything)):
        before += take(world, users[-1], after=timedelta(seconds=1))[:1]
    assert set(before).isdisjoint(given)
    for _ in range(len(everything)):
        after += take(world, users[-2], after=2 * LONGEST)[:1]
    assert set(after) == everything - set(alive)


def test_first_what_was_returned_to_somebody_then_what_is_assigned_to_them_then_the_rest(
    world: World, people: Callable[[int], list[int]], images: list[int]
) -> None:
    ada, eve = people(2)
    with world.database.write() as session:
        assign(session, world.project_id, [images[2], images[4]], [ada])
        assign(session, world.project_id, [images[1]], [eve])
    save(world, images[4], eve, mark("returned", "the tail is missing"))
    assert take(world, ada) == [images[4], images[2], images[0]]
    assert take(world, eve) == [images[1], images[3], images[5]]


def test_images_are_handed_out_in_the_order_of_the_project(
    world: World, people: Callable[[int], list[int]], images: list[int]
) -> None:
    (ada,) = people(1)

    def ordered(order: str, seed: int = 0, current: int | None = None) -> list[int]:
        with world.database.write() as session:
            project = session.get_one(Project, world.project_id)
            project.next_order, project.next_seed = order, seed
            session.execute(update(Image).values(lease_until=None, lease_user_id=None, lease_reserved=False))
        found: list[int] = []
        for _ in images:
            found += take(world, ada, found[-1] if found else current)[:1]
        return found

    assert ordered("added") == images
    assert ordered("added", current=images[3])[:3] == [images[4], images[5], images[0]]  # goes on from there, and round
    assert ordered("name") == [*images[1:], images[0]]
    assert sorted(ordered("random", 1)) == images
    assert ordered("random", 1) == ordered("random", 1)
    assert len({tuple(ordered("random", seed)) for seed in range(20)}) > 1


def test_of_a_list_only_what_is_listed_is_handed_out_in_its_order(
    world: World, people: Callable[[int], list[int]], images: list[int]
) -> None:
    ada, eve = people(2)
    names = ["b/10.png", "a/1.png", "b/2.png", "a/2.png", "b/1.png", "b/3.png"]
    with world.database.write() as session:
        for image_id, name in zip(images, names, strict=True):
            session.execute(
                update(Image).where(Image.id == image_id).values(file_name=name, sort_name=natural_key(name))
            )
        assign(session, world.project_id, [images[5]], [ada])
        assign(session, world.project_id, [images[3]], [eve])
    save(world, images[2], eve, mark("submitted"))

    def walk(listing: Listing, current: int | None = None, user: int = ada) -> list[int]:
        with world.database.write() as session:
            session.execute(update(Image).values(lease_until=None, lease_user_id=None, lease_reserved=False))
            image = None if current is None else lock_image(session, current)
            among = handed_out(session, world.project_id, image, listing)
            project = session.get_one(Project, world.project_id)
            return [each.id for each in take_next(session, project, user, image, NOW, among)]

    folder = Listing(folder="b", order="name")
    assert walk(folder) == [images[5], images[4], images[0]]  # what is assigned to them, then 1 and 10
    assert walk(folder, images[4]) == [images[5], images[0]]
    assert walk(Listing(folder="b", order="name", descending=True), user=eve) == [images[0], images[4]]
    assert walk(Listing(folder="b", order="name"), images[0], eve) == [images[4]]  # round to the beginning
    assert walk(Listing(search="2"), images[1], eve) == [images[3]]
    assert walk(Listing(state="assigned_to_me", person=ada)) == [images[5]]
    assert walk(Listing(state="submitted", folder="a")) == [images[1]]  # the state says nothing of what is left to do
    assert walk(Listing(search="nowhere")) == []


def test_leases_whose_time_is_over_end_and_pages_are_told_once(
    world: World, people: Callable[[int], list[int]], images: list[int], told: list[PublishedEvent]
) -> None:
    ada, eve = people(2)
    first, *reserved = take(world, ada)
    (theirs, *_) = take(world, eve, after=FIRST / 2)
    told.clear()
    assert end_leases(world.database, NOW + FIRST - timedelta(seconds=1)) == 0
    assert told == []
    assert end_leases(world.database, NOW + FIRST) == 3
    (event,) = [each.event for each in told if isinstance(each.event, WorkEvent)]
    assert [each.image_id for each in event.images] == sorted([first, *reserved])
    assert {each.held_by for each in event.images} == {None}
    assert end_leases(world.database, NOW + FIRST) == 0
    with world.database.read() as session:
        assert session.get_one(Image, first).lease_user_id is None
        assert session.get_one(Image, theirs).lease_user_id == eve


def test_what_is_reserved_comes_next_and_is_nobody_elses_until_nothing_else_is_left(
    world: World, people: Callable[[int], list[int]], images: list[int]
) -> None:
    ada, eve, bob = people(3)
    assert take(world, ada) == images[:3]
    assert take(world, eve) == images[3:6]
    assert take(world, ada, images[0], timedelta(seconds=1)) == images[1:3]
    assert take(world, bob) == [images[4]]  # the reservation that is oldest; what is open stays whose it is
    assert take(world, eve, images[3]) == [images[5]]
    assert take(world, eve, images[5]) == [images[3]]  # what they have open themselves, before others' reservations


def test_a_save_renews_the_lease_of_the_image_and_of_what_is_reserved(
    world: World, people: Callable[[int], list[int]], images: list[int]
) -> None:
    ada, eve = people(2)
    first, *reserved = take(world, ada)
    for after, renewed in ((FIRST / 8, False), (FIRST / 2, True)):
        with world.database.write() as session:
            changed = renew(session, lock_image(session, first), ada, NOW + after)
            assert [each.id for each in changed] == ([first, *reserved] if renewed else [])
    with world.database.write() as session:
        assert renew(session, lock_image(session, first), eve, NOW + FIRST) == []  # it is Ada's still
    with world.database.read() as session:
        assert {session.get_one(Image, each).lease_until for each in (first, *reserved)} == {NOW + 1.5 * FIRST}


def test_who_comes_back_late_goes_on_unless_another_one_took_the_image(
    world: World, people: Callable[[int], list[int]], images: list[int]
) -> None:
    ada, eve = people(2)
    first, second, _ = take(world, ada)
    assert take(world, eve, after=LONGEST)[0] == first
    for image_id, holder in ((first, eve), (second, ada)):
        with world.database.write() as session:
            image = lock_image(session, image_id)
            renew(session, image, ada, NOW + LONGEST + timedelta(seconds=1))
            assert image.lease_user_id == holder or image_id == second
        save(world, image_id, ada, create(str(uuid.uuid4())))  # what they drew is kept either way
    with world.database.read() as session:
        assert session.get_one(Image, first).annotation_count == 1


@pytest.mark.parametrize("off", [SHORTEST / 2, -SHORTEST / 2])
def test_processes_whose_clocks_differ_by_less_than_a_lease_hand_nothing_out_twice(
    off: timedelta, world: World, people: Callable[[int], list[int]], images: list[int]
) -> None:
    ada, eve, bob = people(3)
    there = [take(world, ada, after=off)[0]]
    here = [take(world, eve)[0]]
    for minute in range(1, 3):
        pause = minute * SHORTEST / 4
        there.append(take(world, ada, there[-1], pause + off)[0])
        here.append(take(world, eve, here[-1], pause)[0])
        assert end_leases(world.database, NOW + pause + off) == 0
    assert set(there).isdisjoint(here)
    assert set(take(world, bob)[:1]).isdisjoint({there[-1], here[-1]})


@pytest.mark.parametrize("state", ["submitted", "skipped", "approved", "returned"])
def test_a_lease_ends_when_the_work_does(
    state: str, world: World, people: Callable[[int], list[int]], images: list[int]
) -> None:
    (ada,) = people(1)
    (first, *_) = take(world, ada)
    save(world, first, ada, mark(state, "blurry"))
    with world.database.read() as session:
        image = session.get_one(Image, first)
        assert (image.lease_user_id, image.lease_until, image.lease_renewed) == (None, None, None)
        assert image.author_id == (ada if state == "submitted" else None)


def test_who_submitted_stays_the_author_when_an_approval_is_taken_back(world: World) -> None:
    with world.database.write() as session:
        ada, eve = (add_person(session, name, "member").id for name in ("Ada", "Eve"))
    save(world, world.image_id, ada, mark("submitted"))
    save(world, world.image_id, eve, mark("approved"), mark("submitted"))
    save(world, world.image_id, eve, mark("approved"), create(str(uuid.uuid4())))
    with world.database.read() as session:
        image = session.get_one(Image, world.image_id)
        assert (image.state, image.author_id, image.state_user_id) == ("submitted", ada, eve)


def test_leaving_gives_everything_back(world: World, people: Callable[[int], list[int]], images: list[int]) -> None:
    ada, eve = people(2)
    first, second, third = take(world, ada)
    with world.database.write() as session:
        assert give_back(session, lock_image(session, first), eve) == []
        assert give_back(session, lock_image(session, second), ada) == []  # reserved: they have another one open
        ended = give_back(session, lock_image(session, first), ada)
        assert [each.id for each in ended] == [first, second, third]
    assert take(world, eve) == [first, second, third]


def in_work(database: Database, project_id: int) -> Sequence[int]:
    with database.read() as session:
        return [image.id for image in page_images(session, project_id, None, 100, Listing(state="in_work")).images]


def test_disabling_or_removing_somebody_ends_their_leases_and_keeps_their_work(
    world: World, people: Callable[[int], list[int]], images: list[int], told: list[PublishedEvent]
) -> None:
    ada, eve = people(2)
    with world.database.write() as session:
        for each in (ada, eve):
            set_member(session, world.project_id, session.get_one(User, each), "annotator")
        project = session.get_one(Project, world.project_id)
        adas = [each.id for each in take_next(session, project, ada)]
        eves = [each.id for each in take_next(session, project, eve)]
        assign(session, world.project_id, adas, [ada])
        assign(session, world.project_id, eves, [eve])
        add_person(session, "Olga", "owner")
    assert set(in_work(world.database, world.project_id)) == {adas[0], eves[0]}
    told.clear()
    with world.database.write() as session:
        disable_person(session, session.get_one(User, ada))
    assert in_work(world.database, world.project_id) == [eves[0]]
    (event,) = [each.event for each in told if isinstance(each.event, WorkEvent)]
    assert {(each.image_id, each.held_by, each.assigned_to) for each in event.images} == {
        (image_id, None, "person 0") for image_id in adas
    }
    with world.database.write() as session:
        remove_member(session, world.project_id, eve)
    assert in_work(world.database, world.project_id) == []
    with world.database.read() as session:
        rows = session.execute(select(Image.id, Image.assigned_user_id)).all()
        assert {row.id: row.assigned_user_id for row in rows} == {**dict.fromkeys(adas, ada), **dict.fromkeys(eves)}


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [((), FIRST), ((1, 2, 3), SHORTEST), ((60, 100, 900), timedelta(seconds=300)), ((900, 1000, 2000), LONGEST)],
)
def test_a_lease_lasts_three_times_what_an_image_takes(
    seconds: tuple[int, ...], expected: timedelta, world: World, people: Callable[[int], list[int]], images: list[int]
) -> None:
    (ada,) = people(1)
    for image_id, each in zip(images, seconds, strict=False):
        provenance = {"seconds": each / 2, "prompts": None}
        halves = [create(str(uuid.uuid4()), provenance=provenance, seed=seed) for seed in (0, 1)]
        save(world, image_id, ada, *halves, mark("submitted"))
    save(world, images[-1], ada, create(str(uuid.uuid4())), mark("submitted"))  # nobody knows how long this one took
    with world.database.read() as session:
        assert lease_span(session, world.project_id) == expected


def test_images_are_shared_evenly_neighbours_to_the_same_person(
    world: World, people: Callable[[int], list[int]], images: list[int]
) -> None:
    ada, eve, bob, ida = people(4)
    with world.database.write() as session:
        assert assign(session, world.project_id, images, [ada, eve, bob, ida]) == len(images)
    with world.database.read() as session:
        rows = session.scalars(select(Image.assigned_user_id).order_by(Image.id)).all()
    assert list(rows) == [ada, ada, eve, bob, bob, ida]


def test_the_next_image_is_found_along_an_index(world: World) -> None:
    """However many images are finished: none of them is looked at."""
    if not world.database.is_sqlite:
        pytest.skip("PostgreSQL chooses by statistics, of which there are none for six images")
    from limner.store.leases import _turns

    with world.database.read() as session:
        project = session.get_one(Project, world.project_id)
        for order, index in (("added", "open_added"), ("name", "open_name"), ("random", "open_random")):
            project.next_order = order
            plans = []
            for turn in _turns(project, 1, None, NOW):
                statement = turn.limit(3).compile(world.database.engine, compile_kwargs={"literal_binds": True})
                rows = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}").all()
                plans.append(" ".join(row[3] for row in rows))
            assert all("ix_images_assigned" in plan for plan in plans[:2])
            assert all(f"ix_images_{index}" in plan and "TEMP B-TREE" not in plan for plan in plans[2:]), plans
