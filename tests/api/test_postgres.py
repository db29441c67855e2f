"""The API over PostgreSQL: one walk through everything that touches the database differently."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from limner.config import Settings
from tests.api.conftest import creation, new_uid


@pytest.fixture
def settings(settings: Settings, new_postgres_database: Callable[[], str]) -> Settings:
    """The same home with a PostgreSQL database."""
    url = new_postgres_database().replace("postgresql+psycopg://", "postgresql://")
    return settings.model_copy(update={"database_url": url})


def test_savers_on_postgresql(app: APIFlask, script: FlaskClient, image: dict[str, Any]) -> None:
    address = f"/api/v1/images/{image['id']}"
    bearer = script.environ_base["HTTP_AUTHORIZATION"]

    def save(_: int) -> int:
        client, body, revision = app.test_client(), creation(), 0
        while True:
            headers = {"If-Match": f'"{revision}"', "Authorization": bearer}
            answer = client.post(f"{address}/operations", json=body, headers=headers)
            if answer.status_code == 200:
                return int(answer.json["revision"])
            assert answer.status_code == 412, answer.json
            revision = answer.json["error"]["details"]["current"]["revision"]

    with ThreadPoolExecutor(8) as pool:
        revisions = list(pool.map(save, range(24)))
    assert sorted(revisions) == list(range(1, 25))
    annotations = script.get(f"{address}/annotations").json["annotations"]
    uid = annotations[0]["uid"]
    gone = {"operation_id": new_uid(), "operation": {"kind": "delete", "uid": uid}}
    assert script.post(f"{address}/operations", json=gone, headers={"If-Match": '"24"'}).json["annotation"] is None
    project = script.get(f"/api/v1/projects/{image['project_id']}").json
    assert project["annotation_count"] == 23
    exported = script.get(f"/api/v1/projects/{image['project_id']}/export").json
    assert len(exported["annotations"]) == 23
    assert script.delete(f"/api/v1/projects/{image['project_id']}").status_code == 204
    assert script.get(address).status_code == 404
