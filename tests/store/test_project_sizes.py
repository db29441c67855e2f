"""Sizes of projects are those of their rows, on both databases, however much was not counted yet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event, insert, text, update

from limner.jobs.statistics import count_changes, count_encoded_images
from limner.store import sizes
from limner.store.embeddings import EmbeddingKey, MadeEmbedding, add_embeddings
from limner.store.images import add_image, delete_image, lock_image
from limner.store.projects import count_projects, create_project
from limner.store.rollup import count_due, is_due, uncounted
from limner.store.tables import (
    Image,
    ProjectSize,
)
from limner.store.trash import put_in_trash, restore
from limner.store.types import utc_now
from tests.store.conftest import World, create, new_image
from tests.store.working import check_sizes, mark, new_uid, save


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
