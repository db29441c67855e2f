"""ID tokens and user info: what is wrong in one thing signs nobody in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from joserfc.jwk import OctKey

from limner.store.types import utc_now
from tests.api.provider_sign_in.asking import error, invite, people, sign_in
from tests.provider import SECRET, FakeProvider, new_key

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


def test_user_info_is_asked_for_what_the_id_token_lacks_and_must_be_of_the_same_person(
    script: FlaskClient, anonymous: FlaskClient, company: FakeProvider
) -> None:
    invite(script, email="ada@example.org")
    company.claims = {"email": None, "email_verified": None, "name": None}
    company.userinfo = {"sub": "eve", "email": "ada@example.org", "email_verified": True}
    assert error(sign_in(anonymous, company)) == (401, "sign_in_failed")
    company.userinfo = {**company.userinfo, "sub": "ada-1", "preferred_username": "ada\x00 l.", "iss": "ignored"}
    assert sign_in(anonymous, company).json["session"]["user"]["name"] == "ada l."
