"""`limner user`: links and tokens made beside a running server."""

import pytest
from apiflask import APIFlask
from click.testing import CliRunner
from flask.testing import FlaskClient

from limner.cli.user import user
from limner.config import Settings
from limner.errors import Conflict, NotFound


@pytest.fixture
def run(settings: Settings, app: APIFlask, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.setenv("LIMNER_HOME", str(settings.home))

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(user, arguments)
        if result.exception is not None:
            raise result.exception
        return result.output.strip()

    return run


def test_a_token_works_until_it_is_revoked(run, anonymous: FlaskClient) -> None:  # type: ignore[no-untyped-def]
    token = run("token", "create", "laptop")
    headers = {"Authorization": f"Bearer {token}"}
    assert anonymous.get("/api/v1/session", headers=headers).json["user"]["name"] == "admin"
    listed = run("token", "list")
    assert listed.startswith("laptop\t")
    assert token not in listed
    with pytest.raises(Conflict):
        run("token", "create", "laptop")
    run("token", "revoke", "laptop")
    assert anonymous.get("/api/v1/session", headers=headers).status_code == 401
    with pytest.raises(NotFound):
        run("token", "revoke", "laptop")


def test_a_link_signs_in(run, anonymous: FlaskClient) -> None:  # type: ignore[no-untyped-def]
    link = run("link", "--address", "https://limner.example/")
    address, _, token = link.partition("#token=")
    assert address == "https://limner.example/login"
    assert anonymous.post("/api/v1/session", json={"token": token}).status_code == 200


def test_unknown_people_are_named(run) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(NotFound, match="nobody2"):
        run("link", "--user", "nobody2")
