"""`limner bench pages` on both databases: every page is asked, of a project with all that its filters ask for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select

from limner.bench.pages import PAGES, run
from limner.cli import cli
from limner.errors import InvalidInput
from limner.store import Database
from limner.store.tables import Annotation, Exhaustivity, Image, ImageTag, Judgement

TABLES = (Image, Annotation, ImageTag, Exhaustivity, Judgement)


def test_all_pages_are_asked_of_a_project_that_has_what_they_ask_for(database_url: str, tmp_path: Path) -> None:
    document = tmp_path / "pages.json"
    options = ["--images", "60", "--annotations", "600", "--rounds", "1", "--database", database_url]
    asked = CliRunner().invoke(cli, ["bench", "pages", *options, "--json", str(document)])
    assert asked.exception is None, asked.output
    assert [each["case"] for each in json.loads(document.read_text())["results"]] == [each.name for each in PAGES]
    database = Database(database_url)
    with database.read() as session:
        counts = {table: session.scalar(select(func.count()).select_from(table)) or 0 for table in TABLES}
        states = set(session.scalars(select(Image.state)))
    database.close()
    assert (counts[Image], counts[Annotation], counts[ImageTag]) == (60, 600, 180)
    assert counts[Exhaustivity] > 60
    assert counts[Judgement] > 10
    assert len(states) >= 4


def test_it_refuses_a_database_that_has_projects(new_postgres_database: Callable[[], str]) -> None:
    url = new_postgres_database()
    list(run(10, 10, url, rounds=1))
    with pytest.raises(InvalidInput, match="There are projects in this database"):
        list(run(10, 10, url, rounds=1))
