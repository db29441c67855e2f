"""The sums of statistics are those of the rows, on both databases, whatever was done and whenever it was counted."""

from __future__ import annotations

import random
import threading
import uuid
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, func, insert, select, text, update

from limner.jobs.statistics import Counter as CounterThread
from limner.jobs.statistics import count_changes, count_encoded_images
from limner.store import Database, sizes
from limner.store.categories import count_annotations, create_category
from limner.store.contributions import MAX_CLICKS, MAX_SECONDS
from limner.store.embeddings import EmbeddingKey, MadeEmbedding, add_embeddings
from limner.store.folders import folders_of
from limner.store.images import add_image, delete_image, lock_image
from limner.store.operations import apply_operation
from limner.store.people import add_person
from limner.store.projects import ProjectCounts, count_projects, create_project, delete_project
from limner.store.rollup import count_due, is_due, roll_up, uncounted
from limner.store.statistics import (
    ProgressDay,
    effort,
    effort_rows,
    forecast,
    progress,
    reviews,
)
from limner.store.tables import (
    Annotation,
    EffortDay,
    EffortGroup,
    Image,
    ImageRollup,
    Project,
    ProjectSize,
    StateDay,
)
from limner.store.trash import put_in_trash, restore
from limner.store.types import utc_now
from limner.vocabulary.names import folder_of
from limner.vocabulary.states import EffortBy
from tests.store.conftest import World, create, mask_rle, new_image, operation

MODELS = ("a" * 64, "b" * 64)
GROUPS: tuple[EffortBy, ...] = ("category", "person", "model", "day")


def new_uid() -> str:
    return str(uuid.uuid4())


def provenance(model: str | None, seconds: float | None = None, clicks: int | None = None) -> dict[str, Any]:
    return {"model_sha256": model, "seconds": seconds, "clicks": clicks}


def save(world: World, image_id: int, op: Any, user_id: int | None = None) -> None:
    with world.database.write() as session:
        apply_operation(session, lock_image(session, image_id), new_uid(), op, revision=None, user_id=user_id)


def mark(state: str) -> Any:
    return operation(kind="mark", uid=new_uid(), state=state, note="for a reason")


def efforts(world: World, by: EffortBy, user_id: int | None = None) -> dict[Any, tuple[int, int, float, int, int]]:
    with world.database.read() as session:
        found = effort(session, world.project_id, by, user_id)
    return {each.key: (each.masks, each.timed, each.seconds, each.clicked, each.clicks) for each in found}


def states(world: World) -> list[dict[str, int]]:
    with world.database.read() as session:
        days = progress(session, world.project_id)
    return [{state: count for state, count in day.images.items() if count} for day in days]


