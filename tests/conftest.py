"""Fixtures that all tests share."""

from __future__ import annotations

import io
import json
import os
import shutil
import uuid
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

os.environ.setdefault("OMP_NUM_THREADS", "1")  # parallel test processes must not fight for cores

from limner.access import passwords
from limner.config import Settings
from limner.encoding.wire import EmbeddingInfo, pack
from limner.models.manifest import PREPROCESSING_VERSION
from limner.startup import made_to_stay
from limner.store import Database
from limner.store.migrate import migrate
from limner.vocabulary.events import PublishedEvent
from tests.postgres import make_database, postgres_server

GOLDEN = Path(__file__).parent / "golden"
TEST_MODEL = "testlet"
TEST_MODEL_SHA256 = "7e57" * 16


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leave the modules and the tests themselves out of what Python looks through for garbage.

    They are a hundred times what a test makes: looking through them over and over took a fifth of the time of the
    tests. What tests make is collected as ever.
    """
    with made_to_stay():
        return (yield)


def golden(name: str) -> Any:
    """Vectors that pytest and vitest both read."""
    return json.loads((GOLDEN / f"{name}.json").read_text())


@pytest.fixture(scope="session", autouse=True)
def method_of_passwords() -> Iterator[str]:
    """How hashes of passwords are made. In tests by the same algorithm in 32 times fewer rounds: 4 ms instead of 75."""
    with pytest.MonkeyPatch.context() as patch:
        method = passwords.METHOD
        patch.setattr(passwords, "METHOD", "scrypt:1024:8:1")
        yield method


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a real PostgreSQL server that lives as long as the tests. Tests make databases of their own in it."""
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres: str) -> str:
    """The name of a database with all tables and no rows, to be copied: migrating every test's own takes longer."""
    name = f"template_{uuid.uuid4().hex}"
    database = Database(make_database(postgres, name))
    migrate(database)
    database.close()
    return name


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables and no rows, to be copied."""
    file = tmp_path_factory.mktemp("template") / "limner.db"
    database = Database(f"sqlite:///{file}")
    migrate(database)
    database.close()
    return file


@pytest.fixture
def new_postgres_database(postgres: str) -> Iterator[Callable[..., str]]:
    """Makes databases, empty or copies of a template, and gives their URLs; they are dropped after the test."""
    from sqlalchemy import create_engine, text

    names: list[str] = []

    def create(template: str = "") -> str:
        names.append(f"test_{uuid.uuid4().hex}")
        return make_database(postgres, names[-1], template)

    yield create
    admin = create_engine(postgres, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        for name in names:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def each_database(request: pytest.FixtureRequest) -> str:
    """Once "sqlite", once "postgresql"."""
    return str(request.param)


@pytest.fixture
def database_url(each_database: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database: once SQLite, once PostgreSQL."""
    if each_database == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    create: Callable[[], str] = request.getfixturevalue("new_postgres_database")
    return create()


@pytest.fixture
def told() -> list[PublishedEvent]:
    """The events that the ``database`` of this test has committed, in their order."""
    return []


@pytest.fixture
def database(
    each_database: str, request: pytest.FixtureRequest, tmp_path: Path, told: list[PublishedEvent]
) -> Iterator[Database]:
    """A database with all tables: once SQLite, once PostgreSQL."""
    if each_database == "sqlite":
        file = shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "store.db")
        url = f"sqlite:///{file}"
    else:
        create: Callable[[str], str] = request.getfixturevalue("new_postgres_database")
        url = create(request.getfixturevalue("postgres_template"))
    database = Database(url, on_commit=told.extend)
    yield database
    database.close()


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a fresh home in which a model is installed that has a card but no usable weights."""
    for name in list(os.environ):
        if name.startswith("LIMNER_"):
            monkeypatch.delenv(name)
    settings = Settings(home=tmp_path / "home", model=TEST_MODEL)
    install_card(settings.home, TEST_MODEL, TEST_MODEL_SHA256)
    return settings


def install_card(home: Path, name: str, weights_sha256: str) -> Path:
    """Install a model that has a card but no usable weights; its folder."""
    folder = home / "models" / name
    folder.mkdir(parents=True)
    card = {
        "name": name,
        "title": name.title(),
        "family": "samlet",
        "licence": "Apache-2.0",
        "weights_sha256": weights_sha256,
    }
    (folder / "model.json").write_text(json.dumps(card))
    (folder / "weights.safetensors").write_bytes(b"")
    return folder


def png_bytes(height: int = 48, width: int = 64, seed: int = 0) -> bytes:
    """A small PNG with pixels of its own."""
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def embedding_bytes(sha256: str = "ab" * 32) -> bytes:
    """The smallest file that is a whole embedding."""
    info = EmbeddingInfo(
        sha256, TEST_MODEL_SHA256, PREPROCESSING_VERSION, image_height=48, image_width=64, image_size=64
    )
    return pack({"image_embeddings": np.zeros((1, 1, 1, 1), np.float32)}, info)
