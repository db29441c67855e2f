"""Comments over HTTP: threads, who may, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from limner.access import ProjectRole
from limner.service.wiring import Services
from limner.store.people import remove_member, set_member
from limner.store.tables import User
from tests.access.test_roles import client_of, person_with
from tests.api.conftest import BOTH_DATABASES, HEIGHT, WIDTH, creation, new_uid

pytestmark = BOTH_DATABASES

Json = dict[str, Any]


@pytest.fixture
def address(image: Json) -> str:
    return f"/api/v1/images/{image['id']}/comments"


def comment(text: str = "The tail is missing.", **fields: Any) -> Json:
    return {"uid": new_uid(), "text": text, **fields}


def test_a_thread_is_begun_answered_resolved_and_opened_again(script: FlaskClient, address: str, image: Json) -> None:
    begun = script.post(address, json=comment(" two\r\nlines ", at=[10.5, 20.25]))
    assert begun.status_code == 201
    thread = begun.json
    assert [thread[key] for key in ("at", "annotation", "resolved_at", "resolved_by")] == [
        [10.5, 20.25],
        None,
        None,
        None,
    ]
    assert [(each["by"], each["text"]) for each in thread["comments"]] == [("admin", "two\nlines")]
    script.post(address, json=comment("Drawn now.", thread=thread["id"]))
    resolved = script.put(f"/api/v1/comments/{thread['id']}/resolved", json={"resolved": True}).json
    assert (resolved["resolved_by"], len(resolved["comments"])) == ("admin", 2)
    (listed,) = script.get(address).json["threads"]
    assert listed == resolved
    assert script.get(f"/api/v1/images/{image['id']}").json["open_threads"] == 0
    script.put(f"/api/v1/comments/{thread['id']}/resolved", json={"resolved": False})
    assert script.get(f"/api/v1/images/{image['id']}").json["open_threads"] == 1
    found = script.get(f"/api/v1/projects/{image['project_id']}/images?state=commented").json["images"]
    assert [each["id"] for each in found] == [image["id"]]


def test_saying_it_again_says_it_once(script: FlaskClient, address: str) -> None:
    said = comment()
    first, second = script.post(address, json=said), script.post(address, json=said)
    assert first.json == second.json
    assert len(script.get(address).json["threads"]) == 1
    other = script.post(address, json={**said, "text": "Something else."})
    assert (other.status_code, other.json["error"]["code"]) == (422, "operation_id_reused")


@pytest.mark.parametrize(
    "fields",
    [
        {"text": ""},
        {"text": " \n "},
        {"text": "x" * 4001},
        {"text": "nul \x00"},
        {"text": "half \ud800"},
        {"text": 3},
        {"uid": "x"},
        {"at": [1, 2, 3]},
        {"at": [-1, 2]},
        {"at": [WIDTH + 1, 2]},
        {"at": [2, HEIGHT + 0.1]},
        {"at": [1e999, 0]},
        {"annotation": "00000000-0000-0000-0000-000000000000"},
        {"thread": 1, "at": [1, 2]},
        {"category": 1},
    ],
    ids=repr,
)
def test_what_cannot_be_said_is_refused_and_nothing_is_kept(script: FlaskClient, address: str, fields: Json) -> None:
    answer = script.post(address, json={**comment(), **fields})
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "invalid_input")
    assert answer.json["error"]["hint"]
    assert script.get(address).json == {"threads": []}


def test_answers_to_what_is_not_there_and_about_other_images_are_refused(
    script: FlaskClient, address: str, upload: Any
) -> None:
    from tests.conftest import png_bytes

    assert script.post(address, json=comment(thread=99)).status_code == 404
    other = upload(png_bytes(HEIGHT, WIDTH, seed=5), "other.png")["image"]["id"]
    foreign = script.post(f"/api/v1/images/{other}/comments", json=comment()).json["id"]
    refused = script.post(address, json=comment(thread=foreign))
    assert (refused.status_code, refused.json["error"]["code"]) == (422, "invalid_input")
    made = creation()
    script.post(f"/api/v1/images/{other}/operations", json=made, headers={"If-Match": '"0"'})
    refused = script.post(address, json=comment(annotation=made["operation"]["uid"]))
    assert "has no annotation" in refused.json["error"]["message"]
    assert script.get(address).json == {"threads": []}


def test_an_annotation_that_is_deleted_leaves_its_thread(script: FlaskClient, address: str, image: Json) -> None:
    made = creation()
    operations = f"/api/v1/images/{image['id']}/operations"
    uid = made["operation"]["uid"]
    script.post(operations, json=made, headers={"If-Match": '"0"'})
    thread = script.post(address, json=comment(annotation=uid)).json
    assert thread["annotation"] == uid
    assert thread["at"] is not None
    deletion = {"operation_id": new_uid(), "operation": {"kind": "delete", "uid": uid}}
    assert script.post(operations, json=deletion, headers={"If-Match": '"1"'}).status_code == 200
    assert script.get(address).json["threads"] == [thread]


def test_who_may_comment_does_until_the_role_is_gone(
    app: APIFlask, services: Services, script: FlaskClient, address: str, project: Json
) -> None:
    user_id = person_with(services, "Ada")
    client = client_of(app, services, user_id)
    assert client.post(address, json=comment()).status_code == 404
    with services.database.write() as session:
        set_member(session, project["id"], session.get_one(User, user_id), ProjectRole.VIEWER)
    assert client.get(address).status_code == 200
    refused = client.post(address, json=comment())
    assert (refused.status_code, refused.json["error"]["details"]) == (403, {"permission": "comments:write"})
    with services.database.write() as session:
        set_member(session, project["id"], session.get_one(User, user_id), ProjectRole.ANNOTATOR)
    said = client.post(address, json=comment())
    assert said.status_code == 201
    with services.database.write() as session:
        remove_member(session, project["id"], user_id)
    assert client.post(address, json=comment(thread=said.json["id"])).status_code == 404
    resolution = client.put(f"/api/v1/comments/{said.json['id']}/resolved", json={"resolved": True})
    absent = client.put("/api/v1/comments/999/resolved", json={"resolved": True})
    assert resolution.status_code == absent.status_code == 404
    assert resolution.json["error"]["message"].replace(str(said.json["id"]), "999") == absent.json["error"]["message"]
    (thread,) = script.get(address).json["threads"]
    assert (thread["comments"][0]["by"], thread["resolved_at"]) == ("Ada", None)
