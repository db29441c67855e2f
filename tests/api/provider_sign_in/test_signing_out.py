"""Signing out, at the provider too where it offers that."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from joserfc import jwt
from sqlalchemy import select

from limner.service.wiring import Services
from limner.store.tables import LoginSession
from tests.api.provider_sign_in.asking import invite, sign_in
from tests.provider import FakeProvider


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
