"""Comments and how many of their threads are open, on SQLite and PostgreSQL."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from limner.errors import Conflict, InvalidInput, OperationReused
from limner.store import comments
from limner.store.annotations import annotations_of
from limner.store.comments import About, Thread, answer, begin_thread, get_comment, set_resolved, threads_of
from limner.store.images import add_image, delete_image, get_image, lock_image
from limner.store.listing import count_images, page_images
from limner.vocabulary.events import CommentsEvent, PublishedEvent
from limner.vocabulary.listing import Listing
from tests.store.conftest import HEIGHT, WIDTH, World, create, new_image, operation

ADA, BEN = 1, 2


def new_uid() -> str:
    return str(uuid.uuid4())


def begin(world: World, text: str = "look", about: About = About(), uid: str | None = None) -> int:  # noqa: B008
    with world.database.write() as session:
        return begin_thread(session, lock_image(session, world.image_id), uid or new_uid(), text, ADA, about).id


def read(world: World) -> tuple[list[Thread], int]:
    with world.database.read() as session:
        return list(threads_of(session, world.image_id)), get_image(session, world.image_id).open_threads


def resolve(world: World, thread_id: int, resolved: bool = True) -> None:
    with world.database.write() as session:
        image = lock_image(session, world.image_id)
        set_resolved(session, image, get_comment(session, thread_id), BEN, resolved=resolved)


def test_a_thread_is_open_until_it_is_resolved_and_pages_are_told(world: World, told: list[PublishedEvent]) -> None:
    first, second = begin(world), begin(world, "and there", About(place=(3.5, 2.0)))
    with world.database.write() as session:
        answer(session, lock_image(session, world.image_id), get_comment(session, first), new_uid(), "why?", BEN)
    threads, count = read(world)
    assert [(each.beginning.id, [said.text for said in each.answers]) for each in threads] == [
        (first, ["why?"]),
        (second, []),
    ]
    assert (threads[1].beginning.x, threads[1].beginning.y) == (3.5, 2.0)
    assert count == 2
    resolve(world, first)
    resolve(world, first)  # twice is once
    threads, count = read(world)
    assert (threads[0].beginning.resolved is not None, threads[0].beginning.resolved_user_id, count) == (True, BEN, 1)
    resolve(world, first, resolved=False)
    assert read(world)[1] == 2
    opened = [each.event.open for each in told if isinstance(each.event, CommentsEvent)]
    assert opened == [1, 2, 2, 1, 2]


def test_what_is_said_about_an_annotation_survives_it(world: World) -> None:
    uid = new_uid()
    made = world.apply(create(uid), 0).annotation
    assert made is not None
    begin(world, "too wide", About(annotation_uid=uid))
    world.apply(operation(kind="delete", uid=uid), 1)
    (thread,), count = read(world)
    x, y, width, height = made.bbox
    assert (thread.beginning.annotation_uid, thread.beginning.x, thread.beginning.y) == (
        uid,
        x + width / 2,
        y + height / 2,
    )
    assert count == 1
    with world.database.read() as session:
        assert annotations_of(session, world.image_id).annotations == []


def test_saying_the_same_again_says_it_once(world: World, told: list[PublishedEvent]) -> None:
    uid, reply = new_uid(), new_uid()
    about = About(place=(1.0, 1.0))
    first = begin(world, about=about, uid=uid)
    assert begin(world, about=about, uid=uid) == first
    for _ in range(2):
        with world.database.write() as session:
            answer(session, lock_image(session, world.image_id), get_comment(session, first), reply, "yes", BEN)
    (thread,), count = read(world)
    assert (len(thread.answers), count) == (1, 1)
    assert len([each for each in told if isinstance(each.event, CommentsEvent)]) == 2
    for text, other in (("something else", about), ("look", About(place=(2.0, 1.0))), ("look", About())):
        if other != About():
            with pytest.raises(OperationReused):
                begin(world, text, other, uid)


def test_what_does_not_belong_to_the_image_is_refused(world: World) -> None:
    with world.database.write() as session:
        other = add_image(session, world.project_id, new_image(7))[0].id
    elsewhere = World(world.database, world.project_id, world.category_id, other)
    uid = new_uid()
    elsewhere.apply(create(uid), 0)
    foreign = begin(elsewhere)
    for about in (About(annotation_uid=uid), About(place=(WIDTH + 0.5, 1.0)), About(place=(1.0, -0.5))):
        with pytest.raises(InvalidInput):
            begin(world, about=about)
    own = begin(world, about=About(place=(float(WIDTH), float(HEIGHT))))
    with world.database.write() as session:
        image = lock_image(session, world.image_id)
        with pytest.raises(InvalidInput, match="begins no thread"):
            answer(session, image, get_comment(session, foreign), new_uid(), "no", BEN)
        said = answer(session, image, get_comment(session, own), new_uid(), "yes", BEN)
        with pytest.raises(InvalidInput, match="begins no thread"):
            answer(session, image, said, new_uid(), "no", BEN)
        with pytest.raises(InvalidInput, match="only threads are resolved"):
            set_resolved(session, image, said, BEN, resolved=True)
    assert read(world)[1] == 1


def test_there_is_a_limit_to_what_is_said_about_one_image(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comments, "MAX_COMMENTS", 2)
    begin(world)
    begin(world)
    with pytest.raises(Conflict, match="2 comments already"):
        begin(world)
    assert read(world)[1] == 2


def test_images_with_open_threads_are_listed(world: World) -> None:
    with world.database.write() as session:
        add_image(session, world.project_id, new_image(7))
    thread = begin(world)
    listing = Listing(state="commented", order="name")
    with world.database.read() as session:
        page = page_images(session, world.project_id, None, 10, listing)
        assert [each.id for each in page.images] == [world.image_id]
    resolve(world, thread)
    with world.database.read() as session:
        assert count_images(session, world.project_id, listing) == 0


def test_people_who_resolve_and_say_at_once_leave_the_right_count(world: World) -> None:
    threads = [begin(world) for _ in range(4)]

    def act(index: int) -> None:
        if index % 2:
            resolve(world, threads[index // 2])
        else:
            begin(world)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(act, range(8)))
    found, count = read(world)
    assert (len(found), count) == (8, 4)


def test_comments_go_with_their_image(world: World) -> None:
    first = begin(world)
    with world.database.write() as session:
        answer(session, lock_image(session, world.image_id), get_comment(session, first), new_uid(), "yes", BEN)
        delete_image(session, get_image(session, world.image_id))
    with world.database.read() as session:
        assert threads_of(session, world.image_id) == []