@dataclass
class Expected:
    """What the test itself knows of what it did, without looking at a row."""

    masks: dict[str, tuple[int, int, int, str, float | None, int | None]] = field(default_factory=dict)
    gone: dict[str, tuple[int, int, int, str, float | None, int | None]] = field(default_factory=dict)
    state: dict[int, str] = field(default_factory=dict)
    author: dict[int, int] = field(default_factory=dict)
    said: dict[int, list[tuple[int, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )  # by image: (author, what)

    def forget(self, image_id: int) -> None:
        for masks in (self.masks, self.gone):
            for uid in [uid for uid, mask in masks.items() if mask[0] == image_id]:
                del masks[uid]
        del self.state[image_id]
        self.said.pop(image_id, None)

    def by(self, place: int) -> dict[Any, tuple[int, int, float, int, int]]:
        groups: dict[Any, list[tuple[float | None, int | None]]] = defaultdict(list)
        for mask in self.masks.values():
            groups[mask[place]].append((mask[4], mask[5]))
        return {
            key: (
                len(group),
                sum(seconds is not None for seconds, _ in group),
                round(sum(seconds or 0 for seconds, _ in group), 3),
                sum(clicks is not None for _, clicks in group),
                sum(clicks or 0 for _, clicks in group),
            )
            for key, group in groups.items()
        }


@pytest.mark.parametrize("seed", [1, 2])
def test_after_random_work_the_sums_are_those_of_the_rows(world: World, seed: int) -> None:
    """Creating, editing, deleting, restoring, marking, reopening and deleting images, counted at random moments."""
    rng = random.Random(seed)
    with world.database.write() as session:
        people = [add_person(session, name, "member").id for name in ("Ada", "Eve")]
        categories = [0, world.category_id, create_category(session, world.project_id, "dog").id]
        images = [world.image_id]
        images += [add_image(session, world.project_id, new_image(index))[0].id for index in range(1, 5)]
    expected = Expected(state=dict.fromkeys(images, "waiting"))
    for step in range(150):
        image_id, user_id = rng.choice(images), rng.choice(people)
        work(world, expected, rng, image_id, user_id, categories)
        if rng.random() < 0.1:
            limit = rng.choice([1, 2, 100])
            with world.database.read() as session:
                counted = count_due(session, limit)
            if rng.random() < 0.3:  # somebody goes on in between
                work(world, expected, rng, image_id, user_id, categories)
            with world.database.write() as session:
                roll_up(session, counted, limit)
        if step % 5 == 0:
            check_sizes(world)
        if step in (60, 120):
            with world.database.write() as session:
                delete_image(session, lock_image(session, images[0]))
            expected.forget(images.pop(0))
            check_sizes(world)
    count_changes(world.database)
    check_sizes(world)
    assert efforts(world, "category") == expected.by(1)
    assert efforts(world, "person") == expected.by(2)
    assert efforts(world, "model") == expected.by(3)
    assert sum(masks for masks, *_ in efforts(world, "day").values()) == len(expected.masks)
    with world.database.read() as session:
        table = effort_rows(session, world.project_id)
    assert Counter((category, person, model) for (_, category, person, model), _ in table).keys() == {
        mask[1:4] for mask in expected.masks.values()
    }
    assert sum(counts["masks"] for _, counts in table) == len(expected.masks)
    assert states(world)[-1] == Counter(expected.state.values())
    said = Counter(pair for pairs in expected.said.values() for pair in pairs)
    with world.database.read() as session:
        assert uncounted(session, world.project_id) == 0
        found = {
            (each.user_id, what): count
            for each in reviews(session, world.project_id)
            for what, count in (
                ("submitted", each.submitted),
                ("approved", each.approved),
                ("returned", each.returned),
            )
            if count
        }
        rows = session.scalar(select(func.count()).select_from(Annotation).where(Annotation.deleted.is_(None)))
        kept = session.scalar(select(func.count()).select_from(ImageRollup))
    assert found == said
    assert rows == len(expected.masks)
    assert kept == len(images)


def check_sizes(world: World) -> None:
    """Sizes of the project, and of its folders, and how many annotations its categories have, are those of the rows."""
    with world.database.read() as session:
        images = session.scalars(select(Image).where(Image.project_id == world.project_id)).all()
        masks = session.scalars(
            select(Annotation)
            .join(Image, Image.id == Annotation.image_id)
            .where(Image.project_id == world.project_id, Annotation.deleted.is_(None))
        ).all()
        found = count_projects(session, {world.project_id: EmbeddingKey.of(MODELS[0])}).get(world.project_id)
        by_category = count_annotations(session, [world.project_id])
        folders = folders_of(session, world.project_id, 9)
    states = Counter(image.state for image in images)
    named = {state: states[state] for state in ("submitted", "skipped", "approved", "returned")}
    annotated = sum(image.annotation_count > 0 for image in images)
    assert found == (ProjectCounts(len(images), annotated, len(masks), **named) if images else None)
    assert by_category == Counter(mask.category_id for mask in masks if mask.category_id)
    assert dict(folders) == Counter(folder_of(image.file_name) for image in images if "/" in image.file_name)


@pytest.mark.parametrize("few", [0, 3, 5_000])
def test_sizes_of_a_project_are_those_of_its_rows_however_many_are_not_counted(
    world: World, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizes, "FEW", few)
    with world.database.write() as session:
        images = [world.image_id]
        for index, folder in enumerate(("a", "a/b", "a", "c", "a"), start=1):
            image = replace(new_image(index), file_name=f"{folder}/{index}.png")
            images.append(add_image(session, world.project_id, image)[0].id)
    check_sizes(world)
    for number, image_id in enumerate(images):
        for _ in range(number):
            save(world, image_id, create(new_uid(), world.category_id), None)
        save(world, image_id, mark("submitted" if number % 2 else "skipped"), None)
    check_sizes(world)
    count_changes(world.database)
    check_sizes(world)
    with world.database.write() as session:
        put_in_trash(session, lock_image(session, images[1]), 1)
        put_in_trash(session, lock_image(session, images[2]), 1)
        delete_image(session, lock_image(session, images[3]))
    save(world, images[4], create(new_uid(), world.category_id), None)
    check_sizes(world)
    with world.database.write() as session:
        restore(session, world.project_id, images[1])
    check_sizes(world)
    count_changes(world.database)
    check_sizes(world)
    with world.database.write() as session:
        restore(session, world.project_id, images[2])
    check_sizes(world)


def test_what_changed_is_known_of_each_project_however_much_changed_in_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizes, "FEW", 2)
    images: dict[int, list[int]] = {world.project_id: [world.image_id]}
    with world.database.write() as session:
        for count in (3, 2, 0, 4, 1, 1, 2):
            project_id = create_project(session, f"With {count}").id
            made = [add_image(session, project_id, new_image(index))[0].id for index in range(count)]
            images[project_id] = made
    for asked in ([*images], list(images)[2:6], list(images)[-1:], []):
        with world.database.read() as session:
            late = sizes.late_in(session, asked)
        assert late.everything == {each for each in asked if len(images[each]) > 2}
        assert sorted(late.images) == sorted(n for each in asked if len(images[each]) <= 2 for n in images[each])


def test_what_is_not_counted_yet_is_found_along_its_own_index_among_many_images(world: World) -> None:
    """Neither database knows how few they are; without help both read all images of a project, and what is joined."""
    fixed = {"width": 8, "height": 8, "bytes": 1, "format": "PNG", "display_type": "image/png", "counted_revision": 0}
    rows = [
        {
            "project_id": world.project_id,
            "file_name": f"a/{n}.png",
            "sha256": f"{n:064x}",
            "created": utc_now(),
            **fixed,
        }
        for n in range(1, 5_000)
    ]
    with world.database.write() as session:
        session.execute(insert(Image), rows)
        session.execute(text("ANALYZE"))
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: object) -> None:
        if "revision <>" in statement:
            asked.append((statement, parameters))

    explain = "EXPLAIN QUERY PLAN" if world.database.is_sqlite else "EXPLAIN"
    with world.database.read() as session:
        event.listen(session.get_bind(), "before_cursor_execute", note)
        late = sizes.late_in(session, [world.project_id])
        assert list(late.images) == [world.image_id]
        assert is_due(session)
        assert list(count_due(session, 5)) == [world.image_id]
        assert uncounted(session, world.project_id) == 1
        event.remove(session.get_bind(), "before_cursor_execute", note)
        plans = [
            "\n".join(str(row) for row in session.connection().exec_driver_sql(f"{explain} {statement}", parameters))
            for statement, parameters in asked
        ]
    assert len(plans) == 4
    for plan in plans:
        assert "ix_images_uncounted" in plan, plan
        assert "Seq Scan" not in plan, plan


