"""The way to the provider and back: once, in that browser, and only to the provider that the settings name."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from limner.api.app import create_app
from limner.config import Settings
from limner.service.running import stop
from limner.service.wiring import Services, open_services
from limner.store.tables import LoginSession, PendingSignIn
from limner.store.types import utc_now
from tests.api.conftest import BOTH_DATABASES
from tests.api.provider_sign_in.asking import BASE, come_back, error, invite, people, sign_in
from tests.provider import FakeProvider


def test_what_a_browser_brings_is_good_once_and_in_that_browser_only(
    script: FlaskClient, anonymous: FlaskClient, app: APIFlask, company: FakeProvider, services: Services
) -> None:
    invite(script, email="ada@example.org")
    brought = come_back(anonymous, company)
    thief = app.test_client()
    thief.post(f"{BASE}/begin", json={})  # has a cookie of its own
    assert error(thief.post(f"{BASE}/finish", json=brought)) == (401, "sign_in_failed")
    assert error(app.test_client().post(f"{BASE}/finish", json=brought)) == (401, "sign_in_failed")
    assert error(anonymous.post(f"{BASE}/finish", json={**brought, "state": "guessed"})) == (401, "sign_in_failed")
    assert anonymous.post(f"{BASE}/finish", json=brought).status_code == 200
    replayed = anonymous.post(f"{BASE}/finish", json=brought)
    assert error(replayed) == (401, "sign_in_failed")
    assert "used" in replayed.json["error"]["message"]
    late = come_back(anonymous, company)
    with services.database.write() as session:
        session.execute(update(PendingSignIn).values(expires=utc_now() - timedelta(seconds=1)))
    assert error(anonymous.post(f"{BASE}/finish", json=late)) == (401, "sign_in_failed")


@BOTH_DATABASES
def test_of_many_who_bring_the_same_at_once_one_is_signed_in(
    script: FlaskClient, anonymous: FlaskClient, app: APIFlask, company: FakeProvider
) -> None:
    invite(script, email="ada@example.org")
    brought = come_back(anonymous, company)
    (cookie,) = (each for each in anonymous._cookies.values() if each.key.startswith("limner_sign_in_"))

    def finish(_: int) -> int:
        client = app.test_client()
        client.set_cookie(cookie.key, cookie.value)
        return client.post(f"{BASE}/finish", json=brought).status_code

    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(finish, range(6)))
    assert statuses == [200] + [401] * 5
    assert people(script) == {"admin": "owner", "Ada": "member"}
    assert sign_in(app.test_client(), company).status_code == 200


def test_two_tabs_of_a_browser_sign_in_at_once(
    script: FlaskClient, anonymous: FlaskClient, company: FakeProvider
) -> None:
    invite(script, email="ada@example.org")
    first = anonymous.post(f"{BASE}/begin", json={}).json["address"]
    second = anonymous.post(f"{BASE}/begin", json={}).json["address"]
    assert anonymous.post(f"{BASE}/finish", json=company.follow(first)).status_code == 200
    assert anonymous.post(f"{BASE}/finish", json=company.follow(second)).status_code == 200


def test_another_provider_cannot_answer_for_this_one(anonymous: FlaskClient, company: FakeProvider) -> None:
    brought = come_back(anonymous, company)
    mixed = anonymous.post(f"{BASE}/finish", json={**brought, "iss": "https://elsewhere.example"})
    assert error(mixed) == (401, "sign_in_failed")
    assert company.forms == [], "the code went nowhere"


def test_a_provider_that_says_that_it_names_itself_has_to(
    script: FlaskClient, anonymous: FlaskClient, company: FakeProvider
) -> None:
    invite(script, email="ada@example.org")
    company.metadata = {"authorization_response_iss_parameter_supported": True}
    assert error(sign_in(anonymous, company)) == (401, "sign_in_failed")
    brought = come_back(anonymous, company)
    assert anonymous.post(f"{BASE}/finish", json={**brought, "iss": company.issuer}).status_code == 200


def test_a_provider_that_says_no_is_quoted(anonymous: FlaskClient, company: FakeProvider) -> None:
    state = come_back(anonymous, company)["state"]
    denied = anonymous.post(f"{BASE}/finish", json={"state": state, "error": "access_denied"})
    assert error(denied) == (401, "sign_in_failed")
    assert "cancelled there, or you may not" in denied.json["error"]["message"]
    state = come_back(anonymous, company)["state"]
    body = {"state": state, "error": "server_error", "error_description": "The directory is closed. " * 20}
    said = anonymous.post(f"{BASE}/finish", json=body).json["error"]
    assert "The directory is closed." in said["hint"]
    assert len(said["hint"]) < 300
    company.token_error = {"error": "invalid_client", "error_description": "no such client"}
    assert "invalid_client" in sign_in(anonymous, company).json["error"]["message"]


def test_a_provider_that_is_down_is_said_and_asked_again(
    script: FlaskClient, anonymous: FlaskClient, company: FakeProvider
) -> None:
    invite(script, email="ada@example.org")
    company.status = 502
    down = anonymous.post(f"{BASE}/begin", json={})
    assert error(down) == (503, "provider_unavailable")
    assert down.headers["Retry-After"]
    company.status = 200
    brought = come_back(anonymous, company)
    company.status = 500
    assert error(anonymous.post(f"{BASE}/finish", json=brought)) == (503, "provider_unavailable")
    company.status = 200
    assert sign_in(anonymous, company).status_code == 200


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"issuer": "https://elsewhere.example"}, "calls itself"),
        ({"token_endpoint": None}, "token_endpoint"),
        ({"token_endpoint": "http://10.0.0.1/token"}, "https"),
        ({"jwks_uri": "file:///etc/passwd"}, "https"),
        ({"id_token_signing_alg_values_supported": ["HS256", "none"]}, "HS256"),
    ],
)
def test_a_provider_that_is_not_what_the_settings_say_is_not_gone_to(
    anonymous: FlaskClient, company: FakeProvider, metadata: dict[str, Any], reason: str
) -> None:
    company.metadata = metadata
    refused = anonymous.post(f"{BASE}/begin", json={})
    assert error(refused) == (503, "provider_unavailable")
    assert reason in refused.json["error"]["details"]["reason"]


def test_the_way_back_is_the_address_that_the_proxy_shows(
    settings: Settings, company: FakeProvider, services: Services, client_folder: Path
) -> None:
    behind = open_services(settings.model_copy(update={"proxy_hops": 1, "root_path": "/limner"}))
    client = create_app(behind, client_folder).test_client()
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "label.example.org", "X-Forwarded-For": "192.0.2.1"}
    begun = client.post(f"{BASE}/begin", json={}, headers=headers, environ_overrides={"SCRIPT_NAME": "/limner"})
    address = begun.json["address"]
    assert "redirect_uri=https%3A%2F%2Flabel.example.org%2Flimner%2Flogin%2Fcompany" in address
    cookie = begun.headers["Set-Cookie"]
    assert all(part in cookie for part in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/limner")), cookie
    stop(behind)


def test_begun_sign_ins_are_limited_and_do_not_pile_up(
    anonymous: FlaskClient, company: FakeProvider, services: Services
) -> None:
    answers = [anonymous.post(f"{BASE}/begin", json={}).status_code for _ in range(22)]
    assert answers == [200] * 20 + [429] * 2
    with services.database.write() as session:
        session.execute(update(PendingSignIn).values(expires=utc_now() - timedelta(seconds=1)))
    other = {"REMOTE_ADDR": "192.0.2.7"}
    assert anonymous.post(f"{BASE}/begin", json={}, environ_overrides=other).status_code == 200
    with services.database.read() as session:
        assert len(session.scalars(select(PendingSignIn)).all()) == 1
        assert session.scalars(select(LoginSession)).all() == []


def test_other_sites_can_neither_begin_nor_finish(anonymous: FlaskClient) -> None:
    for path, body in ((f"{BASE}/begin", {}), (f"{BASE}/finish", {"state": "x"})):
        answer = anonymous.post(path, json=body, headers={"Sec-Fetch-Site": "cross-site"})
        assert error(answer) == (403, "forbidden")


def test_a_provider_that_is_not_there_is_not_found(anonymous: FlaskClient, browser: FlaskClient) -> None:
    for client, path in (
        (anonymous, "/api/v1/sign-in/nobody/begin"),
        (browser, "/api/v1/sign-in/nobody/connect"),
    ):
        assert error(client.post(path, json={})) == (404, "not_found")


def test_a_server_with_providers_loads_no_protocol_until_somebody_signs_in() -> None:
    code = "import sys, limner.api.app, limner.service.wiring; print(sorted({'authlib', 'joserfc'} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert loaded.stdout.strip() == "[]"
