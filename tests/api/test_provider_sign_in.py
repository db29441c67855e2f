"""Signing in with a provider: who is let in and as whom, and all that must not sign anybody in."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import OctKey
from sqlalchemy import select, update

from limner.api.app import create_app
from limner.config import Settings
from limner.service.running import stop
from limner.service.wiring import Services, open_services
from limner.store.tables import AuditEntry, Image, LoginSession, PendingSignIn, User
from limner.store.types import utc_now
from tests.api.conftest import BOTH_DATABASES, FAKE_WORKER
from tests.provider import SECRET, FakeProvider, new_key, provider

PASSWORD = "violet anchors hum quietly"
BASE = "/api/v1/sign-in/company"


@pytest.fixture
def company() -> Iterator[FakeProvider]:
    with provider() as made:
        yield made


@pytest.fixture
def rules() -> str:
    """More lines of the provider's table; tests that need some override it by a mark."""
    return ""


@pytest.fixture
def services(settings: Settings, company: FakeProvider, rules: str) -> Iterator[Services]:
    """An installation with one provider; ``@pytest.mark.parametrize("rules", …)`` adds lines to its table."""
    settings.home.mkdir(parents=True, exist_ok=True)
    (settings.home / "secret").write_text(SECRET + "\n")
    settings.default_oidc_file.write_text(
        f"""
        [company]
        label = "Company"
        issuer = "{company.issuer}"
        client_id = "limner"
        client_secret_file = "{settings.home / "secret"}"
        {rules}
        """
    )
    services = open_services(settings, encoder_command=FAKE_WORKER)
    yield services
    stop(services)


def come_back(client: FlaskClient, company: FakeProvider, **begin: Any) -> dict[str, str]:
    """Go to the provider and back; what the page finds in its address."""
    begun = client.post(f"{BASE}/begin", json=begin)
    assert begun.status_code == 200, begun.json
    return company.follow(begun.json["address"])


def sign_in(client: FlaskClient, company: FakeProvider, **begin: Any) -> Any:
    return client.post(f"{BASE}/finish", json=come_back(client, company, **begin))


