"""Who gets in: nobody without credentials, nothing across sites, links once."""

import re
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from werkzeug.test import Cookie

from limner.api.app import create_app
from limner.api.guard import OPEN_ENDPOINTS
from limner.config import Settings
from limner.service.running import stop
from limner.service.wiring import Services, open_services

EXAMPLE = {"int": "1", "any": None, "path": "x.js", "default": "x", "uuid": "0" * 8 + "-0000-4000-8000-" + "0" * 12}


def every_call(app: APIFlask) -> list[tuple[str, str, str]]:
    """(endpoint, method, path) of every route, with example values filled in."""
    calls = []
    for rule in app.url_map.iter_rules():

        def example(match: re.Match[str]) -> str:
            converter, arguments = match[1] or "default", match[2]
            return (arguments or "").split(",")[0] if converter == "any" else str(EXAMPLE[converter])

        path = re.sub(r"<(?:(\w+)(?:\(([^)]*)\))?:)?\w+>", example, rule.rule)
        calls += [(rule.endpoint, method, path) for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})]
    return calls


def test_no_route_answers_without_credentials_unless_it_is_listed(app: APIFlask, anonymous: FlaskClient) -> None:
    closed = [call for call in every_call(app) if call[0] not in OPEN_ENDPOINTS]
    assert len(closed) >= 30
    for endpoint, method, path in closed:
        answer = anonymous.open(path, method=method, json={})
        assert answer.status_code == 401, (endpoint, method, path)
        assert answer.json["error"]["code"] == "not_signed_in"


def test_the_open_routes_are_these(app: APIFlask) -> None:
    """A new open route has to be added here on purpose."""
    opened = {(method, path) for endpoint, method, path in every_call(app) if endpoint in OPEN_ENDPOINTS}
    assert opened == {
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("POST", "/api/v1/session"),
        ("POST", "/api/v1/invitation"),
        ("POST", "/api/v1/invitation/accept"),
        ("GET", "/api/v1/openapi.json"),
        ("GET", "/"),
        ("GET", "/login"),
        ("GET", "/login/x"),
        ("GET", "/api/v1/sign-in"),
        ("POST", "/api/v1/sign-in/x/begin"),
        ("POST", "/api/v1/sign-in/x/finish"),
        ("GET", "/invitation"),
        ("GET", "/account"),
        ("GET", "/models"),
        ("GET", "/people"),
        ("GET", "/audit"),
        ("GET", "/projects/1"),
        ("GET", "/projects/1/agreement"),
        ("GET", "/projects/1/agreement/1"),
        ("GET", "/projects/1/audit"),
        ("GET", "/projects/1/images/1"),
        ("GET", "/projects/1/learning"),
        ("GET", "/projects/1/statistics"),
        ("GET", "/projects/1/trash"),
        ("GET", "/projects/1/verification"),
        ("GET", "/projects/1/webhooks"),
        ("GET", "/assets/x.js"),
        ("GET", "/guide/x.js"),
        ("GET", "/x"),
    }


@pytest.mark.parametrize(
    "header", ["Bearer nonsense", "Bearer", "Basic YWRtaW46YWRtaW4=", "limner_x", "Bearer \xff"], ids=repr
)
def test_wrong_bearer_tokens_are_refused(anonymous: FlaskClient, header: str) -> None:
    assert anonymous.get("/api/v1/projects", headers={"Authorization": header}).status_code == 401


def test_a_wrong_bearer_token_is_not_saved_by_a_good_cookie(browser: FlaskClient) -> None:
    assert browser.get("/api/v1/projects", headers={"Authorization": "Bearer nonsense"}).status_code == 401


def test_changes_with_a_cookie_need_the_token_of_our_page(browser: FlaskClient, app: APIFlask) -> None:
    changes = [call for call in every_call(app) if call[1] != "GET" and call[0] not in OPEN_ENDPOINTS]
    token = browser.environ_base.pop("HTTP_X_CSRFTOKEN")
    for endpoint, method, path in changes:
        for headers in ({}, {"X-CSRFToken": "forged"}, {"X-CSRFToken": ""}):
            answer = browser.open(path, method=method, json={"name": "x"}, headers=headers)
            assert (answer.status_code, answer.json["error"]["code"]) == (403, "csrf_failed"), endpoint
    assert browser.get("/api/v1/projects").json == {"projects": []}
    assert browser.post("/api/v1/projects", json={"name": "x"}, headers={"X-CSRFToken": token}).status_code == 201


