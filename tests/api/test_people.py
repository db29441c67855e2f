"""Coming in by invitation, passwords, sessions, tokens, and what happens when somebody may no longer do something."""

from __future__ import annotations

import json
import threading
import unicodedata
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import update

from limner.config import Settings
from limner.service import people, streams
from limner.service.accounts import local_actor, open_accounts
from limner.service.wiring import Services
from limner.store.tables import ApiToken, Invitation, LoginSession
from limner.store.types import utc_now
from tests.api.conftest import BOTH_DATABASES, Upload, creation, new_uid
from tests.api.persons import mark
from tests.conftest import png_bytes

pytestmark = BOTH_DATABASES

PASSWORD = "violet anchors hum quietly"
Accept = Callable[..., FlaskClient]


def invite(owner: FlaskClient, **wanted: Any) -> str:
    answer = owner.post("/api/v1/invitations", json=wanted)
    assert answer.status_code == 201, answer.json
    return str(answer.json["token"])


@pytest.fixture
def accept(app: APIFlask, script: FlaskClient) -> Accept:
    """Makes a new person by an invitation: their browser, signed in."""

    def accept(name: str, **wanted: Any) -> FlaskClient:
        client = app.test_client()
        body = {"token": invite(script, **wanted), "name": name, "password": PASSWORD}
        answer = client.post("/api/v1/invitation/accept", json=body)
        assert answer.status_code == 201, answer.json
        client.environ_base["HTTP_X_CSRFTOKEN"] = answer.json["csrf_token"]
        return client

    return accept


