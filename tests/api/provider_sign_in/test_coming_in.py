"""Who is let in by a provider, and as whom."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import unquote_plus

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select

from limner.service.wiring import Services
from limner.store.tables import PendingSignIn, User
from tests.api.provider_sign_in.asking import BASE, PASSWORD, audited, error, invite, people, sign_in
from tests.provider import SECRET, FakeProvider


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
        assert session.get_one(User, user["id"]).name == f"Former person {user['id']}"


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
