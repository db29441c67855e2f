"""Which images are listed and in which order: pages, neighbours and places agree, whatever is asked for."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import product
from typing import Any, get_args

import pytest
from sqlalchemy import event, update
from sqlalchemy.orm import Session

from limner.errors import InvalidInput, NotFound
from limner.jobs.statistics import count_changes
from limner.store import Database
from limner.store.folders import folders_of
from limner.store.images import add_image, delete_image, get_image, lock_image
from limner.store.listing import count_images, neighbours, next_waiting, page_images, position_of
from limner.store.projects import create_project
from limner.store.tables import FolderSize, Image
from limner.vocabulary.listing import MAX_SORT_KEY, ImageOrder, Listing, natural_key
from limner.vocabulary.states import ImageState
from tests.store.conftest import new_image

NAMES = [
    "b10.png",
    "b2.png",
    "B1.png",
    "cam/9.png",
    "cam/10.png",
    "cam 1/3.png",
    "CAM/1.png",
    "cam/deep/é_100%.png",
    "z.png",
]
STATES: tuple[ImageState, ...] = get_args(ImageState)
ADA, BEN = 11, 12
AUTHORS = (None, ADA, BEN)


@pytest.fixture
def project_id(database: Database) -> int:
    """Images of odd names in several states, and another project beside them."""
    with database.write() as session:
        project, other = create_project(session, "Cats"), create_project(session, "Other")
        for index, name in enumerate(NAMES):
            image, _ = add_image(session, project.id, replace(new_image(index), file_name=name))
            image.state, image.annotation_count = STATES[index % len(STATES)], index * 7 % 4
            image.author_id = AUTHORS[index % len(AUTHORS)]
            add_image(session, other.id, replace(new_image(index), file_name=name))
        return project.id


def names(session: Session, project_id: int, listing: Listing, limit: int = 100) -> list[str]:
    """All that is listed, page by page."""
    found: list[str] = []
    cursor = None
    while True:
        page = page_images(session, project_id, cursor, limit, listing)
        found += [image.file_name for image in page.images]
        if (cursor := page.next) is None:
            return found


def test_names_are_ordered_as_people_count_and_folders_stay_together(database: Database, project_id: int) -> None:
    with database.read() as session:
        assert names(session, project_id, Listing(order="name")) == [
            "B1.png",
            "b2.png",
            "b10.png",
            "CAM/1.png",
            "cam/9.png",
            "cam/10.png",
            "cam/deep/é_100%.png",
            "cam 1/3.png",
            "z.png",
        ]


def test_work_comes_in_the_order_in_which_it_goes_on(database: Database, project_id: int) -> None:
    with database.read() as session:
        images = page_images(session, project_id, None, 100, Listing(order="state")).images
        states = [image.state for image in images]
    assert list(dict.fromkeys(states)) == ["returned", "waiting", "submitted", "approved", "skipped"]


@pytest.mark.parametrize(("order", "descending"), list(product(get_args(ImageOrder), (False, True))))
def test_pages_neighbours_and_places_agree(
    database: Database, project_id: int, order: ImageOrder, descending: bool
) -> None:
    for chosen in (
        {},
        {"state": "waiting"},
        {"folder": "cam"},
        {"search": "png 1"},
        {"state": "waiting", "also": "annotated"},
        {"author": ADA},
    ):
        listing = Listing(order=order, descending=descending, **chosen)
        with database.read() as session:
            images = page_images(session, project_id, None, 100, listing).images
            assert count_images(session, project_id, listing) == len(images) > 1
            assert names(session, project_id, listing, limit=2) == [image.file_name for image in images]
            ids = [image.id for image in images]
            for place, image in enumerate(images):
                before = ids[place - 1] if place > 0 else None
                after = ids[place + 1] if place + 1 < len(ids) else None
                assert neighbours(session, image, listing) == (before, after)
                assert position_of(session, image, listing) == place + 1
                assert [i.id for i in page_images(session, project_id, None, 1, listing, skip=place).images] == [
                    image.id
                ]
                behind = page_images(session, project_id, str(image.id), 100, listing).images
                assert [i.id for i in behind] == ids[place + 1 :]
            assert sorted(images, key=lambda image: image.id) == sorted(
                page_images(session, project_id, None, 100, replace(listing, order="added")).images, key=lambda i: i.id
            )


def test_what_somebody_submitted_is_listed_and_walked_whatever_became_of_it(
    database: Database, project_id: int
) -> None:
    with database.write() as session:
        everything = page_images(session, project_id, None, 100, Listing()).images
        for author in (ADA, BEN):
            theirs = [image.file_name for image in everything if image.author_id == author]
            assert names(session, project_id, Listing(author=author)) == theirs != []
        assert names(session, project_id, Listing(author=13)) == []
        submitted = names(session, project_id, Listing(state="submitted", author=ADA))
        assert submitted == [
            each.file_name for each in everything if (each.state, each.author_id) == ("submitted", ADA)
        ]


def test_who_submitted_it_tells_nobody_that_an_image_is_gold(database: Database, project_id: int) -> None:
    with database.write() as session:
        theirs = page_images(session, project_id, None, 100, Listing(author=ADA)).images
        theirs[0].is_gold, theirs[0].state = True, "waiting"
        known, blind = Listing(author=ADA), Listing(author=ADA, blind=True)
        assert names(session, project_id, known) == [each.file_name for each in theirs]
        assert names(session, project_id, blind) == [each.file_name for each in theirs[1:]]
        assert theirs[0].file_name in names(session, project_id, Listing(blind=True))  # there is work to do on it


def test_a_random_order_is_the_same_each_time_and_another_than_that_of_names(
    database: Database, project_id: int
) -> None:
    with database.read() as session:
        images = page_images(session, project_id, None, 100).images
        shuffled = names(session, project_id, Listing(order="random"))
        assert shuffled == names(session, project_id, Listing(order="random"), limit=3)
        assert shuffled == [each.file_name for each in sorted(images, key=lambda each: (each.sha256, each.id))]
        for cursor in ("1:", "1:xyz", f"1:{'0' * 63}", f"1:{'0' * 65}"):
            with pytest.raises(InvalidInput, match="not a page cursor"):
                page_images(session, project_id, cursor, 3, Listing(order="random"))


def test_a_second_filter_has_to_hold_as_well(database: Database, project_id: int) -> None:
    with database.read() as session:
        for state in STATES:
            one, none = (
                names(session, project_id, Listing(state=state, also=also)) for also in ("annotated", "unannotated")
            )
            assert sorted(one + none) == sorted(names(session, project_id, Listing(state=state)))
            assert set(none) == set(names(session, project_id, Listing(state=state))) & set(
                names(session, project_id, Listing(also="unannotated"))
            )
        assert names(session, project_id, Listing(also="annotated")) == names(
            session, project_id, Listing(state="annotated")
        )
        submitted = Listing(state="submitted", also="gold")
        assert names(session, project_id, submitted) == []


def test_a_search_has_all_words_and_no_wildcards(database: Database, project_id: int) -> None:
    with database.read() as session:

        def found(search: str) -> set[str]:
            return set(names(session, project_id, Listing(search=search)))

        assert found("CAM 1") == {"cam/10.png", "cam 1/3.png", "CAM/1.png", "cam/deep/é_100%.png"}
        assert found("%") == found("_") == found("é") == {"cam/deep/é_100%.png"}
        assert found("nothing") == set()
        assert found("  ") == set(NAMES)


def test_a_folder_has_what_is_in_it_and_no_other_of_a_like_name(database: Database, project_id: int) -> None:
    with database.read() as session:
        assert names(session, project_id, Listing(folder="cam")) == ["cam/9.png", "cam/10.png", "cam/deep/é_100%.png"]
        assert names(session, project_id, Listing(folder="cam/deep")) == ["cam/deep/é_100%.png"]
        assert names(session, project_id, Listing(folder="ca")) == []
        assert names(session, project_id, Listing(folder="c" * MAX_SORT_KEY)) == []


FOLDERS = [("CAM", 1), ("cam", 2), ("cam/deep", 1), ("cam 1", 1)]


@pytest.mark.parametrize("counted", ["nothing", "all", "too little"])
def test_folders_are_those_that_images_are_in(
    database: Database, project_id: int, counted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if counted == "all":
        count_changes(database)
    elif counted == "too little":
        monkeypatch.setattr("limner.store.sizes.FEW", 0)
    with database.read() as session:
        assert folders_of(session, project_id, 9) == FOLDERS
        first = sorted(FOLDERS)[:2]
        assert sorted(folders_of(session, project_id, 2)) == first, "the same ones, however they are counted"


def test_folders_of_what_was_counted_are_read_from_sums(database: Database, project_id: int) -> None:
    count_changes(database)
    with database.write() as session:
        session.execute(update(FolderSize).where(FolderSize.path == "cam").values(images=1_000_000))
        for index, name in enumerate(("CAM/2.png", "new/1.png"), start=100):
            add_image(session, project_id, replace(new_image(index), file_name=name))
    with database.read() as session:
        found = dict(folders_of(session, project_id, 9))
        assert found == {**dict(FOLDERS), "cam": 1_000_000, "CAM": 2, "new": 1}
        assert dict(folders_of(session, project_id, 1)) == {"CAM": 2}
    with database.write() as session:
        delete_image(session, lock_image(session, get_image_id(session, project_id, "cam/deep/é_100%.png")))
    with database.read() as session:
        assert dict(folders_of(session, project_id, 4)).keys() == {"CAM", "cam", "cam 1", "new"}


def test_what_waits_next_is_looked_for_among_what_is_listed(database: Database, project_id: int) -> None:
    with database.read() as session:
        listing = Listing(folder="cam", state="submitted", order="name")
        waiting = names(session, project_id, replace(listing, state="waiting"))
        assert waiting == ["cam/9.png"]
        image = session.query(Image).filter_by(project_id=project_id, file_name="z.png").one()
        assert next_waiting(session, image, listing) == get_image_id(session, project_id, waiting[0])
        assert next_waiting(session, get_image(session, get_image_id(session, project_id, waiting[0])), listing) is None


def get_image_id(session: Session, project_id: int, name: str) -> int:
    """The number of an image."""
    return session.query(Image.id).filter_by(project_id=project_id, file_name=name).scalar()


def test_a_page_goes_on_though_its_last_image_changed_or_is_gone(database: Database, project_id: int) -> None:
    listing = Listing(order="objects")
    with database.write() as session:
        whole = names(session, project_id, listing)
        page = page_images(session, project_id, None, 3, listing)
        page.images[-1].annotation_count = 99
        session.delete(page.images[0])
        session.flush()
        rest = page_images(session, project_id, page.next, 100, listing).images
        assert [image.file_name for image in rest][: len(whole) - 3] == whole[3:]


@pytest.mark.parametrize("cursor", ["x", "1:x", ":", "-1", "1" * 30, "1:9999999999", "²"])
def test_what_is_no_cursor_is_refused(database: Database, project_id: int, cursor: str) -> None:
    with database.read() as session, pytest.raises(InvalidInput, match="cursor"):
        page_images(session, project_id, cursor, 3, Listing(order="objects"))


def test_an_image_of_another_project_is_no_place_to_go_on_from(database: Database, project_id: int) -> None:
    with database.read() as session:
        foreign = session.query(Image.id).filter(Image.project_id != project_id).limit(1).scalar()
        with pytest.raises(NotFound):
            page_images(session, project_id, str(foreign), 3, Listing(order="name"))


def test_keys_order_numbers_of_any_length() -> None:
    numbers = [0, 1, 2, 9, 10, 11, 99, 100, 10**30]
    shuffled = random.Random(1).sample(numbers, len(numbers))
    assert sorted(shuffled, key=lambda number: natural_key(f"a{number}b")) == numbers
    assert natural_key("A007.PNG") == natural_key("a7.png")
    assert len(natural_key("1" * 5000)) == MAX_SORT_KEY


def test_names_are_listed_along_an_index(database: Database, project_id: int) -> None:
    if not database.is_sqlite:
        pytest.skip("PostgreSQL reads a table of this size as a whole")
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        asked.append((statement, parameters))

    orders: tuple[tuple[ImageOrder, str], ...] = (
        ("name", "sort_name"),
        ("objects", "annotation_count"),
        ("random", "sha256"),
    )
    for order, column in orders:
        for after in (None, f"1:{'1' * 64}" if order == "random" else "1:1"):
            asked.clear()
            event.listen(database.engine, "before_cursor_execute", note)
            with database.read() as session:
                page_images(session, project_id, after, 9, Listing(order=order))
            event.remove(database.engine, "before_cursor_execute", note)
            statement, parameters = next(each for each in asked if "ORDER BY" in each[0])
            with database.read() as session:
                rows = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            plan = " ".join(row[3] for row in rows)
            assert f"ix_images_project_id_{column}_id" in plan
            assert "TEMP B-TREE" not in plan
