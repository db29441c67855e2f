"""Tags of images: which words can be kept, what they choose, and what pages are told of them."""

from __future__ import annotations

import pytest

from limner.errors import InvalidInput
from limner.store import Database
from limner.store.copies import copy_for
from limner.store.events import events_after
from limner.store.images import add_image, delete_image, get_image
from limner.store.listing import count_images, neighbours, page_images
from limner.store.projects import create_project
from limner.store.tables import ImageTag, User
from limner.store.tags import MAX_TAGS, MOST_NAMED, add_tag, announce_tags, count_tags, remove_tag, tags_of, with_tags
from limner.store.trash import put_in_trash, restore
from limner.vocabulary.events import TagsEvent
from limner.vocabulary.listing import EVERYTHING, ImageOrder, Listing
from limner.vocabulary.names import MAX_TAG, clean_tag
from tests.store.conftest import new_image

NIGHT = Listing(tag="night")


@pytest.fixture
def project_id(database: Database) -> int:
    """Six images, every other one of the night; another project has such images too."""
    with database.write() as session:
        project, other = create_project(session, "Streets"), create_project(session, "Other")
        for index in range(6):
            image, _ = add_image(session, project.id, new_image(index))
            there, _ = add_image(session, other.id, new_image(index))
            assert add_tag(session, there.id, "night")
            if index % 2:
                assert add_tag(session, image.id, "night")
        return project.id


def numbers(database: Database, project_id: int, listing: Listing) -> list[int]:
    with database.read() as session:
        return [image.id for image in page_images(session, project_id, None, 100, listing).images]


@pytest.mark.parametrize(
    ("given", "kept"),
    [("  night   shift ", "night shift"), ("cafe\u0301", "caf\u00e9"), ("夜", "夜"), ("x" * 64, "x" * 64)],
)
def test_a_tag_is_one_line_in_nfc(given: str, kept: str) -> None:
    assert clean_tag(given) == kept


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "0 characters"),
        (" \n", "0 characters"),
        ("x" * (MAX_TAG + 1), "65 characters"),
        ("a\x07b", "cannot be kept"),
    ],
)
def test_what_is_no_tag_is_refused_by_name(given: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        clean_tag(given)


@pytest.mark.parametrize("order", ["added", "name", "objects"])
def test_a_tag_chooses_pages_counts_and_neighbours_alike_in_every_order(
    database: Database, project_id: int, order: ImageOrder
) -> None:
    listing = Listing(tag="night", order=order)
    chosen = numbers(database, project_id, listing)
    everything = numbers(database, project_id, Listing(order=order))
    assert chosen == everything[1::2]
    with database.read() as session:
        assert count_images(session, project_id, listing) == 3
        assert neighbours(session, get_image(session, chosen[1]), listing) == (chosen[0], chosen[2])
        assert neighbours(session, get_image(session, everything[2]), listing) == (chosen[0], chosen[1])


def test_a_tag_combines_with_the_other_filters_and_is_meant_exactly(database: Database, project_id: int) -> None:
    assert len(numbers(database, project_id, Listing(tag="night", search="3.png"))) == 1
    assert numbers(database, project_id, Listing(tag="night", state="approved")) == []
    assert numbers(database, project_id, Listing(tag="Night")) == []


def test_a_tag_is_there_once_and_goes(database: Database, project_id: int) -> None:
    first = numbers(database, project_id, EVERYTHING)[0]
    with database.write() as session:
        assert add_tag(session, first, "wet")
        assert not add_tag(session, first, "wet")
        assert add_tag(session, first, "Alley")
        assert tags_of(session, [get_image(session, first)]) == {first: ["Alley", "wet"]}
        assert remove_tag(session, first, "wet")
        assert not remove_tag(session, first, "wet")
        assert tags_of(session, [get_image(session, first)]) == {first: ["Alley"]}


def test_an_image_has_so_many_tags_at_most(database: Database, project_id: int) -> None:
    first = numbers(database, project_id, EVERYTHING)[0]
    with database.write() as session:
        for number in range(MAX_TAGS):
            assert add_tag(session, first, f"tag {number}")
        assert not add_tag(session, first, "tag 3"), "one that is there is no further one"
        with pytest.raises(InvalidInput, match=f"more than {MAX_TAGS} tags"):
            add_tag(session, first, "one more")


def test_tags_are_counted_for_each_project_in_alphabetical_order(database: Database, project_id: int) -> None:
    first = numbers(database, project_id, EVERYTHING)[0]
    with database.write() as session:
        for tag in ("Zoo", "alley"):
            add_tag(session, first, tag)
        assert count_tags(session, project_id, EVERYTHING, 9) == [("alley", 1), ("night", 3), ("Zoo", 1)]
        assert len(count_tags(session, project_id, EVERYTHING, 2)) == 2


def test_tags_go_to_the_trash_with_their_image_and_come_back_with_it(database: Database, project_id: int) -> None:
    image_id = numbers(database, project_id, NIGHT)[0]
    with database.write() as session:
        user = User(name="Ada", role="member", storage_key="ada")
        session.add(user)
        session.flush()
        put_in_trash(session, get_image(session, image_id), user.id)
    assert image_id not in numbers(database, project_id, NIGHT)
    with database.write() as session:
        assert count_tags(session, project_id, EVERYTHING, 9) == [("night", 2)]
        restore(session, project_id, image_id)
    assert image_id in numbers(database, project_id, NIGHT)
    with database.write() as session:
        delete_image(session, get_image(session, image_id))
        assert session.get(ImageTag, (image_id, "night")) is None


def test_a_copy_has_the_tags_of_its_original(database: Database, project_id: int) -> None:
    image_id = numbers(database, project_id, NIGHT)[0]
    with database.write() as session:
        user = User(name="Ada", role="member", storage_key="ada")
        session.add(user)
        session.flush()
        copy = copy_for(session, get_image(session, image_id), user.id)
        assert tags_of(session, [copy]) == {copy.id: ["night"]}


def test_images_come_with_their_tags_in_their_order(database: Database, project_id: int) -> None:
    with database.read() as session:
        images = [get_image(session, number) for number in numbers(database, project_id, EVERYTHING)]
        assert [(image.id, list(tags)) for image, tags in with_tags(session, images)] == [
            (image.id, ["night"] if place % 2 else []) for place, image in enumerate(images)
        ]


def test_pages_are_told_the_tags_and_of_very_many_that_there_are_others(database: Database, project_id: int) -> None:
    first, second = numbers(database, project_id, EVERYTHING)[:2]
    with database.write() as session:
        announce_tags(session, project_id, [])
        announce_tags(session, project_id, [first, second])
        announce_tags(session, project_id, [first] * (MOST_NAMED + 1))
    with database.read() as session:
        stored = events_after(session, project_id, 0)
    assert stored is not None
    told = [each.event for each in stored if isinstance(each.event, TagsEvent)]
    assert [[(image.image_id, image.tags) for image in each.images] for each in told] == [
        [(first, []), (second, ["night"])],
        [],
    ]
