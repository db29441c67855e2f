"""Sums that another program spoiled are found by ``limner check``, and made again from the rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import delete, insert, select, update

from limner.blobs import BlobStore
from limner.cli import cli
from limner.jobs.statistics import count_changes
from limner.maintenance.check import Finding, check
from limner.service.wiring import Services
from limner.store import Database
from limner.store.images import add_image, delete_image, lock_image
from limner.store.recount import count_anew
from limner.store.rollup import is_due
from limner.store.tables import (
    EffortDay,
    EffortGroup,
    FolderSize,
    Image,
    ImageRollup,
    JudgementGroup,
    Project,
    ProjectSize,
    StateDay,
)
from limner.store.trash import put_in_trash, restore
from tests.store.conftest import World, new_image, world
from tests.store.test_verification import drawn, say

__all__ = ["world"]

SUMS = (EffortGroup, EffortDay, StateDay, JudgementGroup, ProjectSize, FolderSize)


def all_sums(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    with database.read() as session:
        return {
            table.__tablename__: sorted(tuple(row) for row in session.execute(select(*table.__table__.columns)))
            for table in SUMS
        }


def found(database: Database, folder: Path, *, mend: bool = False) -> list[Finding]:
    """What is wrong with sums; the images of these databases have no files."""
    every = check(database, BlobStore(str(folder / "blobs")), mend=mend, max_pixels=10**6)
    return [each for each in every if each.key.startswith("sums/")]


@pytest.fixture
def worked_on(world: World) -> World:
    """Masks, judged and not, on a counted image; another one; one in the trash, one deleted, neither taken out yet."""
    right, wrong, _ = drawn(world), drawn(world), drawn(world)
    say(world, right, "right")
    say(world, wrong, "wrong")
    with world.database.write() as session:
        _, trashed, gone = [
            add_image(session, world.project_id, replace(new_image(index), file_name=f"a/{index}.png"))[0]
            for index in range(1, 4)
        ]
    count_changes(world.database)
    with world.database.write() as session:
        put_in_trash(session, lock_image(session, trashed.id), 1)
        delete_image(session, lock_image(session, gone.id))
    return world


def test_sums_that_are_right_are_left_alone_while_some_images_are_not_counted(worked_on: World, tmp_path: Path) -> None:
    database = worked_on.database
    drawn(worked_on)
    before = all_sums(database)
    assert found(database, tmp_path, mend=True) == []
    assert all_sums(database) == before
    count_changes(database)
    assert found(database, tmp_path) == []
    with database.write() as session:
        trashed = session.scalars(select(Image.id).where(Image.trashed.is_not(None))).one()
        restore(session, worked_on.project_id, trashed)
    assert found(database, tmp_path) == []
    count_changes(database)
    assert found(database, tmp_path) == []


def more_images(world: World) -> None:
    with world.database.write() as session:
        session.execute(update(ProjectSize).where(ProjectSize.project_id == 1).values(images=9))


def no_judgements(world: World) -> None:
    with world.database.write() as session:
        session.execute(delete(JudgementGroup))


def a_day_too_many(world: World) -> None:
    with world.database.write() as session:
        row = session.scalars(select(EffortDay)).one()
        kept = {column.name: getattr(row, column.name) for column in EffortDay.__table__.columns}
        session.execute(insert(EffortDay).values(kept | {"user_id": 99}))


def more_in_a_folder(world: World) -> None:
    with world.database.write() as session:
        session.execute(update(FolderSize).values(images=9))


def a_folder_that_is_none(world: World) -> None:
    with world.database.write() as session:
        session.execute(insert(FolderSize).values(project_id=world.project_id, path="b", images=1))


def counted_and_not_put_in(world: World) -> None:
    drawn(world)
    with world.database.write() as session:
        session.execute(update(Image).values(counted_revision=Image.revision))


def counted_by_an_earlier_version(world: World) -> None:
    """It knows neither sizes nor judgements nor folders."""
    drawn(world)
    with world.database.read() as session:
        before = {
            table: [dict(row) for row in session.execute(select(*table.__table__.columns)).mappings()]
            for table in (ProjectSize, JudgementGroup, FolderSize)
        }
    count_changes(world.database)
    with world.database.write() as session:
        for table, rows in before.items():
            session.execute(delete(table))
            session.execute(insert(table), rows)
        for rollup in session.scalars(select(ImageRollup)):
            rollup.counted = {name: rollup.counted[name] for name in ("effort", "states")}


@pytest.mark.parametrize(
    "spoil",
    [
        more_images,
        no_judgements,
        a_day_too_many,
        more_in_a_folder,
        a_folder_that_is_none,
        counted_and_not_put_in,
        counted_by_an_earlier_version,
    ],
    ids=lambda spoil: spoil.__name__,
)
def test_sums_that_are_wrong_are_found_and_all_of_the_project_is_counted_anew(
    worked_on: World, tmp_path: Path, spoil: Callable[[World], None]
) -> None:
    database = worked_on.database
    with database.write() as session:
        other = Project(name="Dogs")
        session.add(other)
        session.flush()
        add_image(session, other.id, new_image(9))
    count_changes(database)
    spoil(worked_on)
    spoiled = all_sums(database)
    key = f"sums/{worked_on.project_id}"
    assert found(database, tmp_path) == [Finding(key, "wrong", (), mended=False)]
    assert all_sums(database) == spoiled, "without --mend nothing is changed"
    assert found(database, tmp_path, mend=True) == [Finding(key, "wrong", (), mended=True)]
    mended = all_sums(database)
    assert mended != spoiled
    assert found(database, tmp_path) == []
    sizes = {row[0]: row[1:4] for row in mended["project_sizes"]}
    masks = 3 + (spoil in (counted_and_not_put_in, counted_by_an_earlier_version))
    assert sizes == {worked_on.project_id: (2, 1, masks), other.id: (1, 0, 0)}
    judged = [row[-3:] for row in mended["judgement_groups"]]
    assert judged == [(1, 1, 0)]
    assert mended["folder_sizes"] == [(worked_on.project_id, "a", 1)]


def test_to_count_anew_twice_or_what_was_right_comes_to_the_same(worked_on: World, tmp_path: Path) -> None:
    database = worked_on.database
    count_changes(database)
    before = all_sums(database)
    for _ in range(2):
        with database.write() as session:
            count_anew(session, worked_on.project_id)
        with database.write() as session:
            count_anew(session, worked_on.project_id)
        with database.read() as session:
            assert is_due(session)
        assert found(database, tmp_path) == [], "what is not counted is no fault"
        count_changes(database)
        assert all_sums(database) == before


def test_the_command_says_whose_figures_are_wrong_and_mends_them(filled: Services) -> None:
    count_changes(filled.database)
    with filled.database.write() as session:
        session.execute(update(ProjectSize).values(annotations=7))
    arguments = ["check", "--home", str(filled.settings.home)]
    said = CliRunner().invoke(cli, arguments)
    assert said.exit_code == 1
    assert "sums/1: wrong; of the figures of a project" in said.output
    mended = CliRunner().invoke(cli, [*arguments, "--mend", "--json"])
    assert mended.exit_code == 0
    line = next(line for line in mended.output.splitlines() if line.startswith("{"))
    assert json.loads(line) == {"key": "sums/1", "fault": "wrong", "images": [], "mended": True}
    with filled.database.read() as session:
        assert session.scalars(select(ProjectSize.annotations)).all() == [1]
    assert CliRunner().invoke(cli, arguments).exit_code == 0
