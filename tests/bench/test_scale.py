"""`limner bench scale` on a real PostgreSQL: every question is answered, among few rows and more."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select, update

from limner.bench import scale
from limner.cli import cli
from limner.errors import InvalidInput
from limner.jobs.statistics import count_changes
from limner.store import Database, statistics
from limner.store.folders import folders_of
from limner.store.projects import list_projects
from limner.store.rollup import is_due
from limner.store.sizes import sizes_of
from limner.store.tables import Annotation, Embedding, Image


def test_all_questions_are_asked_among_few_rows_and_among_all(
    new_postgres_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scale, "SHARD_IMAGES", 20)
    url, document = new_postgres_database(), tmp_path / "scale.json"
    options = ["--images", "300", "--annotations", "900", "--rounds", "2", "--json", str(document)]
    run = CliRunner().invoke(cli, ["bench", "scale", "--database", url, *options])
    assert run.exception is None, run.output
    results = json.loads(document.read_text())["results"]
    assert {each["case"].split(",")[0].split(" of ")[0] for each in results} == {
        "next",
        "gallery page",
        "place",
        "list",
        "number",
        "page",
        "the same",
        "is anything to be counted",
        "figures",
        "export shard",
        "sweep",
        "sum",
        "removal",
    }
    database = Database(url)
    with database.read() as session:
        counts = {
            table: session.scalar(select(func.count()).select_from(table)) for table in (Image, Annotation, Embedding)
        }
        held = session.scalar(select(func.count()).where(Image.lease_until.is_not(None)))
    database.close()
    assert (counts[Image], counts[Annotation]) == (320, 960)
    assert counts[Embedding] == 320 - 2 * 3 * 5, "a warm-up and two rounds, among few and among all, of five each"
    assert held
    again = CliRunner().invoke(cli, ["bench", "scale", "--database", url, *options, "--before", str(document)])
    assert again.exception is None, again.output
    compared = json.loads(document.read_text())["results"]
    assert [each["case"] for each in compared] == [each["case"] for each in results]
    assert [each["reference_ms"] for each in compared] == [each["subject_ms"] for each in results]


def test_made_up_rows_count_as_those_that_the_server_counted(
    new_postgres_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scale, "SHARD_IMAGES", 20)
    url = new_postgres_database()
    list(scale.run(url, 100, 300, rounds=1))
    database = Database(url)
    with database.read() as session:
        large = list_projects(session)[0].id
        assert not is_due(session)
        now = statistics.progress(session, large)[-1].images
        masks = sum(each.masks for each in statistics.effort(session, large, "category"))
        summed = sizes_of(session, [large])[large]
        folders = folders_of(session, large, 9)
        session.rollback()
    with database.write() as session:
        session.execute(update(Image).values(counted_revision=-1))
    assert count_changes(database) == 100 + scale.SHARD_IMAGES
    with database.read() as session:
        assert sizes_of(session, [large])[large] == summed, "as the server counts"
        assert folders_of(session, large, 9) == folders == [("folder0", 100)]
        assert statistics.progress(session, large)[-1].images == now
    database.close()
    assert (sum(now.values()), masks) == (100, 300)


def test_it_refuses_what_it_would_spoil(new_postgres_database: Callable[[], str], tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="needs PostgreSQL"):
        list(scale.run(f"sqlite:///{tmp_path / 'x.db'}", 100, 100))
    url = new_postgres_database()
    list(scale.run(url, 100, 100, rounds=1))
    with pytest.raises(InvalidInput, match="There are projects in this database"):
        list(scale.run(url, 100, 100, rounds=1))
    figures = tmp_path / "figures.json"
    figures.write_text("[]")
    with pytest.raises(InvalidInput, match="holds no figures of limner bench scale"):
        list(scale.run(url, 100, 100, rounds=1, before=figures))
    figures.write_text('{"results": []}')
    with pytest.raises(InvalidInput, match="was not filled by limner bench scale"):
        list(scale.run(new_postgres_database(), 100, 100, rounds=1, before=figures))
