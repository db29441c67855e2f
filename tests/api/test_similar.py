"""Asking for similar objects: over HTTP and on the command line."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from limner.errors import InvalidInput
from limner.service.accounts import local_actor
from limner.service.suggestions import similar_to_category
from limner.service.wiring import Services
from limner.store.tables import Job, JobItem
from tests.api.conftest import creation, new_uid


def draw(script: FlaskClient, image_id: int, category_id: int | None = None) -> str:
    body = creation(category_id)
    answer = script.post(f"/api/v1/images/{image_id}/operations", json=body, headers={"If-Match": '"0"'})
    assert answer.status_code == 200, answer.json
    return str(body["operation"]["uid"])


def ask(script: FlaskClient, image: dict[str, Any], **request: Any) -> Any:
    body = {"request": {"source": "similar", **request}}
    return script.post(f"/api/v1/images/{image['id']}/suggestions", json=body)


def test_examples_of_an_image_are_asked_for_and_those_that_are_not_there_are_named(
    script: FlaskClient, image: dict[str, Any], services: Services
) -> None:
    uid, missing = draw(script, image["id"]), new_uid()
    refused = ask(script, image, examples=[uid, missing])
    assert refused.status_code == 422
    message = refused.json["error"]["message"]
    assert (missing in message, uid in message) == (True, False)
    assert ask(script, image, examples=[]).status_code == 422
    assert ask(script, image, examples=[uid]).status_code == 202
    with services.database.read() as session:
        (item,) = session.scalars(select(JobItem))
        assert item.payload["request"] == {"source": "similar", "examples": [uid], "category_id": None}


def test_a_job_looks_for_what_a_category_has_if_it_has_something(
    script: FlaskClient, project: dict[str, Any], image: dict[str, Any], services: Services
) -> None:
    category = project["categories"][0]["id"]
    body = {"kind": "suggest", "request": {"source": "similar", "category_id": category}}
    refused = script.post(f"/api/v1/projects/{project['id']}/jobs", json=body)
    assert (refused.status_code, "Draw at least one" in refused.json["error"]["hint"]) == (422, True)
    draw(script, image["id"], category)
    assert script.post(f"/api/v1/projects/{project['id']}/jobs", json=body).status_code == 201
    actor = local_actor(services.database)
    with services.database.read() as session:
        (job,) = session.scalars(select(Job))
    wanted = similar_to_category(services, actor, project["id"], "cat")
    assert job.payload["request"] == wanted.model_dump(mode="json")
    with pytest.raises(InvalidInput, match="no category 'dog'"):
        similar_to_category(services, actor, project["id"], "dog")
