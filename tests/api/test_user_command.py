"""`limner user`: links and tokens made beside a running server."""

from collections.abc import Callable
from typing import Any

import pytest
from apiflask import APIFlask
from click.testing import CliRunner
from flask.testing import FlaskClient

from limner.cli.user import user
from limner.config import Settings
from limner.errors import Conflict, InvalidInput, NotFound

Run = Callable[..., str]  # a command's arguments -> what it printed


@pytest.fixture
def run(settings: Settings, app: APIFlask, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("LIMNER_HOME", str(settings.home))

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(user, arguments)
        if result.exception is not None:
            raise result.exception
        return result.output.strip()

    return run


def test_a_token_works_until_it_is_revoked(run: Run, anonymous: FlaskClient) -> None:
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


def test_a_link_signs_in(run: Run, anonymous: FlaskClient) -> None:
    link = run("link", "--address", "https://limner.example/")
    address, _, token = link.partition("#token=")
    assert address == "https://limner.example/login"
    assert anonymous.post("/api/v1/session", json={"token": token}).status_code == 200


@pytest.mark.parametrize(
    ("host", "root_path", "address"),
    [
        ("127.0.0.1", "", "http://127.0.0.1:8123"),
        ("0.0.0.0", "/limner", "http://127.0.0.1:8123/limner"),  # nothing listens
        ("::1", "/limner/", "http://[::1]:8123/limner"),
    ],
)
def test_a_link_leads_where_the_settings_say(
    run: Run, monkeypatch: pytest.MonkeyPatch, host: str, root_path: str, address: str
) -> None:
    for name, value in (("HOST", host), ("PORT", "8123"), ("ROOT_PATH", root_path)):
        monkeypatch.setenv(f"LIMNER_{name}", value)
    assert run("link").partition("#token=")[0] == f"{address}/login"


def test_unknown_people_are_named(run: Run) -> None:
    with pytest.raises(NotFound, match="nobody2"):
        run("link", "--user", "nobody2")


def test_people_are_made_invited_and_disabled_beside_a_running_server(
    run: Run, anonymous: FlaskClient, project: dict[str, Any]
) -> None:
    link = run("create", "Ada", "--project", "Cats", "--as", "annotator")
    token = link.partition("#token=")[2]
    assert anonymous.post("/api/v1/session", json={"token": token}).json["user"]["name"] == "Ada"
    assert anonymous.get(f"/api/v1/projects/{project['id']}").status_code == 200
    run("role", "Ada", "none", "--project", "Cats")
    assert anonymous.get(f"/api/v1/projects/{project['id']}").status_code == 404
    assert "Ada\tmember\tlinks only" in run("list")
    run("disable", "Ada")
    assert anonymous.get("/api/v1/session").status_code == 401
    assert "Ada\tmember\tdisabled" in run("list")
    invitation = run("invite", "--role", "owner", "--address", "https://limner.example")
    address, _, token = invitation.partition("#token=")
    assert address == "https://limner.example/invitation"
    assert anonymous.post("/api/v1/invitation", json={"token": token}).json["role"] == "owner"


def test_roles_that_make_no_sense_are_refused_with_those_that_do(run: Run) -> None:
    with pytest.raises(InvalidInput, match="owner, member"):
        run("role", "admin", "annotator")
    with pytest.raises(InvalidInput, match="--project NAME --as ROLE"):
        run("invite", "--as", "viewer")
    with pytest.raises(Conflict, match="only owner"):
        run("disable", "admin")


def test_a_token_can_be_limited(run: Run, anonymous: FlaskClient) -> None:
    token = run("token", "create", "laptop", "--scope", "read", "--days", "7")
    headers = {"Authorization": f"Bearer {token}"}
    assert anonymous.post("/api/v1/projects", json={"name": "x"}, headers=headers).status_code == 403
    assert "\tread\tuntil " in run("token", "list")
    assert "| `annotations:write` | yes | yes | yes | yes | – |" in run("roles")
