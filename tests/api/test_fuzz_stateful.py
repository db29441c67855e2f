"""Schemathesis, one request after the other: what answers gave is used in the requests that follow, in any order."""

from __future__ import annotations

import uuid
from collections import Counter
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.schemas import OpenApiSchema

from tests.api.conftest import HEIGHT, WIDTH, Upload, creation
from tests.api.test_fuzz import OPERATIONS, schema
from tests.conftest import png_bytes

__all__ = ["schema"]

Rows = dict[str, list[Any]]  # numbers that answers gave, by the parameter that takes them
IN_ANSWERS = {
    "projects": "project_id",
    "images": "image_id",
    "categories": "category_id",
    "jobs": "job_id",
    "people": "user_id",
    "members": "user_id",
    "invitations": "invitation_id",
}


@pytest.mark.slow
def test_no_sequence_of_requests_makes_the_server_fail(
    schema: OpenApiSchema, script: FlaskClient, upload: Upload
) -> None:
    """Every sequence begins with a project of its own, which has an image with a mask and a category."""
    headers = {"Authorization": script.environ_base["HTTP_AUTHORIZATION"]}
    answers: Counter[tuple[str, int]] = Counter()
    strategies = [
        schema[path][method.upper()].as_strategy(generation_mode=GenerationMode.POSITIVE) for path, method in OPERATIONS
    ]
    requests = st.integers(0, len(strategies) - 1).flatmap(
        lambda number: strategies[number]
    )  # Hypothesis would print them all

    @hypothesis_settings(
        max_examples=20,
        phases=[Phase.generate],
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(requests, min_size=12, max_size=16))
    def send(cases: list[Case]) -> None:
        rows = beginning(script, upload)
        for case in cases:
            for name in case.path_parameters:
                if rows.get(name):
                    case.path_parameters[name] = rows[name][-1]
            if (case.headers or {}).get("If-Match") and "image_id" in case.path_parameters:
                current = script.get(f"/api/v1/images/{case.path_parameters['image_id']}/annotations").json
                case.headers["If-Match"] = f'"{current.get("revision", 0)}"'
            response = case.call(headers=headers)
            answers[case.operation.label, response.status_code // 100] += 1
            assert response.status_code < 500 or response.status_code == 503, case.as_curl_command()
            if response.status_code >= 400:
                assert set(response.json()) == {"error"}
            elif "json" in response.headers.get("content-type", [""])[0]:
                collect(case.path, response.json(), rows)

    send()
    taken = {label for label, kind in answers if kind == 2}
    assert len(taken) > 15, f"too few requests get anywhere to say anything: {answers}"


def beginning(script: FlaskClient, upload: Upload) -> Rows:
    """What there is before the first request of a sequence."""
    body = {"name": str(uuid.uuid4()), "categories": [{"name": "cat"}]}
    project = script.post("/api/v1/projects", json=body).json
    image = upload(png_bytes(HEIGHT, WIDTH), project_id=project["id"])["image"]["id"]
    made = script.post(f"/api/v1/images/{image}/operations", json=creation(), headers={"If-Match": '"0"'})
    assert made.status_code == 200
    return {"project_id": [project["id"]], "image_id": [image], "category_id": [project["categories"][0]["id"]]}


def collect(path: str, answer: Any, rows: Rows) -> None:
    """Keep the numbers of what was made or listed."""
    if not isinstance(answer, dict):
        return
    last = [part for part in path.split("/") if part and not part.startswith("{")][-1]
    found = [(last, answer)] if "id" in answer else []
    found += [(key, each) for key, value in answer.items() if isinstance(value, list) for each in value]
    for key, each in found:
        if key in IN_ANSWERS and isinstance(each, dict) and "id" in each:
            rows.setdefault(IN_ANSWERS[key], []).append(each["id"])
