"""Roles that a provider's claims give, in the installation and in projects, and take away."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from limner.service.wiring import Services
from limner.store.tables import Image, PendingSignIn
from tests.api.conftest import BOTH_DATABASES
from tests.api.provider_sign_in.asking import BASE, PASSWORD, audited, come_back, error, invite, sign_in
from tests.provider import FakeProvider

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