def test_encoded_images_of_a_large_project_are_counted_once_in_a_while(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizes, "LARGE", 1)
    key, other = EmbeddingKey.of("a" * 64), EmbeddingKey.of("b" * 64)

    def encoded(of: EmbeddingKey) -> int:
        with world.database.read() as session:
            return count_projects(session, {world.project_id: of})[world.project_id].encoded

    def add(number: int) -> None:
        with world.database.write() as session:
            add_image(session, world.project_id, new_image(number))
            add_embeddings(session, key, [MadeEmbedding(new_image(number).sha256, 1.0, 1000)])

    add(1)
    assert encoded(key) == 1, "nobody has counted yet"
    count_changes(world.database)
    assert count_encoded_images(world.database) == 1
    assert (encoded(key), encoded(other)) == (1, 0)
    assert count_encoded_images(world.database) == 0, "it was just done"
    add(2)
    assert encoded(key) == 1, "as it was counted last"
    with world.database.write() as session:
        session.execute(update(ProjectSize).values(encoded_counted=utc_now() - sizes.ENCODED_EVERY * 2))
    assert count_encoded_images(world.database) == 1
    assert encoded(key) == 2
    with world.database.write() as session:  # what takes long is done seldom
        took = sizes.ENCODED_EVERY.total_seconds()
        session.execute(
            update(ProjectSize).values(encoded_counted=utc_now() - sizes.ENCODED_EVERY * 2, encoded_seconds=took)
        )
    assert count_encoded_images(world.database) == 0
    monkeypatch.setattr(sizes, "LARGE", 20_000)
    add(3)
    assert encoded(key) == 3, "of small projects it is counted when somebody asks"


