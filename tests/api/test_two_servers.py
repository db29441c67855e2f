"""Two web processes on one PostgreSQL: what changes in one is seen by a page of the other."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from limner.config import Settings
from tests.api.conftest import creation
from tests.api.running import Server
from tests.api.test_serve import new_image


@pytest.fixture
def servers(settings: Settings, new_postgres_database: Callable[[], str]) -> Iterator[tuple[Server, Server]]:
    settings = settings.model_copy(update={"database_url": new_postgres_database()})
    both = Server(settings), Server(settings)
    yield both
    for server in both:
        if server.process.poll() is None:
            server.end(signal.SIGKILL)


def test_a_change_in_one_is_seen_by_a_page_of_the_other_at_once(servers: tuple[Server, Server]) -> None:
    """The stream looks at the store by itself only every 15 seconds; events have to come before its first ping."""
    here, there = servers
    image = new_image(here.client)
    address = f"/api/v1/images/{image['id']}/operations"
    with there.client.stream("GET", f"/api/v1/projects/{image['project_id']}/events") as stream:
        lines = stream.iter_lines()
        assert _next(lines)["event"] == "start"
        body = creation()
        assert here.client.post(address, json=body, headers={"If-Match": '"0"'}).status_code == 200
        told = _next(lines)
        while told["event"] != "annotations":
            told = _next(lines)
        assert (told["image_id"], told["revision"], told["annotation_count"]) == (image["id"], 1, 1)
    mark = {"operation_id": body["operation"]["uid"], "operation": {**_mark(), "uid": body["operation_id"]}}
    assert there.client.post(address, json=mark, headers={"If-Match": '"1"'}).status_code == 200
    annotations = here.client.get(f"/api/v1/images/{image['id']}/annotations").json()
    assert (annotations["revision"], annotations["mark"]["state"]) == (2, "submitted")


def test_a_role_that_is_taken_in_one_ends_the_streams_of_the_other_and_counts_at_once(
    servers: tuple[Server, Server],
) -> None:
    here, there = servers
    project = here.client.post("/api/v1/projects", json={"name": "Cats"}).json()["id"]
    body = {"project_id": project, "project_role": "annotator"}
    token = here.client.post("/api/v1/invitations", json=body).json()["token"]
    ada = httpx.Client(base_url=there.client.base_url, timeout=60)
    joined = {"token": token, "name": "Ada", "password": "violet anchors hum quietly"}
    number = ada.post("/api/v1/invitation/accept", json=joined).json()["user"]["id"]
    with ada.stream("GET", f"/api/v1/projects/{project}/events") as stream:
        lines = stream.iter_lines()
        assert _next(lines)["event"] == "start"
        assert here.client.delete(f"/api/v1/projects/{project}/members/{number}").status_code == 204
        told = [line.removeprefix("event: ") for line in lines if line.startswith(("event: ", ": ping"))]  # to its end
    assert told[-1] == "access"
    assert told[0] == "access", "it was told only when the stream looked at the store by itself"
    assert ada.get(f"/api/v1/projects/{project}").status_code == 404
    ada.close()


def _mark() -> dict[str, Any]:
    return {"kind": "mark", "state": "submitted", "note": ""}


def _next(lines: Iterator[str]) -> dict[str, Any]:
    """The data of the next event."""
    for line in lines:
        assert line != ": ping", "the event did not come before the stream looked at the store by itself"
        if line.startswith("data: "):
            return dict(json.loads(line.removeprefix("data: ")))
    raise httpx.ReadError("the stream ended")
