"""A home that an earlier version has written opens with everything in it.

``tests/golden/home-0.1.zip`` was written by the version with three migrations: two projects, four images of 24 × 32 px,
annotations with a history, marks, embeddings, a job that is done and one that runs. ``expected.json`` in it is what
that version's API answered.
"""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from flask.testing import FlaskClient
from sqlalchemy import MetaData, create_engine, select, text

from limner.api.app import create_app
from limner.config import Settings
from limner.service.running import stop
from limner.service.wiring import Services, open_services
from limner.store import Database
from limner.store.migrate import SCRIPTS
from tests.api.conftest import FAKE_WORKER, BufferedClient
from tests.conftest import GOLDEN

LAST_MIGRATION = "0003"  # of the version that wrote the home


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with zipfile.ZipFile(GOLDEN / "home-0.1.zip") as archive:
        archive.extractall(tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def expected(home: Path) -> dict[str, Any]:
    return dict(json.loads((home / "expected.json").read_text()))


@pytest.fixture(params=["sqlite", "postgresql"])
def upgraded(request: pytest.FixtureRequest, home: Path) -> Iterator[Services]:
    url = ""
    if request.param == "postgresql":
        create: Callable[[], str] = request.getfixturevalue("new_postgres_database")
        url = create()
        _copy(home / "limner.db", url)
    settings = Settings(home=home, model="testlet", database_url=url)
    services = open_services(settings, encoder_command=FAKE_WORKER)
    yield services
    stop(services)


@pytest.fixture
def client(upgraded: Services, expected: dict[str, Any]) -> FlaskClient:
    """A script with a token of before."""
    app = create_app(upgraded)
    app.test_client_class = BufferedClient
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {expected['token']}"
    return client


def test_what_was_answered_before_is_answered_after(client: FlaskClient, expected: dict[str, Any]) -> None:
    (project, _) = expected["projects"]["projects"]
    path = f"/api/v1/projects/{project['id']}"
    _agree(client.get("/api/v1/projects").json, expected["projects"])
    _agree(client.get(f"{path}/images").json, expected["images"])
    for shown in expected["annotations"]:
        _agree(client.get(f"/api/v1/images/{shown['image_id']}/annotations").json, shown)
    _agree(json.loads(client.get(f"{path}/export?format=coco").data), _renumbered(expected["coco"]))
    _agree(client.get(f"{path}/jobs").json, expected["jobs"])


def test_work_goes_on_where_it_was(client: FlaskClient, upgraded: Services, expected: dict[str, Any]) -> None:
    """A job that ran is finished, an old embedding is served, an annotation of before can be changed."""
    (_, second) = expected["projects"]["projects"]
    first = expected["annotations"][0]
    upgraded.encoder.start()
    for _ in range(2400):
        (job,) = client.get(f"/api/v1/projects/{second['id']}/jobs").json["jobs"]
        if job["state"] == "done":
            break
        time.sleep(0.05)
    assert (job["state"], job["done"]) == ("done", 1)
    assert client.get(f"/api/v1/images/{first['image_id']}/embedding").status_code == 200
    uid = first["annotations"][0]["uid"]
    answer = client.post(
        f"/api/v1/images/{first['image_id']}/operations",
        json={"operation_id": "00000000-0000-4000-8000-00000000000a", "operation": {"kind": "delete", "uid": uid}},
        headers={"If-Match": f'"{first["revision"]}"'},
    )
    assert (answer.status_code, answer.json["revision"]) == (200, first["revision"] + 1)


def _renumbered(coco: dict[str, Any]) -> dict[str, Any]:
    """What has no category was exported as category 0; since then it has a number of its own behind the others."""
    number = len(coco["categories"])
    for entries, name in ((coco["categories"], "id"), (coco["annotations"], "category_id")):
        for entry in entries:
            entry[name] = entry[name] or number
    return coco


def _agree(answer: Any, expected: Any, where: str = "") -> None:
    """All that was there is there with its value; later versions may say more."""
    if isinstance(expected, dict):
        for name, value in expected.items():
            assert name in answer, f"{where}.{name} is gone"
            _agree(answer[name], value, f"{where}.{name}")
    elif isinstance(expected, list):
        assert len(answer) == len(expected), where
        for index, value in enumerate(expected):
            _agree(answer[index], value, f"{where}[{index}]")
    else:
        assert answer == expected, where


def _copy(sqlite: Path, url: str) -> None:
    """The rows of the home's database, in PostgreSQL, in tables of the same version."""
    database = Database(url)
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    with database.writing.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, LAST_MIGRATION)
    source = create_engine(f"sqlite:///{sqlite}")
    old, tables = MetaData(), MetaData()
    old.reflect(source)
    with source.connect() as reading, database.writing.begin() as writing:
        tables.reflect(writing)
        for table in tables.sorted_tables:
            if table.name == "alembic_version":
                continue
            writing.execute(table.delete())
            rows = [row._asdict() for row in reading.execute(select(old.tables[table.name]))]
            if rows:
                writing.execute(table.insert(), rows)
            if "id" in table.c and table.c.id.autoincrement and table.name != "installation":
                sequence = writing.scalar(text(f"SELECT pg_get_serial_sequence('{table.name}', 'id')"))
                if sequence and rows:
                    writing.execute(text(f"SELECT setval('{sequence}', {max(row['id'] for row in rows)})"))
    source.dispose()
    database.close()