def work(
    world: World, expected: Expected, rng: random.Random, image_id: int, user_id: int, categories: list[int]
) -> None:
    """Do one thing to an image, and note what is to come of it."""
    here = [uid for uid, mask in expected.masks.items() if mask[0] == image_id]
    deleted = [uid for uid, mask in expected.gone.items() if mask[0] == image_id]
    state = expected.state[image_id]
    kind = rng.choice(["create", "create", "update", "delete", "restore", "mark"])
    if kind == "mark":
        after = rng.choice(["waiting", "submitted", "approved", "returned", "skipped"])
        save(world, image_id, mark(after), user_id)
        if after == "submitted" and state not in ("submitted", "approved"):
            expected.author[image_id] = user_id
        if (
            after != state
            and after in ("submitted", "approved", "returned")
            and (state, after)
            != (
                "approved",
                "submitted",
            )
        ):
            expected.said[image_id].append((expected.author.get(image_id, 0), after))
        expected.state[image_id] = after
        return
    effort_of = (rng.choice([None, round(rng.random() * 60, 3)]), rng.choice([None, rng.randrange(9)]))
    model = rng.choice(MODELS)
    if kind == "create":
        uid, category = new_uid(), rng.choice(categories)
        save(world, image_id, create(uid, category or None, provenance=provenance(model, *effort_of)), user_id)
        expected.masks[uid] = (image_id, category, user_id, model, *effort_of)
    elif kind == "update" and here:
        uid, category = rng.choice(here), rng.choice(categories)
        changes = {"category_id": category or None, "provenance": provenance(model, *effort_of)}
        save(world, image_id, operation(kind="update", uid=uid, changes=changes), user_id)
        expected.masks[uid] = (image_id, category, expected.masks[uid][2], model, *effort_of)
    elif kind == "delete" and here:
        uid = rng.choice(here)
        save(world, image_id, operation(kind="delete", uid=uid), user_id)
        expected.gone[uid] = expected.masks.pop(uid)
    elif kind == "restore" and deleted:
        uid = rng.choice(deleted)
        save(world, image_id, operation(kind="restore", uid=uid), user_id)
        expected.masks[uid] = expected.gone.pop(uid)
    else:
        return
    if state == "approved":
        expected.state[image_id] = "submitted"


def test_what_was_undone_leaves_no_trace_in_the_sums(world: World) -> None:
    uid = new_uid()
    count_changes(world.database)
    save(world, world.image_id, create(uid, world.category_id))
    count_changes(world.database)
    assert efforts(world, "category") == {world.category_id: (1, 0, 0.0, 0, 0)}
    save(world, world.image_id, operation(kind="delete", uid=uid))
    save(world, world.image_id, mark("submitted"))
    save(world, world.image_id, mark("waiting"))
    count_changes(world.database)
    with world.database.read() as session:
        assert list(effort_rows(session, world.project_id)) == []
        assert session.scalar(select(func.count()).select_from(EffortDay)) == 0
        assert session.scalar(select(func.count()).select_from(EffortGroup)) == 0
    assert states(world) == [{"waiting": 1}]


def test_time_and_clicks_are_counted_only_where_they_are_known_and_at_most_so_much(world: World) -> None:
    for given in (None, provenance(None), provenance(MODELS[0], 1e300, 10**30), provenance(MODELS[0], 1.5, 2)):
        save(world, world.image_id, create(new_uid(), provenance=given))
    count_changes(world.database)
    assert efforts(world, "model") == {
        "": (2, 0, 0.0, 0, 0),
        MODELS[0]: (2, 2, MAX_SECONDS + 1.5, 2, MAX_CLICKS + 2),
    }


