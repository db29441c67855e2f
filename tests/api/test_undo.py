"""What somebody can take back on an image, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import creation, mask_rle, new_uid
from tests.api.test_annotations import Annotator

Json = dict[str, Any]


@pytest.fixture
def annotator(script: FlaskClient, image: Json) -> Annotator:
    return Annotator(script, image["id"])


def steps(annotator: Annotator) -> Json:
    answer = annotator.client.get(f"/api/v1/images/{annotator.image_id}/steps")
    assert answer.status_code == 200
    found: Json = answer.json
    return found


def test_own_steps_say_what_taking_them_back_changes_and_nothing_else(annotator: Annotator, project: Json) -> None:
    assert steps(annotator) == {"done": [], "undone": [], "ended_by": None}
    category = project["categories"][0]["id"]
    ids = [new_uid() for _ in range(3)]
    body = creation(category, step={"id": ids[0], "way": "done"})
    uid = body["operation"]["uid"]
    annotator.send(body, 0)
    changed = {"kind": "update", "uid": uid, "changes": {"category_id": None}, "step": {"id": ids[1], "way": "done"}}
    annotator.send({"operation_id": new_uid(), "operation": changed}, 1)
    gone = {"kind": "delete", "uid": uid, "step": {"id": ids[2], "way": "done"}}
    annotator.send({"operation_id": new_uid(), "operation": gone}, 2)
    found = steps(annotator)
    assert [step["id"] for step in found["done"]] == ids
    create, update, delete = (step["operations"][0] for step in found["done"])
    assert create == {"kind": "create", "uid": uid, "fields": None, "refused": None, "exhaustivity": None}
    assert update["fields"] == {"category_id": category}
    assert (delete["fields"]["segmentation"], delete["fields"]["category_id"]) == (mask_rle(), None)

    back = {"kind": "restore", "uid": uid, "step": {"id": ids[2], "way": "undone"}}
    assert annotator.send({"operation_id": new_uid(), "operation": back}, 3).status_code == 200
    found = steps(annotator)
    assert [[step["id"] for step in found[way]] for way in ("done", "undone")] == [ids[:2], ids[2:]]
    assert found["undone"][0]["operations"] == [
        {"kind": "delete", "uid": uid, "fields": None, "refused": None, "exhaustivity": None}
    ]


def test_whoever_changed_the_same_object_since_is_named(annotator: Annotator, project: Json) -> None:
    body = creation(step={"id": new_uid(), "way": "done"})
    annotator.send(body, 0)
    plain = {"kind": "delete", "uid": body["operation"]["uid"]}  # as a script does, which has no steps
    annotator.send({"operation_id": new_uid(), "operation": plain}, 1)
    found = steps(annotator)
    assert (found["done"], found["ended_by"]["by"]) == ([], "admin")


@pytest.mark.parametrize(
    "step",
    [{}, {"id": "x", "way": "done"}, {"id": new_uid(), "way": "again"}, {"id": new_uid(), "way": "done", "n": 1}],
)
def test_a_step_that_is_none_is_refused(annotator: Annotator, step: Json) -> None:
    assert annotator.send(creation(step=step), 0).status_code == 422
    assert annotator.read().json["revision"] == 0
