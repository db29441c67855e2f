"""`limner bench scale` on a real PostgreSQL: every question is answered, among few rows and more."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select

from limner.bench import scale
from limner.cli import cli
from limner.errors import InvalidInput
from limner.store import Database
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
        "page",
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


def test_it_refuses_what_it_would_spoil(new_postgres_database: Callable[[], str], tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="needs PostgreSQL"):
        list(scale.run(f"sqlite:///{tmp_path / 'x.db'}", 100, 100))
    url = new_postgres_database()
    list(scale.run(url, 100, 100, rounds=1))
    with pytest.raises(InvalidInput, match="There are projects in this database"):
        list(scale.run(url, 100, 100, rounds=1))