def test_masks_belong_to_who_made_them_and_to_the_day_of_it(world: World) -> None:
    with world.database.write() as session:
        ada, eve = (add_person(session, name, "member").id for name in ("Ada", "Eve"))
    uid = new_uid()
    save(world, world.image_id, create(uid), ada)
    save(world, world.image_id, operation(kind="update", uid=uid, changes={"segmentation": mask_rle(1)}), eve)
    with world.database.write() as session:
        made = datetime(2025, 3, 4, 23, 59, tzinfo=UTC)
        session.execute(update(Annotation).values(created=made))
    count_changes(world.database)
    assert efforts(world, "person") == {ada: (1, 0, 0.0, 0, 0)}
    assert efforts(world, "person", eve) == {}
    assert efforts(world, "day") == {date(2025, 3, 4): (1, 0, 0.0, 0, 0)}


def test_an_image_whose_state_no_history_explains_counts_as_it_stands(world: World) -> None:
    with world.database.write() as session:
        session.execute(update(Image).values(state="submitted", author_id=7))
    count_changes(world.database)
    assert states(world)[-1] == {"submitted": 1}


def test_a_project_takes_its_sums_with_it(world: World) -> None:
    save(world, world.image_id, create(new_uid()))
    count_changes(world.database)
    with world.database.write() as session:
        delete_project(session, session.get_one(Project, world.project_id))
    assert count_changes(world.database) == 0
    with world.database.read() as session:
        for table in (EffortDay, EffortGroup, StateDay, ImageRollup):
            assert session.scalar(select(func.count()).select_from(table)) == 0


def test_counting_beside_saves_and_deletions_misses_nothing(world: World) -> None:
    with world.database.write() as session:
        images = [add_image(session, world.project_id, new_image(index))[0].id for index in range(1, 5)]
    stop = threading.Event()

    def count() -> None:
        while not stop.is_set():
            count_changes(world.database)

    def annotate(image_id: int) -> None:
        for index in range(8):
            save(world, image_id, create(new_uid(), world.category_id, seed=index))

    with ThreadPoolExecutor(5) as pool:
        counting = [pool.submit(count), pool.submit(count)]
        try:
            for saved in [pool.submit(annotate, image_id) for image_id in images[:3]]:
                saved.result()
            with world.database.write() as session:
                delete_image(session, lock_image(session, images[0]))
        finally:
            stop.set()
        for each in counting:
            each.result()
    count_changes(world.database)
    assert efforts(world, "category") == {world.category_id: (16, 0, 0.0, 0, 0)}
    assert states(world)[-1] == {"waiting": 4}


def test_a_started_counter_counts_by_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = threading.Event()
    real = count_changes

    def count(database: Database, stopping: threading.Event | None = None) -> int:
        done = real(database, stopping)
        counted.set()
        return done

    monkeypatch.setattr("limner.jobs.statistics.COUNT_EVERY", 0.01)
    monkeypatch.setattr("limner.jobs.statistics.count_changes", count)
    counter = CounterThread(world.database)
    counter.start()
    try:
        assert counted.wait(60), "nothing was counted within a minute"
    finally:
        counter.stop()
    assert states(world) == [{"waiting": 1}]


TODAY = date(2026, 6, 30)


def day(before: int, **images: int) -> ProgressDay:
    return ProgressDay(TODAY - timedelta(days=before), images)


def test_the_forecast_goes_on_at_the_pace_of_the_last_days() -> None:
    steady = [day(100, waiting=1000), day(90, waiting=900, submitted=100), day(0, waiting=760, submitted=240)]
    assert forecast(steady, TODAY).per_day == 10  # 140 within 14 days
    assert forecast(steady, TODAY).ends == TODAY + timedelta(days=76)
    begun = [day(3, waiting=100), day(1, waiting=96, approved=4), day(0, waiting=88, returned=2, approved=10)]
    assert (forecast(begun, TODAY).open, forecast(begun, TODAY).per_day) == (90, 5)  # since the first, two days
    assert forecast(begun, TODAY).ends == TODAY + timedelta(days=18)


def test_there_is_no_forecast_where_nothing_is_open_or_nothing_moves() -> None:
    assert forecast([], TODAY).ends is None
    assert forecast([day(3, waiting=10)], TODAY).ends is None
    assert forecast([day(50, waiting=4, submitted=6)], TODAY).ends is None
    assert forecast([day(1, submitted=6)], TODAY).ends is None
    slow = [day(1, waiting=10**9), day(0, waiting=10**9 - 1, skipped=1)]
    assert forecast(slow, TODAY).ends is None  # no calendar has that day
