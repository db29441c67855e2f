"""Submitting, skipping and sending back over HTTP."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient

from tests.api.conftest import Upload, creation, new_uid
from tests.conftest import png_bytes


def send(client: FlaskClient, image_id: int, revision: int, state: str, note: str = "") -> Any:
    operation = {"kind": "mark", "uid": new_uid(), "state": state, "note": note}
    return client.post(
        f"/api/v1/images/{image_id}/operations",
        json={"operation_id": new_uid(), "operation": operation},
        headers={"If-Match": f'"{revision}"'},
    )


def test_a_project_says_how_far_it_is(browser: FlaskClient, project: dict[str, Any], upload: Upload) -> None:
    ids = [upload(png_bytes(seed=seed), f"{seed}.png")["image"]["id"] for seed in range(3)]
    assert send(browser, ids[0], 0, "submitted").json == {"revision": 1, "annotation": None, "replayed": False}
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