def error(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json["error"]["code"]


def user_id(client: FlaskClient) -> int:
    return int(client.get("/api/v1/session").json["user"]["id"])


def test_an_invitation_brings_one_person_in_with_its_roles(
    script: FlaskClient, anonymous: FlaskClient, project: dict[str, Any]
) -> None:
    token = invite(script, project_id=project["id"], project_role="annotator", note="Ada of the lab")
    offer = anonymous.post("/api/v1/invitation", json={"token": token}).json
    assert (offer["role"], offer["project"], offer["project_role"], offer["invited_by"]) == (
        "member",
        "Cats",
        "annotator",
        "admin",
    )
    body = {"token": token, "name": "Ada", "password": PASSWORD}
    signed_in = anonymous.post("/api/v1/invitation/accept", json=body)
    assert (signed_in.status_code, signed_in.json["user"]["name"]) == (201, "Ada")
    (mine,) = anonymous.get("/api/v1/projects").json["projects"]
    assert mine["permissions"] == ["annotations:write", "comments:write", "project:view"]
    for path in ("/api/v1/invitation", "/api/v1/invitation/accept"):
        again = anonymous.post(path, json=body if path.endswith("accept") else {"token": token})
        assert error(again) == (422, "invalid_invitation")
        assert "used already" in again.json["error"]["message"]
    assert script.get("/api/v1/invitations").json == {"invitations": []}


def test_invitations_that_are_over_say_why(script: FlaskClient, anonymous: FlaskClient, services: Services) -> None:
    token = invite(script)
    with services.database.write() as session:
        session.execute(update(Invitation).values(expires=utc_now() - timedelta(seconds=1)))
    late = anonymous.post("/api/v1/invitation", json={"token": token})
    assert error(late) == (422, "invalid_invitation")
    assert "expired on" in late.json["error"]["message"]
    withdrawn = invite(script)
    (listed,) = script.get("/api/v1/invitations").json["invitations"]
    assert script.delete(f"/api/v1/invitations/{listed['id']}").status_code == 204
    gone = anonymous.post("/api/v1/invitation", json={"token": withdrawn})
    assert "taken back" in gone.json["error"]["message"]
    assert "who invited you" in gone.json["error"]["hint"]


def test_a_weak_password_or_a_taken_name_leaves_the_invitation_as_it_was(
    script: FlaskClient, anonymous: FlaskClient
) -> None:
    token = invite(script)
    path = "/api/v1/invitation/accept"
    for password, said in (("short", "5 characters"), ("password1234567", "guessed"), ("Ada Ada Ada Ada", "guessed")):
        answer = anonymous.post(path, json={"token": token, "name": "Ada", "password": password})
        assert error(answer) == (422, "weak_password")
        assert said in answer.json["error"]["message"]
        assert answer.json["error"]["hint"]
    taken = anonymous.post(path, json={"token": token, "name": "ADMIN", "password": PASSWORD})
    assert error(taken) == (409, "name_taken")
    assert anonymous.post(path, json={"token": token, "name": "Ada", "password": PASSWORD}).status_code == 201


def test_a_name_and_a_password_sign_in(accept: Accept, app: APIFlask, script: FlaskClient) -> None:
    accept("Ada")
    client = app.test_client()
    assert client.post("/api/v1/session", json={"name": "ada", "password": PASSWORD}).status_code == 200
    wrong = [
        client.post("/api/v1/session", json={"name": name, "password": password})
        for name, password in (("Ada", "violet anchors hum loudly"), ("Nobody", PASSWORD), ("admin", PASSWORD))
    ]
    assert {error(answer) for answer in wrong} == {(401, "not_signed_in")}
    assert len({answer.json["error"]["message"] for answer in wrong}) == 1  # nobody learns which names exist
    both = client.post("/api/v1/session", json={"token": "x", "name": "Ada", "password": PASSWORD})
    assert error(both) == (422, "invalid_input")
    stored = str(script.get("/api/v1/people").json)
    assert "scrypt" not in stored


@pytest.mark.parametrize(
    ("name", "typed"),
    [("Émile", "E\u0301MILE"), ("Ωmega", "ωMEGA"), ("Ярослава", "ЯРОСЛАВА"), ("Strauß", "STRAUSS")],
)
def test_a_name_is_one_in_any_capitals_and_form_of_unicode(
    accept: Accept, app: APIFlask, script: FlaskClient, name: str, typed: str
) -> None:
    accept(name)
    for each in (name, typed, name.lower(), unicodedata.normalize("NFD", name)):
        client = app.test_client()
        assert client.post("/api/v1/session", json={"name": each, "password": PASSWORD}).status_code == 200, each
    twin = {"token": invite(script), "name": typed, "password": PASSWORD}
    assert error(app.test_client().post("/api/v1/invitation/accept", json=twin)) == (409, "name_taken")


def test_a_new_password_ends_the_other_sessions(accept: Accept, app: APIFlask) -> None:
    here = accept("Ada")
    there = app.test_client()
    there.post("/api/v1/session", json={"name": "Ada", "password": PASSWORD})
    new = "brass lanterns drift north"
    assert error(here.put("/api/v1/account/password", json={"new": new, "old": "wrong"})) == (403, "forbidden")
    assert there.get("/api/v1/session").status_code == 200
    assert here.put("/api/v1/account/password", json={"new": new, "old": PASSWORD}).status_code == 200
    assert here.get("/api/v1/session").status_code == 200
    assert there.get("/api/v1/session").status_code == 401
    assert there.post("/api/v1/session", json={"name": "Ada", "password": new}).status_code == 200


def test_sessions_are_seen_and_ended(accept: Accept, app: APIFlask) -> None:
    here = accept("Ada")
    there = app.test_client()
    agent = {"User-Agent": "Firefox on a phone"}
    there.post("/api/v1/session", json={"name": "Ada", "password": PASSWORD}, headers=agent)
    listed = here.get("/api/v1/account").json["sessions"]
    assert listed[0]["browser"] == "Firefox on a phone"
    assert [each["current"] for each in listed] == [False, True]
    assert here.delete(f"/api/v1/account/sessions/{listed[0]['key']}").status_code == 204
    assert there.get("/api/v1/session").status_code == 401
    assert error(here.delete("/api/v1/account/sessions/0123456789abcdef")) == (404, "not_found")
    assert here.delete("/api/v1/account/sessions").status_code == 204
    assert here.get("/api/v1/session").status_code == 200


def test_tokens_have_scopes_an_end_and_a_last_use(accept: Accept, app: APIFlask, services: Services) -> None:
    browser = accept("Ada", role="owner")
    made = browser.post("/api/v1/account/tokens", json={"name": "laptop", "scopes": ["read"], "days": 7})
    script = app.test_client()
    script.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {made.json['token']}"
    assert script.get("/api/v1/projects").status_code == 200
    assert error(script.post("/api/v1/projects", json={"name": "x"})) == (403, "forbidden")
    assert error(script.post("/api/v1/account/tokens", json={"name": "more"})) == (403, "forbidden")
    (listed,) = browser.get("/api/v1/account").json["tokens"]
    assert (listed["name"], listed["scopes"]) == ("laptop", ["read"])
    assert listed["last_used"] is not None
    with services.database.write() as session:
        session.execute(update(ApiToken).where(ApiToken.name == "laptop").values(expires=utc_now()))
    expired = script.get("/api/v1/projects")
    assert expired.status_code == 401
    assert "expired" in expired.json["error"]["message"]
    assert browser.delete("/api/v1/account/tokens/laptop").status_code == 204
    for bad in ({"name": "x", "scopes": []}, {"name": "x", "scopes": ["root"]}, {"name": "x", "days": 0}):
        assert browser.post("/api/v1/account/tokens", json=bad).status_code == 422


def test_who_is_disabled_is_out_at_once_and_what_they_did_keeps_their_name(
    accept: Accept, app: APIFlask, script: FlaskClient, image: dict[str, Any], services: Services
) -> None:
    ada = accept("Ada", project_id=image["project_id"], project_role="annotator")
    token = ada.post("/api/v1/account/tokens", json={"name": "t"}).json["token"]
    ada.post(f"/api/v1/images/{image['id']}/operations", json=creation(), headers={"If-Match": '"0"'})
    operation = {"kind": "mark", "uid": new_uid(), "state": "submitted"}
    mark = {"operation_id": new_uid(), "operation": operation}
    assert (
        ada.post(f"/api/v1/images/{image['id']}/operations", json=mark, headers={"If-Match": '"1"'}).status_code == 200
    )
    number = user_id(ada)
    assert script.patch(f"/api/v1/people/{number}", json={"disabled": True}).status_code == 200
    assert ada.get("/api/v1/session").status_code == 401
    assert app.test_client().get("/api/v1/session", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    refused = app.test_client().post("/api/v1/session", json={"name": "Ada", "password": PASSWORD})
    assert "disabled" in refused.json["error"]["message"]
    assert error(script.post(f"/api/v1/people/{number}/link")) == (404, "not_found")
    assert script.get(f"/api/v1/images/{image['id']}").json["mark"]["by"] == "Ada"
    assert script.get(f"/api/v1/images/{image['id']}").json["annotation_count"] == 1
    script.patch(f"/api/v1/people/{number}", json={"disabled": False})
    assert app.test_client().post("/api/v1/session", json={"name": "Ada", "password": PASSWORD}).status_code == 200
    assert (
        script.delete(f"/api/v1/people/{number}").status_code == 204
    )  # forgotten: the number stays, the name does not
    assert script.get(f"/api/v1/images/{image['id']}").json["mark"]["by"] == f"Former person {number}"
    with services.database.read() as session:
        assert session.query(LoginSession).filter_by(user_id=number).count() == 0


def test_the_last_owner_stays(script: FlaskClient, accept: Accept) -> None:
    for request in (
        lambda: script.patch("/api/v1/people/1", json={"role": "member"}),
        lambda: script.patch("/api/v1/people/1", json={"disabled": True}),
        lambda: script.delete("/api/v1/people/1"),
    ):
        answer = request()
        assert error(answer) == (409, "last_owner")
        assert "somebody else an owner first" in answer.json["error"]["hint"]
    accept("Olga", role="owner")
    assert script.patch("/api/v1/people/1", json={"role": "member"}).status_code == 200
    assert error(script.get("/api/v1/people")) == (403, "forbidden")  # no owner any more, from the next request on


def test_of_two_owners_who_leave_at_once_one_stays(accept: Accept, script: FlaskClient, app: APIFlask) -> None:
    olga = accept("Olga", role="owner")
    number = user_id(olga)
    start = threading.Barrier(2)

    def leave(client: FlaskClient, who: int) -> int:
        start.wait()
        return client.patch(f"/api/v1/people/{who}", json={"role": "member"}).status_code

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(leave, (script, olga), (1, number)))
    assert sorted(answers) == [200, 409]
    stayed = script if answers[0] == 409 else olga
    roles = [each["role"] for each in stayed.get("/api/v1/people").json["people"]]
    assert sorted(roles) == ["member", "owner"]


def test_members_come_and_go_in_a_project(accept: Accept, script: FlaskClient, project: dict[str, Any]) -> None:
    ada, bob = accept("Ada"), accept("Bob")
    path = f"/api/v1/projects/{project['id']}"
    assert error(ada.get(path)) == (404, "not_found")
    assert script.post(f"{path}/members", json={"name": "ada", "role": "manager"}).status_code == 200
    assert ada.get(path).status_code == 200
    assert ada.post(f"{path}/members", json={"name": "Bob", "role": "reviewer"}).status_code == 200
    assert bob.get(path).json["name"] == "Cats"
    listed = ada.get(f"{path}/members").json["members"]
    assert [(each["name"], each["role"]) for each in listed] == [("Ada", "manager"), ("Bob", "reviewer")]
    logged = ada.get(f"{path}/audit?action=member.set").json["entries"]
    assert [(each["by"], each["target_id"], each["target_name"]) for each in logged] == [
        ("Ada", user_id(bob), "Bob"),
        ("admin", user_id(ada), "Ada"),
    ]
    assert ada.get(f"{path}/audit.csv?action=member.set").text.splitlines()[1].endswith(",Bob")
    nobody = ada.post(f"{path}/members", json={"name": "Eve", "role": "viewer"})
    assert error(nobody) == (404, "not_found")
    assert "'Eve'" in nobody.json["error"]["message"]
    assert ada.delete(f"{path}/members/{user_id(bob)}").status_code == 204
    assert error(bob.get(path)) == (404, "not_found")
    assert ada.post(f"{path}/invitations", json={"role": "annotator"}).status_code == 201
    (invitation,) = ada.get(f"{path}/invitations").json["invitations"]
    other = script.post("/api/v1/projects", json={"name": "Dogs"}).json["id"]
    assert error(script.delete(f"/api/v1/projects/{other}/invitations/{invitation['id']}")) == (404, "not_found")
    assert ada.delete(f"{path}/invitations/{invitation['id']}").status_code == 204


def test_who_submitted_is_listed_also_when_they_left_are_disabled_or_forgotten_and_nobody_else(
    accept: Accept, script: FlaskClient, project: dict[str, Any], upload: Upload
) -> None:
    path = f"/api/v1/projects/{project['id']}"

    def authors() -> list[str]:
        return [each["name"] for each in script.get(f"{path}/authors").json["authors"]]

    assert authors() == []
    people = {name: accept(name) for name in ("Ada", "Bob", "Cleo", "Dan", "Eve")}
    numbers = {name: user_id(client) for name, client in people.items()}
    for seed, (name, client) in enumerate(people.items()):
        script.post(f"{path}/members", json={"name": name, "role": "annotator"})
        image = upload(png_bytes(seed=seed), f"{name}.png")["image"]["id"]
        if name != "Eve":
            assert mark(client, image, "submitted").status_code == 200
    own = upload(png_bytes(seed=9), "own.png")["image"]["id"]
    assert mark(script, own, "submitted").status_code == 200  # an owner is no member
    assert authors() == ["Ada", "admin", "Bob", "Cleo", "Dan"]
    assert script.delete(f"{path}/members/{numbers['Bob']}").status_code == 204
    assert script.patch(f"/api/v1/people/{numbers['Cleo']}", json={"disabled": True}).status_code == 200
    assert script.delete(f"/api/v1/people/{numbers['Dan']}").status_code == 204
    assert authors() == ["Ada", "admin", "Bob", "Cleo", f"Former person {numbers['Dan']}"]
    assert people["Ada"].get(f"{path}/authors").status_code == 200
    assert error(people["Bob"].get(f"{path}/authors")) == (404, "not_found")
    listed = script.get(f"{path}/images?author={numbers['Bob']}&counted=true").json
    assert (listed["total"], listed["images"][0]["file_name"]) == (1, "Bob.png")
    assert script.delete(f"/api/v1/images/{listed['images'][0]['id']}").status_code == 204
    assert "Bob" not in authors()


def test_a_revoked_role_ends_the_streams_at_once(
    accept: Accept,
    script: FlaskClient,
    services: Services,
    project: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not when the next ping is due: the pause between pings is longer than the test may take."""
    monkeypatch.setattr(streams, "PING_SECONDS", 300.0)
    services.events.start(lambda _: None)
    ada = accept("Ada", project_id=project["id"], project_role="annotator")
    number = user_id(ada)
    answer = ada.get(f"/api/v1/projects/{project['id']}/events", buffered=False)
    told: list[str] = []
    listening, ended = threading.Event(), threading.Event()

    def listen(chunks: Iterator[bytes]) -> None:
        for chunk in chunks:
            told.append(chunk.decode())
            if "event: start" in told[-1]:
                listening.set()
        ended.set()

    thread = threading.Thread(target=listen, args=(answer.response,))
    thread.start()
    assert listening.wait(30)
    assert script.delete(f"/api/v1/projects/{project['id']}/members/{number}").status_code == 204
    assert ended.wait(30), "the stream goes on"
    thread.join()
    assert told[-1].startswith("event: access\n")
    assert json.loads(told[-1].partition("data: ")[2])["user_id"] == number


def test_a_role_that_another_process_took_ends_the_streams_when_they_look_again(
    accept: Accept, services: Services, settings: Settings, project: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `limner user role ada none` does beside a running server: of SQLite nothing but the database tells of it."""
    monkeypatch.setattr(streams, "PING_SECONDS", 0.2)  # 15 in a server
    ada = accept("Ada", project_id=project["id"], project_role="annotator")
    answer = ada.get(f"/api/v1/projects/{project['id']}/events", buffered=False)
    chunks = iter(answer.response)
    while b"event: start" not in next(chunks):
        pass
    with open_accounts(settings) as database:
        people.remove_member(database, local_actor(database), project["id"], user_id(ada))
    told = b"".join(chunks).decode()  # to its end
    assert "event: access\n" in told
    assert error(ada.get(f"/api/v1/projects/{project['id']}/events")) == (404, "not_found")


def test_a_person_may_be_renamed_and_keeps_what_a_browser_keeps(accept: Accept) -> None:
    ada = accept("Ada")
    before = ada.get("/api/v1/session").json["user"]
    assert ada.patch("/api/v1/account", json={"name": "Ada King"}).json["name"] == "Ada King"
    after = ada.get("/api/v1/session").json["user"]
    assert (after["name"], after["storage_key"]) == ("Ada King", before["storage_key"])
    assert error(ada.patch("/api/v1/account", json={"name": "admin"})) == (409, "name_taken")
