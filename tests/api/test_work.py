"""The next image, leases and assignments over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from limner.access import ProjectRole
from limner.service.wiring import Services
from limner.store.accounts import create_api_token
from limner.store.people import add_person, set_member
from limner.store.tables import User
from tests.api.conftest import BOTH_DATABASES, Upload, creation, new_uid
from tests.conftest import png_bytes

pytestmark = BOTH_DATABASES


@pytest.fixture
def ids(upload: Upload) -> list[int]:
    return [upload(png_bytes(seed=index), f"{index}.png")["image"]["id"] for index in range(4)]


@pytest.fixture
def ada(app: APIFlask, services: Services, project: dict[str, Any]) -> FlaskClient:
    return annotator(app, services, project, "Ada")


@pytest.fixture
def eve(app: APIFlask, services: Services, project: dict[str, Any]) -> FlaskClient:
    return annotator(app, services, project, "Eve")


def annotator(app: APIFlask, services: Services, project: dict[str, Any], name: str) -> FlaskClient:
    with services.database.write() as session:
        user = add_person(session, name, "member")
        set_member(session, project["id"], user, ProjectRole.ANNOTATOR)
        token = create_api_token(session, session.get_one(User, user.id), "test")
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


def mark(state: str, note: str = "") -> dict[str, Any]:
    operation = {"kind": "mark", "uid": new_uid(), "state": state, "note": note}
    return {"operation_id": new_uid(), "operation": operation}


def take(client: FlaskClient, project: dict[str, Any], **body: Any) -> tuple[int | None, list[int]]:
    answer = client.post(f"/api/v1/projects/{project['id']}/next", json=body)
    assert answer.status_code == 200, answer.json
    return answer.json["image_id"], answer.json["reserved"]


def works(client: FlaskClient, project: dict[str, Any], state: str = "all") -> dict[int, tuple[Any, Any, bool]]:
    answer = client.get(f"/api/v1/projects/{project['id']}/images", query_string={"state": state})
    found = {image["id"]: image["work"] for image in answer.json["images"]}
    return {number: (each["assigned_to"], each["held_by"], each["reserved"]) for number, each in found.items()}


def assign(client: FlaskClient, project: dict[str, Any], **body: Any) -> Any:
    return client.put(f"/api/v1/projects/{project['id']}/assignments", json=body)


def workers(answer: Any) -> dict[str, tuple[int, int, int]]:
    assert answer.status_code == 200, answer.json
    return {each["name"]: (each["assigned"], each["returned"], each["open"]) for each in answer.json["workers"]}


def user_id(client: FlaskClient) -> int:
    return int(client.get("/api/v1/session").json["user"]["id"])


def test_next_stays_in_the_list_that_is_named(
    ada: FlaskClient, eve: FlaskClient, project: dict[str, Any], ids: list[int]
) -> None:
    assert take(ada, project, among={"search": "3"}) == (ids[3], [])
    assert take(ada, project, current=ids[3], give_back=True, among={"search": "3"}) == (None, [])
    assert take(ada, project, among={"order": "name", "descending": True}) == (ids[3], [ids[2], ids[1]])
    assert take(eve, project, among={"state": "assigned_to_me"}) == (None, [])
    answer = ada.post(f"/api/v1/projects/{project['id']}/next", json={"among": {"order": "size"}})
    assert answer.status_code == 422
    assert "among" in answer.text


def test_everybody_sees_who_has_which_image(
    ada: FlaskClient, eve: FlaskClient, project: dict[str, Any], ids: list[int]
) -> None:
    assert take(ada, project) == (ids[0], ids[1:3])
    assert take(eve, project) == (ids[3], [])
    assert works(eve, project) == {
        ids[0]: (None, "Ada", False),
        ids[1]: (None, "Ada", True),
        ids[2]: (None, "Ada", True),
        ids[3]: (None, "Eve", False),
    }
    assert list(works(eve, project, "in_work")) == [ids[0], ids[3]]
    assert take(ada, project, current=ids[0], give_back=True) == (ids[1], [ids[2]])
    assert works(eve, project)[ids[0]] == (None, None, False)
    assert ada.delete(f"/api/v1/images/{ids[1]}/lease").status_code == 204
    assert list(works(eve, project, "in_work")) == [ids[3]]


def test_the_next_image_and_those_after_it_are_encoded_ahead(
    ada: FlaskClient, project: dict[str, Any], ids: list[int]
) -> None:
    take(ada, project)
    images = ada.get(f"/api/v1/projects/{project['id']}/images").json["images"]
    assert [each["embedding"]["state"] for each in images] == ["waiting", "waiting", "waiting", "none"]


def test_a_save_takes_the_lease_and_submitting_ends_it(
    ada: FlaskClient, eve: FlaskClient, project: dict[str, Any], ids: list[int]
) -> None:
    path = f"/api/v1/images/{ids[2]}/operations"
    assert ada.post(path, json=creation(None), headers={"If-Match": '"0"'}).status_code == 200
    assert works(eve, project)[ids[2]] == (None, "Ada", False)
    assert eve.post(path, json=creation(None), headers={"If-Match": '"1"'}).status_code == 200  # nothing is lost
    assert works(eve, project)[ids[2]] == (None, "Ada", False)
    assert ada.post(path, json=mark("submitted"), headers={"If-Match": '"2"'}).status_code == 200
    assert works(eve, project)[ids[2]] == (None, None, False)
    assert ids[2] not in (take(eve, project)[0], *take(eve, project)[1])


def test_managers_share_images_evenly_and_take_them_back(
    script: FlaskClient, ada: FlaskClient, eve: FlaskClient, project: dict[str, Any], ids: list[int]
) -> None:
    both = [user_id(ada), user_id(eve)]
    answer = assign(script, project, to=both, limit=3)
    assert answer.json["changed"] == 3
    assert workers(answer) == {"Ada": (2, 0, 0), "Eve": (1, 0, 0), "admin": (0, 0, 0)}
    assert list(works(ada, project, "assigned_to_me")) == ids[:2]
    assert take(eve, project) == (ids[2], [ids[3]])
    script.post(f"/api/v1/images/{ids[0]}/operations", json=mark("returned", "the tail"), headers={"If-Match": '"0"'})
    assert list(works(ada, project, "returned_to_me")) == [ids[0]]
    assert workers(script.get(f"/api/v1/projects/{project['id']}/assignments"))["Ada"] == (2, 1, 0)
    assert workers(assign(script, project, to=[], assigned_to=both[0]))["Ada"] == (0, 0, 0)
    answer = assign(script, project, to=[both[1]], image_ids=[ids[3], ids[2]])
    assert (answer.json["changed"], workers(answer)["Eve"]) == (1, (2, 0, 1))


def test_what_cannot_be_assigned_is_said_and_nothing_changes(
    script: FlaskClient, ada: FlaskClient, services: Services, project: dict[str, Any], ids: list[int]
) -> None:
    with services.database.write() as session:
        stranger = add_person(session, "Bob", "member").id
    me = user_id(ada)
    for body, status, said in (
        ({"to": [stranger]}, 422, "Bob may not annotate in this project."),
        ({"to": [me], "image_ids": [ids[0], 10**6]}, 422, "The project has no image 1000000."),
        ({"to": [10**6]}, 404, "There is no person 1000000."),
    ):
        answer = assign(script, project, **body)
        assert (answer.status_code, answer.json["error"]["message"]) == (status, said)
    assert assign(ada, project, to=[me]).status_code == 403
    assert {each[0] for each in works(ada, project).values()} == {None}


def test_the_order_is_a_matter_of_the_project(
    script: FlaskClient, ada: FlaskClient, upload: Upload, project: dict[str, Any], ids: list[int]
) -> None:
    first = upload(png_bytes(seed=9), "0 first.png")["image"]["id"]
    answer = script.patch(f"/api/v1/projects/{project['id']}", json={"next_order": "name"})
    assert (answer.json["next_order"], answer.json["name"]) == ("name", "Cats")
    assert take(ada, project)[0] == first
    assert script.patch(f"/api/v1/projects/{project['id']}", json={"next_order": "size"}).status_code == 422


@pytest.mark.parametrize(
    ("to", "gone", "expected"),
    [
        (None, False, "Ada"),
        ("author", False, "Ada"),
        ("anyone", False, None),
        ("me", False, "admin"),
        ("author", True, None),  # who cannot go on: anyone may
    ],
)
def test_an_image_is_returned_to_who_submitted_it_to_anyone_or_to_the_reviewer(
    to: str | None,
    gone: bool,
    expected: str | None,
    script: FlaskClient,
    ada: FlaskClient,
    eve: FlaskClient,
    project: dict[str, Any],
    ids: list[int],
) -> None:
    path = f"/api/v1/images/{ids[0]}/operations"
    me = user_id(ada)
    assert ada.post(path, json=mark("submitted"), headers={"If-Match": '"0"'}).status_code == 200
    if gone:
        assert script.patch(f"/api/v1/people/{me}", json={"disabled": True}).status_code == 200
    body = mark("returned", "the tail is missing")
    body["operation"] |= {} if to is None else {"to": to}
    assert script.post(path, json=body, headers={"If-Match": '"1"'}).status_code == 200
    assert works(eve, project)[ids[0]] == (expected, None, False)
    assert (take(eve, project)[0] == ids[0]) == (expected is None)
    if expected == "Ada":
        assert list(works(ada, project, "returned_to_me")) == [ids[0]]
        assert take(ada, project)[0] == ids[0]
        assert ada.post(path, json=mark("submitted"), headers={"If-Match": '"2"'}).status_code == 200


def test_only_what_is_returned_goes_to_somebody(ada: FlaskClient, ids: list[int]) -> None:
    body = mark("submitted")
    body["operation"] |= {"to": "anyone"}
    answer = ada.post(f"/api/v1/images/{ids[0]}/operations", json=body, headers={"If-Match": '"0"'})
    assert answer.status_code == 422
    assert "only an image that is returned" in str(answer.json)