def error(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json["error"]["code"]


def invite(owner: FlaskClient, **wanted: Any) -> str:
    answer = owner.post("/api/v1/invitations", json=wanted)
    assert answer.status_code == 201, answer.json
    return str(answer.json["token"])


def audited(services: Services, action: str) -> list[dict[str, Any]]:
    with services.database.read() as session:
        rows = session.scalars(select(AuditEntry).where(AuditEntry.action == action).order_by(AuditEntry.id))
        return [dict(row.details) for row in rows]


def people(owner: FlaskClient) -> dict[str, str]:
    return {each["name"]: each["role"] for each in owner.get("/api/v1/people").json["people"]}


def test_the_page_knows_the_providers_without_their_secrets(anonymous: FlaskClient) -> None:
    listed = anonymous.get("/api/v1/sign-in")
    assert listed.json == {"providers": [{"name": "company", "label": "Company", "invited": True}]}


def test_who_is_invited_by_a_verified_email_comes_in_with_the_invitations_roles(
    script: FlaskClient, anonymous: FlaskClient, company: FakeProvider, project: dict[str, Any], services: Services
) -> None:
    invite(script, project_id=project["id"], project_role="annotator", email="Ada@Example.org")
    answer = sign_in(anonymous, company)
    assert answer.status_code == 200, answer.json
    assert (answer.json["session"]["user"]["name"], answer.json["session"]["user"]["role"]) == ("Ada", "member")
    assert company.forms[0]["redirect_uri"] == "http://localhost/login/company"
    (mine,) = anonymous.get("/api/v1/projects").json["projects"]
    assert "annotations:write" in mine["permissions"]
    assert script.get("/api/v1/invitations").json == {"invitations": []}
    again = sign_in(anonymous, company)
    assert again.json["session"]["user"] == answer.json["session"]["user"]
    assert audited(services, "sign_in")[-1]["provider"] == "company"
    assert len(audited(services, "invitation.accept")) == len(audited(services, "identity.connect")) == 1


@pytest.mark.parametrize("rules", ["", 'client_authentication = "client_secret_post"'])
def test_the_secret_arrives_as_it_is_in_a_header_or_in_the_form(
    script: FlaskClient, anonymous: FlaskClient, company: FakeProvider, rules: str
) -> None:
    invite(script, email="ada@example.org")
    assert sign_in(anonymous, company).status_code == 200
    (form,) = company.forms
    if rules:
        assert (form["client_id"], form["client_secret"], form["authorization"]) == ("limner", SECRET, "")
    else:
        name, _, secret = base64.b64decode(form["authorization"].removeprefix("Basic ")).decode().partition(":")
        assert (unquote_plus(name), unquote_plus(secret)) == ("limner", SECRET)
        assert "client_secret" not in form


def test_a_session_by_a_provider_is_seen_and_ended_as_any_other(
    script: FlaskClient, anonymous: FlaskClient, company: FakeProvider, app: APIFlask
) -> None:
    invite(script, email="ada@example.org")
    token = sign_in(anonymous, company).json["session"]["csrf_token"]
    other = app.test_client()
    sign_in(other, company)
    account = anonymous.get("/api/v1/account").json
    assert [each["current"] for each in account["sessions"]] == [False, True]
    assert [each["shown_as"] for each in account["identities"]] == ["ada@example.org"]
    headers = {"X-CSRFToken": token}
    ended = anonymous.delete(f"/api/v1/account/sessions/{account['sessions'][0]['key']}", headers=headers)
    assert ended.status_code == 204
    assert other.get("/api/v1/account").status_code == 401


def test_the_link_of_an_invitation_is_accepted_with_a_provider_whatever_the_email(
    script: FlaskClient, anonymous: FlaskClient, company: FakeProvider
) -> None:
    company.claims = {"email": None, "email_verified": None}
    company.userinfo = {"sub": "ada-1"}
    token = invite(script, role="owner")
    answer = sign_in(anonymous, company, invitation=token)
    assert answer.json["session"]["user"]["role"] == "owner"
    used = anonymous.post(f"{BASE}/begin", json={"invitation": token})
    assert error(used) == (422, "invalid_invitation")


@pytest.mark.parametrize("claims", [{"email_verified": False}, {"email_verified": None}, {"email_verified": "true"}])
def test_an_unverified_email_lets_nobody_in(
    script: FlaskClient, anonymous: FlaskClient, company: FakeProvider, claims: dict[str, Any]
) -> None:
    invite(script, email="ada@example.org", role="owner")
    company.claims = claims
    company.userinfo = {"sub": "ada-1"}
    refused = sign_in(anonymous, company)
    assert error(refused) == (401, "not_admitted")
    assert "does not say that the address ada@example.org has been verified" in refused.json["error"]["message"]
    assert people(script) == {"admin": "owner"}
    assert len(script.get("/api/v1/invitations").json["invitations"]) == 1


def test_no_email_and_no_name_leads_to_an_account_that_is_there(
    script: FlaskClient, app: APIFlask, company: FakeProvider
) -> None:
    invite(script, email="ada@example.org")
    first = sign_in(app.test_client(), company).json["session"]["user"]
    company.claims = {"sub": "another", "name": "admin"}  # the same verified address, and an owner's name
    assert error(sign_in(app.test_client(), company)) == (401, "not_admitted")
    invite(script, email="ada@example.org")
    second = sign_in(app.test_client(), company).json["session"]["user"]
    assert second["id"] != first["id"]
    assert people(script) == {"admin": "owner", "Ada": "member", "admin 2": "member"}


def test_somebody_who_is_signed_in_connects_their_account_and_signs_in_with_it(
    browser: FlaskClient, app: APIFlask, company: FakeProvider, services: Services
) -> None:
    begun = browser.post(f"{BASE}/connect", json={})
    assert begun.status_code == 200, begun.json
    brought = company.follow(begun.json["address"])
    assert browser.post(f"{BASE}/finish", json=brought).json == {"session": None}
    other = app.test_client()
    assert sign_in(other, company).json["session"]["user"]["name"] == "admin"
    (identity,) = browser.get("/api/v1/account").json["identities"]
    path = f"/api/v1/account/identities/{identity['id']}"
    only = browser.delete(path)
    assert error(only) == (409, "conflict")
    assert "password" in only.json["error"]["hint"]
    assert browser.put("/api/v1/account/password", json={"new": PASSWORD}).status_code == 200
    assert browser.delete(path).status_code == 204
    assert browser.delete(path).status_code == 404
    assert error(sign_in(app.test_client(), company)) == (401, "not_admitted")
    assert len(audited(services, "identity.connect")) == len(audited(services, "identity.disconnect")) == 1


def test_an_identity_of_somebody_else_cannot_be_connected(
    script: FlaskClient, browser: FlaskClient, app: APIFlask, company: FakeProvider
) -> None:
    invite(script, email="ada@example.org")
    sign_in(app.test_client(), company)
    begun = browser.post(f"{BASE}/connect", json={})
    taken = browser.post(f"{BASE}/finish", json=company.follow(begun.json["address"]))
    assert error(taken) == (409, "identity_taken")


def test_a_connection_that_was_begun_ends_with_the_session(
    browser: FlaskClient, company: FakeProvider, services: Services
) -> None:
    begun = browser.post(f"{BASE}/connect", json={})
    brought = company.follow(begun.json["address"])
    browser.delete("/api/v1/session")
    assert error(browser.post(f"{BASE}/finish", json=brought)) == (401, "sign_in_failed")
    with services.database.read() as session:
        assert session.scalars(select(PendingSignIn)).all() == []


def test_a_token_for_scripts_connects_nothing(script: FlaskClient) -> None:
    assert error(script.post(f"{BASE}/connect", json={})) == (403, "forbidden")


WRONG: dict[str, tuple[Callable[[FakeProvider], object], str]] = {
    "nonce": (lambda it: it.claims.update(nonce="another"), "nonce"),
    "no nonce": (lambda it: it.claims.update(nonce=None), "nonce"),
    "audience": (lambda it: it.claims.update(aud="another client"), "aud"),
    "audiences": (lambda it: it.claims.update(aud=["limner", "other"], azp="other"), "azp"),
    "issuer": (lambda it: it.claims.update(iss="https://elsewhere.example"), "iss"),
    "expired": (lambda it: it.claims.update(exp=1_700_000_000), "expired"),
    "no end": (lambda it: it.claims.update(exp=None), "exp"),
    "from the future": (lambda it: it.claims.update(iat=4_000_000_000, exp=4_000_000_300), "in the future"),
    "not yet good": (lambda it: it.claims.update(nbf=4_000_000_000), "not yet valid"),
    "nobody": (lambda it: it.claims.update(sub=""), "names nobody"),
    "a number": (lambda it: it.claims.update(sub=17), "sub"),
    "of another access token": (lambda it: it.claims.update(at_hash="AAAAAAAAAAAAAAAAAAAAAA"), "at_hash"),
    "another key": (lambda it: setattr(it, "signs_with", new_key("first")), "bad_signature"),
    "an unknown key": (lambda it: setattr(it, "signs_with", new_key("unknown")), "kid"),
    "a shared secret": (lambda it: _symmetric(it), "unsupported_algorithm"),
}


def _symmetric(company: FakeProvider) -> None:
    company.signs_with, company.algorithm = OctKey.import_key(SECRET.ljust(32, "."), {"kid": "first"}), "HS256"


@pytest.mark.parametrize("wrong", WRONG)
def test_an_id_token_that_is_wrong_in_one_thing_signs_nobody_in(
    script: FlaskClient, anonymous: FlaskClient, company: FakeProvider, wrong: str
) -> None:
    invite(script, email="ada@example.org")
    change, said = WRONG[wrong]
    change(company)
    refused = sign_in(anonymous, company)
    assert error(refused) == (401, "sign_in_failed")
    assert said in refused.json["error"]["message"], refused.json
    assert people(script) == {"admin": "owner"}
    assert anonymous.get("/api/v1/session").status_code == 401


def test_clocks_may_differ_by_less_than_a_minute(
    script: FlaskClient, anonymous: FlaskClient, company: FakeProvider
) -> None:
    invite(script, email="ada@example.org")
    now = int(utc_now().timestamp())
    company.claims = {"iat": now + 40, "exp": now + 340}
    assert sign_in(anonymous, company).status_code == 200
    company.claims = {"iat": now - 330, "exp": now - 30}
    assert sign_in(anonymous, company).status_code == 200


def test_a_key_that_is_new_is_asked_for_once(
    script: FlaskClient, anonymous: FlaskClient, company: FakeProvider
) -> None:
    invite(script, email="ada@example.org")
    assert sign_in(anonymous, company).status_code == 200
    assert sign_in(anonymous, company).status_code == 200
    assert company.asked.count("/jwks_uri") == 1
    company.signs_with = new_key("second")
    company.shows = [company.signs_with]
    assert sign_in(anonymous, company).status_code == 200
    assert company.asked.count("/jwks_uri") == 2
    assert company.asked.count("/.well-known/openid-configuration") == 1


def test_keys_of_kinds_that_nobody_knows_do_not_harm(
    script: FlaskClient, anonymous: FlaskClient, company: FakeProvider
) -> None:
    invite(script, email="ada@example.org")
    company.shows = [new_key("other"), *company.shows]
    real = company.answer

    def answer(path: str, form: dict[str, str]) -> tuple[int, Any]:
        status, found = real(path, form)
        if path == "/jwks_uri":
            strange = [{"kty": "QK", "kid": "q"}, {"kty": "EC", "crv": "P-999", "x": "", "y": ""}, "no key"]
            found = {"keys": [*strange, *found["keys"]]}
        return status, found

    company.answer = answer  # type: ignore[method-assign]
    assert sign_in(anonymous, company).status_code == 200


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


def test_user_info_is_asked_for_what_the_id_token_lacks_and_must_be_of_the_same_person(
    script: FlaskClient, anonymous: FlaskClient, company: FakeProvider
) -> None:
    invite(script, email="ada@example.org")
    company.claims = {"email": None, "email_verified": None, "name": None}
    company.userinfo = {"sub": "eve", "email": "ada@example.org", "email_verified": True}
    assert error(sign_in(anonymous, company)) == (401, "sign_in_failed")
    company.userinfo = {**company.userinfo, "sub": "ada-1", "preferred_username": "ada\x00 l.", "iss": "ignored"}
    assert sign_in(anonymous, company).json["session"]["user"]["name"] == "ada l."


def test_who_is_disabled_is_refused_whatever_the_provider_says(
    script: FlaskClient, anonymous: FlaskClient, company: FakeProvider
) -> None:
    invite(script, email="ada@example.org")
    user = sign_in(anonymous, company).json["session"]["user"]
    assert script.patch(f"/api/v1/people/{user['id']}", json={"disabled": True}).status_code == 200
    assert anonymous.get("/api/v1/session").status_code == 401
    refused = sign_in(anonymous, company)
    assert error(refused) == (401, "not_signed_in")
    assert "disabled" in refused.json["error"]["message"]


def test_who_is_forgotten_is_known_to_no_provider(
    script: FlaskClient, anonymous: FlaskClient, company: FakeProvider, services: Services
) -> None:
    invite(script, email="ada@example.org")
    user = sign_in(anonymous, company).json["session"]["user"]
    assert script.delete(f"/api/v1/people/{user['id']}").status_code == 204
    assert error(sign_in(anonymous, company)) == (401, "not_admitted")
    with services.database.read() as session:
        assert session.get(User, user["id"]).name == f"Former person {user['id']}"  # type: ignore[union-attr]


DOMAINS = 'domains = ["Example.org"]\ninvited = false'


@pytest.mark.parametrize("rules", [DOMAINS])
def test_a_domain_lets_in_whoever_has_a_verified_address_in_it_as_long_as_they_do(
    script: FlaskClient, anonymous: FlaskClient, company: FakeProvider, app: APIFlask
) -> None:
    assert sign_in(anonymous, company).json["session"]["user"]["role"] == "member"
    for email in ("ada@sub.example.org", "ada@example.org.evil.example", "ada@notexample.org", "example.org"):
        company.claims = {"sub": "eve", "email": email}
        assert error(sign_in(app.test_client(), company)) == (401, "not_admitted"), email
    company.claims = {"email": "ada@elsewhere.example"}  # has left
    assert error(sign_in(app.test_client(), company)) == (401, "not_admitted")
    token = invite(script)
    assert error(anonymous.post(f"{BASE}/begin", json={"invitation": token})) == (401, "not_admitted")


ROLES = """
role_claim = "realm_access.roles"
roles = { limner-admin = "owner", labelling = "member" }
invited = false
"""


@pytest.mark.parametrize("rules", [ROLES])
def test_a_claim_gives_the_role_and_takes_it_away(
    script: FlaskClient, anonymous: FlaskClient, company: FakeProvider, services: Services
) -> None:
    company.claims = {"realm_access": {"roles": ["other", "limner-admin", "labelling"]}}
    assert sign_in(anonymous, company).json["session"]["user"]["role"] == "owner"
    company.claims = {"realm_access": {"roles": ["labelling"]}}
    demoted = sign_in(anonymous, company).json["session"]
    assert demoted["user"]["role"] == "member"
    assert "people:manage" not in demoted["permissions"]
    assert audited(services, "person.change")[-1] == {"before": "owner", "role": "member", "provider": "company"}
    for claims in ({"realm_access": {"roles": []}}, {"realm_access": "labelling"}, {}):
        company.claims = claims
        assert error(sign_in(anonymous, company)) == (401, "not_admitted")


@pytest.mark.parametrize("rules", [ROLES])
def test_the_last_owner_stays_whatever_a_claim_says(browser: FlaskClient, company: FakeProvider, app: APIFlask) -> None:
    company.claims = {"realm_access": {"roles": ["labelling"]}}
    begun = browser.post(f"{BASE}/connect", json={})
    assert browser.post(f"{BASE}/finish", json=company.follow(begun.json["address"])).status_code == 200
    assert sign_in(app.test_client(), company).json["session"]["user"]["role"] == "owner"


CLAIMED = """
role_claim = "groups"
project_roles = [
  { value = "cats", project = "Cats", role = "annotator" },
  { value = "cat-leads", project = 1, role = "reviewer" },
  { value = "dogs", project = "Dogs", role = "manager" },
]
invited = false
"""


def member_of(client: FlaskClient, project: dict[str, Any], name: str = "Ada") -> tuple[str, str | None] | None:
    """(role, who gave it) of somebody in a project."""
    found = client.get(f"/api/v1/projects/{project['id']}/members").json["members"]
    return next(((each["role"], each["given_by"]) for each in found if each["name"] == name), None)


@BOTH_DATABASES
@pytest.mark.parametrize("rules", [CLAIMED])
def test_a_claim_gives_roles_in_projects_changes_them_and_takes_them_away(
    script: FlaskClient, anonymous: FlaskClient, company: FakeProvider, project: dict[str, Any], services: Services
) -> None:
    company.claims = {"groups": ["cats", "another"]}
    user = sign_in(anonymous, company).json["session"]["user"]
    assert user["role"] == "member"
    assert member_of(script, project) == ("annotator", "Company")
    (seen,) = anonymous.get("/api/v1/projects").json["projects"]
    assert "annotations:write" in seen["permissions"]
    assert "annotations:review" not in seen["permissions"]
    company.claims = {"groups": ["cats", "cat-leads"]}  # the higher one of two
    sign_in(anonymous, company)
    assert member_of(script, project) == ("reviewer", "Company")
    sign_in(anonymous, company)  # what is so already is not written down again
    company.claims = {"groups": ["another"]}
    assert error(sign_in(anonymous, company)) == (401, "not_admitted")  # nothing lets them in any more
    assert member_of(script, project) is None
    assert anonymous.get("/api/v1/projects").json["projects"] == []  # where they are signed in still
    about = {"provider": "company"}
    assert audited(services, "member.remove") == [{**about, "before": "reviewer"}]
    assert audited(services, "member.set") == [
        {**about, "role": "annotator"},
        {**about, "role": "reviewer", "before": "annotator"},
    ]


@BOTH_DATABASES
@pytest.mark.parametrize("rules", [CLAIMED.replace("invited = false", "")])
@pytest.mark.parametrize("claims", [{"groups": []}, {"groups": None}, {"groups": {"cats": True}}, {}])
def test_who_is_in_a_group_no_more_loses_its_role_with_the_next_sign_in_and_what_they_held(
    script: FlaskClient,
    anonymous: FlaskClient,
    company: FakeProvider,
    project: dict[str, Any],
    image: dict[str, Any],
    services: Services,
    claims: dict[str, Any],
) -> None:
    company.claims = {"groups": "cats"}
    token = sign_in(anonymous, company).json["session"]["csrf_token"]
    headers = {"X-CSRFToken": token}
    handed = anonymous.post(f"/api/v1/projects/{project['id']}/next", json={}, headers=headers)
    assert handed.json["image_id"] == image["id"]
    company.claims = claims
    assert sign_in(anonymous, company).status_code == 200
    assert anonymous.get("/api/v1/projects").json["projects"] == []
    assert anonymous.get(f"/api/v1/images/{image['id']}").status_code == 404
    with services.database.read() as session:
        assert session.get_one(Image, image["id"]).lease_user_id is None
    assert audited(services, "member.remove") == [{"provider": "company", "before": "annotator"}]


@BOTH_DATABASES
@pytest.mark.parametrize("rules", [CLAIMED.replace("invited = false", "")])
def test_a_role_that_somebody_gave_stays_whatever_the_claim_says(
    script: FlaskClient, anonymous: FlaskClient, company: FakeProvider, project: dict[str, Any], services: Services
) -> None:
    invite(script, project_id=project["id"], project_role="viewer", email="ada@example.org")
    company.claims = {"groups": ["cat-leads"]}
    sign_in(anonymous, company)
    assert member_of(script, project) == ("viewer", None)
    company.claims = {"groups": []}
    sign_in(anonymous, company)
    assert member_of(script, project) == ("viewer", None)
    assert audited(services, "member.set") == audited(services, "member.remove") == []
    members = f"/api/v1/projects/{project['id']}/members"
    ada = next(each["user_id"] for each in script.get(members).json["members"] if each["name"] == "Ada")
    assert script.delete(f"{members}/{ada}").status_code == 204
    company.claims = {"groups": ["cats"]}
    sign_in(anonymous, company)
    assert member_of(script, project) == ("annotator", "Company")
    assert script.post(members, json={"name": "Ada", "role": "manager"}).json["given_by"] is None
    company.claims = {"groups": []}
    sign_in(anonymous, company)
    assert member_of(script, project) == ("manager", None)


@pytest.mark.parametrize("rules", [CLAIMED])
def test_a_group_whose_project_is_not_there_or_not_the_only_one_of_its_name_signs_in_all_the_same(
    script: FlaskClient, anonymous: FlaskClient, company: FakeProvider, project: dict[str, Any]
) -> None:
    company.claims = {"groups": ["dogs"]}
    assert sign_in(anonymous, company).json["session"]["user"]["role"] == "member"
    assert anonymous.get("/api/v1/projects").json["projects"] == []
    dogs = script.post("/api/v1/projects", json={"name": "Dogs"}).json
    sign_in(anonymous, company)
    assert member_of(script, dogs) == ("manager", "Company")
    script.post("/api/v1/projects", json={"name": "Dogs"})  # which one is meant, nobody knows
    assert sign_in(anonymous, company).status_code == 200
    assert member_of(script, dogs) is None


@BOTH_DATABASES
@pytest.mark.parametrize("rules", [CLAIMED.replace("invited = false", "")])
def test_an_identity_that_is_disconnected_takes_the_roles_along_that_it_gave(
    script: FlaskClient, anonymous: FlaskClient, company: FakeProvider, project: dict[str, Any], services: Services
) -> None:
    company.claims = {"groups": ["cats"]}
    headers = {"X-CSRFToken": sign_in(anonymous, company).json["session"]["csrf_token"]}
    (identity,) = anonymous.get("/api/v1/account").json["identities"]
    path = f"/api/v1/account/identities/{identity['id']}"
    assert error(anonymous.delete(path, headers=headers)) == (409, "conflict")  # no password: nothing is changed
    assert member_of(script, project) == ("annotator", "Company")
    anonymous.put("/api/v1/account/password", json={"new": PASSWORD}, headers=headers)
    assert anonymous.delete(path, headers=headers).status_code == 204
    assert member_of(script, project) is None
    assert audited(services, "member.remove") == [{"before": "annotator", "by": "disconnect"}]


@BOTH_DATABASES
@pytest.mark.parametrize("rules", [CLAIMED])
def test_of_many_tabs_that_sign_in_at_once_each_finds_the_role(
    script: FlaskClient, app: APIFlask, company: FakeProvider, project: dict[str, Any], services: Services
) -> None:
    company.claims = {"groups": ["cats"]}
    first = app.test_client()
    sign_in(first, company)
    company.claims = {"groups": ["cat-leads"]}
    tabs = []
    for _ in range(6):
        client = app.test_client()
        tabs.append((client, come_back(client, company)))
        nonce = company.nonce
    with services.database.write() as session:  # the provider's answers carry one nonce: that of the last
        session.execute(update(PendingSignIn).values(nonce=nonce))
        challenge = session.scalars(select(PendingSignIn.verifier).order_by(PendingSignIn.created.desc())).first()
        session.execute(update(PendingSignIn).values(verifier=challenge))
    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(lambda tab: tab[0].post(f"{BASE}/finish", json=tab[1]).status_code, tabs))
    assert statuses == [200] * 6
    assert member_of(script, project) == ("reviewer", "Company")
    assert len(audited(services, "member.set")) == 2


