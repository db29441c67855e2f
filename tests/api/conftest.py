"""An application on a fresh home, and clients that are signed in."""

from __future__ import annotations

import io
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from limner.api.app import create_app
from limner.config import Settings
from limner.service.running import stop
from limner.service.wiring import Services, open_services
from limner.store.accounts import create_api_token, create_login_link, ensure_local_admin
from limner.vocabulary import rle
from tests.conftest import png_bytes

FAKE_WORKER = (sys.executable, str(Path(__file__).with_name("fake_worker.py")))
HEIGHT, WIDTH = 48, 64


BOTH_DATABASES = pytest.mark.parametrize("kind_of_database", ["sqlite", "postgresql"])


@pytest.fixture
def kind_of_database() -> str:
    """Which one the installation has; ``BOTH_DATABASES`` on a test, or on a module, has it run on each."""
    return "sqlite"


@pytest.fixture
def settings(settings: Settings, kind_of_database: str, request: pytest.FixtureRequest) -> Settings:
    """As ever, with the database of this kind."""
    if kind_of_database == "sqlite":
        return settings
    create = request.getfixturevalue("new_postgres_database")
    return settings.model_copy(update={"database_url": create(request.getfixturevalue("postgres_template"))})


@pytest.fixture
def services(settings: Settings, kind_of_database: str, sqlite_template: Path) -> Iterator[Services]:
    """Everything behind the application; the encoder has not been started, so what it is asked for waits."""
    if kind_of_database == "sqlite":
        settings.home.mkdir(parents=True, exist_ok=True)
        shutil.copy(sqlite_template, settings.home / "limner.db")
    services = open_services(settings, encoder_command=FAKE_WORKER)
    yield services
    stop(services)


@pytest.fixture
def client_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Limner</title>")
    return folder


class BufferedClient(FlaskClient):
    """Reads answers to their end, so that files are closed; streams say ``buffered=False``."""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        return super().open(*args, **{"buffered": True, **kwargs})


@pytest.fixture
def app(services: Services, client_folder: Path) -> APIFlask:
    app = create_app(services, client_folder)
    app.test_client_class = BufferedClient
    return app


@pytest.fixture
def anonymous(app: APIFlask) -> FlaskClient:
    """A client without credentials."""
    return app.test_client()


@pytest.fixture
def link_token(services: Services) -> str:
    with services.database.write() as session:
        return create_login_link(session, ensure_local_admin(session))


@pytest.fixture
def browser(app: APIFlask, link_token: str) -> FlaskClient:
    """A client with a session cookie that sends the CSRF token, as the page does."""
    client = app.test_client()
    answer = client.post("/api/v1/session", json={"token": link_token})
    client.environ_base["HTTP_X_CSRFTOKEN"] = answer.json["csrf_token"]
    return client


@pytest.fixture
def script(app: APIFlask, services: Services) -> FlaskClient:
    """A client with a bearer token."""
    with services.database.write() as session:
        token = create_api_token(session, ensure_local_admin(session), "test")
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


@pytest.fixture
def project(script: FlaskClient) -> dict[str, Any]:
    answer = script.post("/api/v1/projects", json={"name": "Cats", "categories": [{"name": "cat"}]})
    assert answer.status_code == 201
    return dict(answer.json)


Upload = Callable[..., dict[str, Any]]


@pytest.fixture
def upload(script: FlaskClient, project: dict[str, Any]) -> Upload:
    """Uploads one file and gives its result."""

    def send(data: bytes, name: str = "cat.png", project_id: int | None = None) -> dict[str, Any]:
        answer = script.post(
            f"/api/v1/projects/{project_id or project['id']}/images", data={"files": (io.BytesIO(data), name)}
        )
        assert answer.status_code == 200, answer.json
        return dict(answer.json["results"][0])

    return send


@pytest.fixture
def image(upload: Upload) -> dict[str, Any]:
    result = upload(png_bytes(HEIGHT, WIDTH))
    assert result["status"] == "created"
    return dict(result["image"])


def mask_rle(seed: int = 0, height: int = HEIGHT, width: int = WIDTH) -> dict[str, Any]:
    return dict(rle.encode(np.random.default_rng(seed).random((height, width)) < 0.3))


def new_uid() -> str:
    return str(uuid.uuid4())


def creation(category_id: int | None = None, **fields: Any) -> dict[str, Any]:
    """A create operation as a client sends it."""
    operation = {"kind": "create", "uid": new_uid(), "category_id": category_id, "segmentation": mask_rle(), **fields}
    return {"operation_id": new_uid(), "operation": operation}


def stored_files(settings: Settings) -> set[str]:
    """Every blob under the home."""
    root = settings.home / "blobs"
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