def test_the_sign_in_link_works_once(anonymous: FlaskClient, link_token: str) -> None:
    answer = anonymous.post("/api/v1/session", json={"token": link_token})
    assert answer.status_code == 200
    assert answer.json["user"] == {"id": 1, "name": "admin", "role": "owner", "storage_key": "admin"}
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Max-Age" in cookie or "Expires" in cookie
    again = anonymous.post("/api/v1/session", json={"token": link_token})
    assert again.status_code == 401
    assert "limner user link" in again.json["error"]["hint"]
    assert anonymous.get("/api/v1/session").json["csrf_token"]


def session_cookie(client: FlaskClient) -> Cookie | None:
    """It carries the installation in its name."""
    name = client.application.config["SESSION_COOKIE_NAME"]
    assert re.fullmatch(r"limner_session_[0-9a-f]{8}", name)
    return client.get_cookie(name)


def test_signing_out_voids_the_cookie(browser: FlaskClient) -> None:
    stolen = session_cookie(browser)
    assert stolen is not None
    assert browser.delete("/api/v1/session").status_code == 204
    browser.set_cookie(stolen.key, stolen.value)
    assert browser.get("/api/v1/session").status_code == 401


def test_guessing_links_is_slowed_down(anonymous: FlaskClient) -> None:
    answers = [anonymous.post("/api/v1/session", json={"token": f"guess-{n}"}) for n in range(25)]
    assert [answer.status_code for answer in answers] == [401] * 20 + [429] * 5
    assert answers[-1].json["error"]["code"] == "too_many_requests"


def test_the_cookie_outlives_a_restart(browser: FlaskClient, settings: Settings) -> None:
    cookie = session_cookie(browser)
    assert cookie is not None
    services = open_services(settings)
    restarted = create_app(services).test_client()
    restarted.set_cookie(cookie.key, cookie.value)
    again = restarted.get("/api/v1/session").json
    assert again["user"]["name"] == "admin"
    assert again["installation"] == browser.get("/api/v1/session").json["installation"]
    stop(services)


def test_homes_have_keys_of_their_own_that_nobody_else_can_read(services: Services, app: APIFlask) -> None:
    key = services.settings.home / "secret_key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert len(bytes.fromhex(key.read_text())) == 32
    assert app.secret_key == bytes.fromhex(key.read_text())


def test_every_answer_carries_the_security_headers(anonymous: FlaskClient, script: FlaskClient) -> None:
    for answer in (
        anonymous.get("/"),
        anonymous.get("/healthz"),
        anonymous.get("/nowhere.js"),
        anonymous.get("/api/v1/projects"),
        script.get("/api/v1/projects"),
    ):
        headers: Any = answer.headers
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "'unsafe-inline'" not in policy.split("style-src")[0]
        assert "no-store" in headers["Cache-Control"]


def test_reading_writes_nothing_but_that_a_project_was_exported(
    script: FlaskClient, app: APIFlask, image: dict[str, Any], services: Services
) -> None:
    def dumped() -> list[str]:
        raw = services.database.engine.raw_connection()
        try:
            return list(raw.driver_connection.iterdump())  # type: ignore[union-attr]
        finally:
            raw.close()

    before = dumped()
    for endpoint, method, path in every_call(app):
        if method == "GET" and endpoint != "events.stream_events":
            script.get(path)
    after = dumped()
    of_the_log = ('INSERT INTO "audit_entries"', "INSERT INTO \"sqlite_sequence\" VALUES('audit_entries'")
    assert [row for row in after if not row.startswith(of_the_log)] == [
        row for row in before if not row.startswith(of_the_log)
    ]
    (entry,) = (row for row in after if row.startswith(of_the_log[0]) and row not in before)
    assert "'annotations.export'" in entry  # the one thing that is written down: that the project went out


@pytest.mark.parametrize("path", ["/nowhere", "/no/where/at/all", "/projects/x", "/assets/gone-1234.js"])
def test_an_address_that_leads_nowhere_is_a_page_for_people_and_json_for_programs(
    anonymous: FlaskClient, path: str
) -> None:
    seen = anonymous.get(path, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (seen.status_code, seen.mimetype) == (404, "text/html")
    assert seen.get_data() == anonymous.get("/").get_data()
    for accept in ("*/*", "application/json"):
        told = anonymous.get(path, headers={"Accept": accept})
        assert (told.status_code, told.json["error"]["code"]) == (404, "not_found")
    assert anonymous.post(path, headers={"Accept": "text/html"}).status_code in (404, 405)


def test_what_the_api_does_not_have_is_json_for_programs(script: FlaskClient) -> None:
    answer = script.get("/api/v1/nowhere", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "not_found")
    assert script.get("/api/v1/projects/987654", headers={"Accept": "text/html"}).json["error"]["code"] == "not_found"