def test_signing_out_goes_on_at_the_provider_where_it_offers_that(
    script: FlaskClient, anonymous: FlaskClient, company: FakeProvider
) -> None:
    invite(script, email="ada@example.org")
    company.metadata = {"end_session_endpoint": f"{company.issuer}/end?a=b"}
    token = sign_in(anonymous, company).json["session"]["csrf_token"]
    company.status = 500  # nobody is asked any more
    out = anonymous.delete("/api/v1/session", headers={"X-CSRFToken": token})
    back = "client_id=limner&post_logout_redirect_uri=http%3A%2F%2Flocalhost%2Flogin"
    begins, _, hint = out.json["address"].partition("&id_token_hint=")
    assert (out.status_code, begins) == (200, f"{company.issuer}/end?a=b&{back}")
    assert jwt.decode(hint, company.signs_with, algorithms=["ES256"]).claims["sub"] == "ada-1"
    assert anonymous.get("/api/v1/session").status_code == 401


def test_an_id_token_is_in_no_cookie_and_goes_with_the_session(
    script: FlaskClient, anonymous: FlaskClient, company: FakeProvider, services: Services
) -> None:
    invite(script, email="ada@example.org")
    company.metadata = {"end_session_endpoint": f"{company.issuer}/end"}
    company.claims = {"groups": ["g" * 100]}
    answer = sign_in(anonymous, company)
    assert sum(len(each) for each in answer.headers.getlist("Set-Cookie")) < 1000
    with services.database.read() as session:
        (kept,) = session.scalars(select(LoginSession.sign_out_address))
    assert "id_token_hint=" in kept
    token = answer.json["session"]["csrf_token"]
    out = anonymous.delete("/api/v1/session", headers={"X-CSRFToken": token})
    assert out.json == {"address": kept}
    with services.database.read() as session:
        assert session.scalars(select(LoginSession)).all() == []


def test_an_id_token_that_is_too_long_for_an_address_is_left_out(
    script: FlaskClient, anonymous: FlaskClient, company: FakeProvider
) -> None:
    invite(script, email="ada@example.org")
    company.metadata = {"end_session_endpoint": f"{company.issuer}/end"}
    company.claims = {"groups": ["g" * 100] * 50}
    token = sign_in(anonymous, company).json["session"]["csrf_token"]
    address = anonymous.delete("/api/v1/session", headers={"X-CSRFToken": token}).json["address"]
    assert address.startswith(f"{company.issuer}/end?client_id=limner&")
    assert "id_token_hint" not in address


@pytest.mark.parametrize("rules", ["sign_out_at_provider = false"])
def test_signing_out_stays_here_where_the_settings_say_so(
    script: FlaskClient, anonymous: FlaskClient, company: FakeProvider
) -> None:
    invite(script, email="ada@example.org")
    company.metadata = {"end_session_endpoint": f"{company.issuer}/end"}
    token = sign_in(anonymous, company).json["session"]["csrf_token"]
    assert anonymous.delete("/api/v1/session", headers={"X-CSRFToken": token}).status_code == 204


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
