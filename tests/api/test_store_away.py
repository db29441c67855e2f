"""S3 (a real server of its protocol, moto) is away under a running installation, and comes back."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient

from limner.api.app import create_app
from limner.api.serving.limits import Limits
from limner.blobs import embedding_key
from limner.config import Settings
from limner.models.manifest import PREPROCESSING_VERSION
from limner.service.wiring import Services
from tests.api.conftest import Upload, creation
from tests.api.test_front import Start, start
from tests.cluster.door import HOST, Door
from tests.conftest import TEST_MODEL_SHA256, embedding_bytes, png_bytes
from tests.s3 import environment, make_bucket, s3_server

__all__ = ["start"]

Ask = Callable[[FlaskClient, dict[str, Any], str], Any]
ATTEMPTS: dict[str, Ask] = {
    "the picture": lambda client, image, uid: client.get(f"/api/v1/images/{image['id']}/file"),
    "its thumbnail": lambda client, image, uid: client.get(f"/api/v1/images/{image['id']}/thumbnail"),
    "its embedding": lambda client, image, uid: client.get(f"/api/v1/images/{image['id']}/embedding"),
    "a crop of a mask": lambda client, image, uid: client.get(f"/api/v1/annotations/{uid}/crop?revision=1"),
    "another upload": lambda client, image, uid: client.post(
        f"/api/v1/projects/{image['project_id']}/images", data={"files": (io.BytesIO(png_bytes(seed=9)), "new.png")}
    ),
    "the same upload": lambda client, image, uid: client.post(
        f"/api/v1/projects/{image['project_id']}/images", data={"files": (io.BytesIO(png_bytes()), "cat.png")}
    ),
    "a snapshot": lambda client, image, uid: client.post(
        f"/api/v1/projects/{image['project_id']}/snapshots", json={"name": "then"}
    ),
}


@pytest.fixture(scope="module")
def s3_endpoint() -> Iterator[str]:
    with s3_server() as endpoint:
        yield endpoint


@pytest.fixture
def door(s3_endpoint: str) -> Iterator[Door]:
    door = Door(urlsplit(s3_endpoint).port or 0)
    yield door
    door.remove()


@pytest.fixture
def settings(settings: Settings, s3_endpoint: str, door: Door, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in environment(f"http://{HOST}:{door.port}").items():
        monkeypatch.setenv(name, value)
    return settings.model_copy(update={"blob_url": f"s3://{make_bucket(s3_endpoint)}/limner"})


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_what_needs_a_store_that_is_away_is_503_with_when_to_come_again_and_works_when_it_is_back(
    script: FlaskClient, services: Services, upload: Upload, door: Door, attempt: str
) -> None:
    image = upload(png_bytes())["image"]
    key = embedding_key(image["sha256"], TEST_MODEL_SHA256, PREPROCESSING_VERSION)
    services.blobs.put(key, embedding_bytes(image["sha256"]))
    operations, mask = f"/api/v1/images/{image['id']}/operations", creation()
    assert script.post(operations, json=mask, headers={"If-Match": '"0"'}).status_code == 200
    images, uid = f"/api/v1/projects/{image['project_id']}/images", mask["operation"]["uid"]

    door.shut()
    answer = ATTEMPTS[attempt](script, image, uid)
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "unavailable"), answer.data
    assert int(answer.headers["Retry-After"]) > 0
    assert "immutable" not in answer.headers.get("Cache-Control", "")
    assert "blob store" in answer.json["error"]["message"]
    assert len(script.get(images).json["images"]) == 1
    assert script.post(operations, json=creation(), headers={"If-Match": '"1"'}).status_code == 200, "masks are saved"

    door.open()
    assert ATTEMPTS[attempt](script, image, uid).status_code in (200, 201)


def test_an_export_that_needs_images_of_it_is_503_too(
    script: FlaskClient, services: Services, upload: Upload, door: Door, start: Start
) -> None:
    """Over a socket: it fails while the answer is made, after the application has said that all is well."""
    image = upload(png_bytes())["image"]
    server = start(create_app(services), Limits())
    server.client.headers["Authorization"] = script.environ_base["HTTP_AUTHORIZATION"]
    path = f"/api/v1/projects/{image['project_id']}/export?format=yolo&images=true"
    door.shut()
    answer = server.client.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    door.open()
    assert server.client.get(path).content.startswith(b"PK")
