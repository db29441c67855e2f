"""Schemathesis: whatever the description allows or forbids is sent; no answer is a fault of the server."""

from contextlib import closing
from typing import Any

import pytest
import schemathesis
from apiflask import APIFlask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.schemas import OpenApiSchema

from limner.api.app import api_description

NOT_FUZZED = {"streamEvents"}  # never ends
OPERATIONS = [
    (path, method)
    for path, operations in api_description()["paths"].items()
    for method, operation in operations.items()
    if operation["operationId"] not in NOT_FUZZED
]


@pytest.fixture
def schema(app: APIFlask, script: FlaskClient, image: dict[str, Any]) -> OpenApiSchema:
    """The description of a server that holds one project with one image."""

    def buffered(environ: Any, start_response: Any) -> list[bytes]:
        """Reads answers to their end: schemathesis does not close those that are files."""
        with closing(app(environ, start_response)) as answer:
            return [b"".join(answer)]

    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", buffered)


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=[f"{method} {path}" for path, method in OPERATIONS])
def test_no_request_makes_the_server_fail(schema: OpenApiSchema, script: FlaskClient, path: str, method: str) -> None:
    headers = {"Authorization": script.environ_base["HTTP_AUTHORIZATION"]}
    operation = schema[path][method.upper()]

    @hypothesis_settings(
        max_examples=30, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(
        case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
        | operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
    )
    def send(case: Case) -> None:
        case.path_parameters = {
            name: 1 if name.endswith("_id") else value for name, value in case.path_parameters.items()
        }
        response = case.call(headers=headers)
        assert response.status_code < 500 or response.status_code == 503, case.as_curl_command()
        if response.status_code >= 400:
            assert set(response.json()) == {"error"}

    send()
