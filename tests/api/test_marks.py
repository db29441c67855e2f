"""Submitting, skipping and sending back over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any, get_args

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from limner.access import Permission, ProjectRole
from limner.access.permissions import PROJECT_ROLE_PERMISSIONS
from limner.access.transitions import TRANSITIONS
from limner.service.wiring import Services
from limner.store.accounts import create_api_token
from limner.store.people import add_person, set_member
from limner.store.tables import Image
from limner.vocabulary.states import ImageState
from tests.api.conftest import BOTH_DATABASES, Upload, creation, new_uid
from tests.conftest import png_bytes

pytestmark = BOTH_DATABASES


def send(client: FlaskClient, image_id: int, revision: int, state: str, note: str = "") -> Any:
    operation = {"kind": "mark", "uid": new_uid(), "state": state, "note": note}
    return client.post(
        f"/api/v1/images/{image_id}/operations",
        json={"operation_id": new_uid(), "operation": operation},
        headers={"If-Match": f'"{revision}"'},
    )


def test_a_project_says_how_far_it_is(browser: FlaskClient, project: dict[str, Any], upload: Upload) -> None:
    ids = [upload(png_bytes(seed=seed), f"{seed}.png")["image"]["id"] for seed in range(3)]
    assert send(browser, ids[0], 0, "submitted").json == {
        "revision": 1,
        "annotation": None,
        "replayed": False,
        "reopened": [],
    }
    assert send(browser, ids[1], 0, "skipped", "blurry").status_code == 200
    counted = browser.get(f"/api/v1/projects/{project['id']}").json
    assert (counted["image_count"], counted["submitted_count"], counted["skipped_count"]) == (3, 1, 1)
    for state, expected in (("waiting", ids[2]), ("submitted", ids[0]), ("skipped", ids[1])):
        page = browser.get(f"/api/v1/projects/{project['id']}/images?state={state}").json
        assert [image["id"] for image in page["images"]] == [expected]
    skipped = browser.get(f"/api/v1/images/{ids[1]}").json
    assert skipped["next_waiting_id"] == ids[2]
    assert skipped["mark"] | {"at": None} == {"state": "skipped", "note": "blurry", "by": "admin", "at": None}
    assert skipped["mark"]["at"] > skipped["created"]
    assert browser.get(f"/api/v1/images/{ids[2]}").json["next_waiting_id"] is None


def test_an_image_is_sent_back_with_a_note(browser: FlaskClient, image: dict[str, Any]) -> None:
    made = browser.post(f"/api/v1/images/{image['id']}/operations", json=creation(), headers={"If-Match": '"0"'})
    assert made.status_code == 200
    assert send(browser, image["id"], 0, "submitted").status_code == 412
    assert send(browser, image["id"], 1, "submitted").status_code == 200
    assert send(browser, image["id"], 2, "waiting", "the tail is missing").status_code == 200
    mark = browser.get(f"/api/v1/images/{image['id']}").json["mark"]
    assert (mark["state"], mark["note"]) == ("waiting", "the tail is missing")
    together = browser.get(
        f"/api/v1/images/{image['id']}/annotations"
    ).json  # what a page reads after a gap in the events
    assert (together["revision"], together["mark"]) == (3, mark)


def test_a_skip_without_a_reason_is_refused(browser: FlaskClient, image: dict[str, Any]) -> None:
    answer = send(browser, image["id"], 0, "skipped")
    assert answer.status_code == 422
    assert "reason" in answer.text
    assert browser.get(f"/api/v1/images/{image['id']}").json["mark"]["state"] == "waiting"


@pytest.fixture
def role(app: APIFlask, services: Services, project: dict[str, Any]) -> Callable[[str, str], FlaskClient]:
    """A script of somebody with a role in the project."""

    def client(name: str, role: str) -> FlaskClient:
        with services.database.write() as session:
            user = add_person(session, name, "member")
            set_member(session, project["id"], user, role)
            token = create_api_token(session, user, "test")
        client = app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        return client

    return client


def test_annotators_submit_and_reviewers_approve_and_return(
    role: Callable[[str, str], FlaskClient], image: dict[str, Any], project: dict[str, Any]
) -> None:
    ada, rob = role("Ada", "annotator"), role("Rob", "reviewer")
    number = image["id"]
    assert send(ada, number, 0, "submitted").status_code == 200
    for state in ("approved", "returned"):
        refused = send(ada, number, 1, state)
        assert (refused.status_code, refused.json["error"]["code"]) == (403, "forbidden")
        assert "Only who reviews" in refused.json["error"]["message"]
    assert send(rob, number, 1, "returned", "the tail is missing").status_code == 200
    mark = ada.get(f"/api/v1/images/{number}").json["mark"]
    assert (mark["state"], mark["note"], mark["by"]) == ("returned", "the tail is missing", "Rob")
    path = f"/api/v1/projects/{project['id']}"
    assert [each["id"] for each in ada.get(f"{path}/images?state=waiting").json["images"]] == [number]
    assert ada.get(path).json["returned_count"] == 1
    assert send(ada, number, 2, "waiting").status_code == 403  # what was asked for is not done by saying nothing
    assert send(ada, number, 2, "submitted").status_code == 200
    assert send(rob, number, 3, "approved").status_code == 200
    assert ada.get(path).json["approved_count"] == 1
    assert send(ada, number, 4, "submitted").status_code == 403
    assert [each["id"] for each in ada.get(f"{path}/images?state=approved").json["images"]] == [number]


STATES = get_args(ImageState)


@pytest.mark.parametrize("who", ProjectRole)
def test_every_change_of_state_is_answered_as_the_table_says(
    who: ProjectRole, role: Callable[[str, str], FlaskClient], image: dict[str, Any], services: Services
) -> None:
    client = role("Ada", who)
    granted = PROJECT_ROLE_PERMISSIONS[who]
    answers, wanted = {}, {}
    for before, after in product(STATES, STATES):
        with services.database.write() as session:
            row = session.get_one(Image, image["id"])
            row.state, revision = before, row.revision
        answer = send(client, image["id"], revision, after, "why" if after in ("returned", "skipped") else "")
        answers[before, after] = answer.status_code
        needed = TRANSITIONS.get((before, after))
        wanted[before, after] = 409 if needed is None else 200 if needed in granted else 403
        now = client.get(f"/api/v1/images/{image['id']}").json["mark"]["state"]
        assert now == (after if answer.status_code == 200 else before)
    if Permission.ANNOTATE not in granted:
        wanted = dict.fromkeys(wanted, 403)  # not even what cannot be is said to who may say nothing
    assert answers == wanted


def test_of_two_reviewers_the_second_sees_what_the_first_decided(
    role: Callable[[str, str], FlaskClient], image: dict[str, Any]
) -> None:
    ada, rob, eve = role("Ada", "annotator"), role("Rob", "reviewer"), role("Eve", "reviewer")
    assert send(ada, image["id"], 0, "submitted").status_code == 200
    assert send(rob, image["id"], 1, "returned", "left ear").status_code == 200
    late = send(eve, image["id"], 1, "approved")
    assert late.status_code == 412
    current = late.json["error"]["details"]["current"]["mark"]
    assert (current["state"], current["note"], current["by"]) == ("returned", "left ear", "Rob")


def test_of_many_reviewers_who_decide_at_once_one_does(
    role: Callable[[str, str], FlaskClient], image: dict[str, Any]
) -> None:
    number = image["id"]
    assert send(role("Ada", "annotator"), number, 0, "submitted").status_code == 200
    reviewers = [role(f"Rob {each}", "reviewer") for each in range(6)]
    start = threading.Barrier(len(reviewers))

    def decide(place: int) -> Any:
        start.wait()
        return send(reviewers[place], number, 1, "approved" if place % 2 else "returned", "no" * (1 - place % 2))

    with ThreadPoolExecutor(len(reviewers)) as pool:
        answers = list(pool.map(decide, range(len(reviewers))))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * (len(reviewers) - 1)
    won = next(place for place, answer in enumerate(answers) if answer.status_code == 200)
    current = {
        answer.json["error"]["details"]["current"]["mark"]["by"] for answer in answers if answer.status_code == 412
    }
    assert current == {f"Rob {won}"}


def test_what_is_edited_after_it_was_approved_waits_for_approval_again(
    role: Callable[[str, str], FlaskClient], image: dict[str, Any]
) -> None:
    ada, rob = role("Ada", "annotator"), role("Rob", "reviewer")
    assert send(ada, image["id"], 0, "submitted").status_code == 200
    assert send(rob, image["id"], 1, "approved").status_code == 200
    path = f"/api/v1/images/{image['id']}/operations"
    assert ada.post(path, json=creation(), headers={"If-Match": '"2"'}).status_code == 200
    mark = rob.get(f"/api/v1/images/{image['id']}").json["mark"]
    assert (mark["state"], mark["note"], mark["by"]) == ("submitted", "edited after it was approved", "Ada")


def test_what_was_answered_once_is_answered_again_whatever_the_state_is_by_then(
    role: Callable[[str, str], FlaskClient], image: dict[str, Any]
) -> None:
    ada, rob = role("Ada", "annotator"), role("Rob", "reviewer")
    body = {"operation_id": new_uid(), "operation": {"kind": "mark", "uid": new_uid(), "state": "submitted"}}
    path = f"/api/v1/images/{image['id']}/operations"
    assert ada.post(path, json=body, headers={"If-Match": '"0"'}).status_code == 200
    assert send(rob, image["id"], 1, "approved").status_code == 200
    again = ada.post(path, json=body, headers={"If-Match": '"0"'})
    assert (again.status_code, again.json["replayed"]) == (200, True)


def test_a_skipped_image_is_not_approved(role: Callable[[str, str], FlaskClient], image: dict[str, Any]) -> None:
    rob = role("Rob", "reviewer")
    assert send(rob, image["id"], 0, "skipped", "blurry").status_code == 200
    answer = send(rob, image["id"], 1, "approved")
    assert answer.status_code == 409
    assert "waiting, submitted, returned, skipped" in answer.json["error"]["hint"]


def test_an_image_says_what_one_may_do_with_it(
    role: Callable[[str, str], FlaskClient], browser: FlaskClient, image: dict[str, Any], project: dict[str, Any]
) -> None:
    def of(who: FlaskClient) -> set[str]:
        return set(who.get(f"/api/v1/images/{image['id']}").json["permissions"])

    assert of(role("Vic", "viewer")) == {"project:view"}
    ada, rob = role("Ada", "annotator"), role("Rob", "reviewer")
    assert of(ada) == {"project:view", "annotations:write", "comments:write"}
    assert of(rob) == of(ada) | {"annotations:review"}
    everything = browser.get(f"/api/v1/projects/{project['id']}").json["permissions"]
    assert of(browser) == set(everything) > of(rob)  # and nothing that concerns the installation
