"""Operations over HTTP: revisions, idempotent retries, bad input."""

from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from limner.service.wiring import Services
from limner.store.images import get_image, lock_image
from limner.store.leases import end_lease
from limner.vocabulary import rle
from tests.api.conftest import HEIGHT, WIDTH, Upload, creation, mask_rle, new_uid
from tests.conftest import png_bytes

Json = dict[str, Any]
UNMARKED = {"state": "waiting", "note": "", "by": None, "at": None}


class Annotator:
    """Sends operations to one image."""

    def __init__(self, client: FlaskClient, image_id: int) -> None:
        self.client, self.image_id = client, image_id

    def send(self, body: Any, revision: object = 0, **options: Any) -> Any:
        headers = {} if revision is None else {"If-Match": f'"{revision}"'}
        return self.client.post(f"/api/v1/images/{self.image_id}/operations", json=body, headers=headers, **options)

    def read(self) -> Any:
        return self.client.get(f"/api/v1/images/{self.image_id}/annotations")


@pytest.fixture
def annotator(script: FlaskClient, image: Json) -> Annotator:
    return Annotator(script, image["id"])


def test_create_and_read(annotator: Annotator, project: Json) -> None:
    provenance = {
        "model_sha256": "a" * 64,
        "mask_index": 2,
        "predicted_iou": 0.93,
        "prompts": {"points": [[3.5, 4.5, 1]], "box": [1, 2, 30, 40], "mask": False},
        "region": None,
        "tidied": True,
        "seconds": 4.2,
    }
    body = creation(project["categories"][0]["id"], iscrowd=1, attributes={"occluded": True}, provenance=provenance)
    answer = annotator.send(body)
    assert answer.status_code == 200
    assert answer.headers["ETag"] == '"1"'
    made = answer.json["annotation"]
    assert (answer.json["revision"], answer.json["replayed"]) == (1, False)
    sent = body["operation"]
    for name in ("uid", "category_id", "segmentation", "iscrowd", "attributes", "provenance"):
        assert made[name] == sent[name], name
    mask = rle.decode(sent["segmentation"])
    assert made["area"] == int(mask.sum())
    read = annotator.read()
    assert read.headers["ETag"] == '"1"'
    assert read.json == {
        "image_id": annotator.image_id,
        "revision": 1,
        "mark": UNMARKED,
        "annotations": [made],
        "exhaustivity": [],
    }


def test_a_retry_gives_the_same_answer_and_one_row(annotator: Annotator) -> None:
    body = creation()
    first = annotator.send(body).json
    annotator.send({"operation_id": new_uid(), "operation": {"kind": "delete", "uid": body["operation"]["uid"]}}, 1)
    for _ in range(5):
        again = annotator.send(body)
        assert again.status_code == 200
        assert again.json == {**first, "replayed": True}
    assert annotator.read().json["revision"] == 2


def test_one_operation_id_for_two_operations(annotator: Annotator) -> None:
    body = creation()
    annotator.send(body)
    answer = annotator.send({**creation(), "operation_id": body["operation_id"]}, 1)
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "operation_id_reused")
    assert annotator.read().json["revision"] == 1


def test_a_stale_tab_gets_the_current_state(annotator: Annotator) -> None:
    annotator.send(creation())
    answer = annotator.send(creation())
    assert (answer.status_code, answer.json["error"]["code"]) == (412, "stale_revision")
    assert answer.json["error"]["details"]["current"] == annotator.read().json
    assert annotator.read().json["revision"] == 1


@pytest.mark.parametrize("revision", [None, "", "abc", "-1", "1.5"])
def test_the_revision_is_required(annotator: Annotator, revision: object) -> None:
    answer = annotator.send(creation(), revision)
    assert (answer.status_code, answer.json["error"]["code"]) == (428, "revision_required")
    assert annotator.read().json["revision"] == 0


def test_undo_and_redo(annotator: Annotator) -> None:
    body = creation()
    uid = body["operation"]["uid"]
    made = annotator.send(body).json["annotation"]
    deleted = annotator.send({"operation_id": new_uid(), "operation": {"kind": "delete", "uid": uid}}, 1).json
    assert deleted["annotation"] is None
    assert annotator.read().json["annotations"] == []
    restored = annotator.send({"operation_id": new_uid(), "operation": {"kind": "restore", "uid": uid}}, 2).json
    assert restored["annotation"]["segmentation"] == made["segmentation"]
    changes = {"segmentation": mask_rle(5), "attributes": {"n": [1, {"deep": None}]}}
    update = {"operation_id": new_uid(), "operation": {"kind": "update", "uid": uid, "changes": changes}}
    updated = annotator.send(update, 3).json["annotation"]
    assert updated["segmentation"] == changes["segmentation"]
    assert updated["attributes"] == changes["attributes"]


def prompts(**fields: Any) -> Json:
    return {"provenance": {"prompts": {"points": [], "box": None, "mask": False, **fields}}}


FULL = rle.encode(np.ones((HEIGHT, WIDTH), np.bool_))
BAD_FIELDS: dict[str, tuple[Json, str]] = {
    "runs do not sum to H·W": (
        {"segmentation": {**FULL, "counts": rle.encode(np.ones((HEIGHT, WIDTH + 1), np.bool_))["counts"]}},
        "invalid_rle",
    ),
    "RLE of another size": ({"segmentation": rle.encode(np.ones((WIDTH, HEIGHT), np.bool_))}, "invalid_rle"),
    "RLE with bad characters": ({"segmentation": {**FULL, "counts": "\u00e9~"}}, "invalid_rle"),
    "RLE cut off": ({"segmentation": {**FULL, "counts": FULL["counts"][:-1] + "P"}}, "invalid_rle"),
    "huge RLE": ({"segmentation": {**FULL, "counts": "0" * 20_000}}, "invalid_rle"),
    "negative size": ({"segmentation": {**FULL, "size": [-1, -1]}}, "invalid_rle"),
    "uncompressed RLE": ({"segmentation": {"size": [HEIGHT, WIDTH], "counts": [0, HEIGHT * WIDTH]}}, "invalid_input"),
    "unknown category": ({"category_id": 12345}, "unknown_category"),
    "category as text": ({"category_id": "1"}, "invalid_input"),
    "iscrowd 2": ({"iscrowd": 2}, "invalid_input"),
    "uid that is none": ({"uid": "me"}, "invalid_input"),
    "unknown field": ({"area": 12}, "invalid_input"),
    "unknown kind": ({"kind": "paint"}, "invalid_input"),
    "prompt outside the image": (prompts(points=[[WIDTH + 1, 3, 1]]), "invalid_prompt"),
    "box outside the image": (prompts(box=[0, 0, WIDTH, HEIGHT + 2]), "invalid_prompt"),
    "inverted box": (prompts(box=[30, 20, 10, 10]), "invalid_prompt"),
    "label 7": (prompts(points=[[3, 3, 7]]), "invalid_input"),
    "NaN attribute": ({"attributes": {"a": [float("nan")]}}, "invalid_input"),
    "NUL in an attribute": ({"attributes": {"a": {"b\0": 1}}}, "invalid_input"),
    "half a surrogate": ({"attributes": {"a": "\ud800"}}, "invalid_input"),
    "huge attributes": ({"attributes": {"a": "x" * 70_000}}, "invalid_input"),
    "tidied as text": ({"provenance": {"tidied": "yes"}}, "invalid_input"),
    "negative seconds": ({"provenance": {"seconds": -1}}, "invalid_input"),
}


@pytest.mark.parametrize(
    ("region", "problem"),
    [
        ([96, 128, 304, 160], None),
        ([-32, 0, 256, 128], "leaves the image of 400 × 300"),
        ([288, 0, 128, 128], "leaves the image of 400 × 300"),
        ([0, 0, -128, 128], "is too small"),
        ([8, 0, 128, 128], "lies off the grid"),
        ([0, 0, 400, 300], "is the whole image"),
        ([0, 0, 128.5, 128], "Input should be a valid integer"),
        ([0, 0, 128], "Field required"),
    ],
)
def test_the_region_of_a_mask_is_one_that_the_model_can_have_seen(
    script: FlaskClient, upload: Upload, region: list[float], problem: str | None
) -> None:
    annotator = Annotator(script, upload(png_bytes(300, 400))["image"]["id"])
    mask = rle.encode(np.ones((300, 400), np.bool_))
    created = creation(segmentation=mask, provenance={"region": region})
    answer = annotator.send(created)
    if problem is None:
        assert answer.json["annotation"]["provenance"]["region"] == region
        update = {
            "kind": "update",
            "uid": created["operation"]["uid"],
            "changes": {"provenance": {"region": [1, 1, 1, 1]}},
        }
        changed = annotator.send({"operation_id": new_uid(), "operation": update}, 1)
        assert "is too small" in changed.json["error"]["message"]
    else:
        assert answer.status_code == 422
        assert problem in str(answer.json)
        assert answer.json["error"]["hint"]
        assert annotator.read().json["annotations"] == []


@pytest.mark.parametrize("name", BAD_FIELDS)
def test_bad_operations_are_explained_and_store_nothing(annotator: Annotator, name: str) -> None:
    fields, code = BAD_FIELDS[name]
    answer = annotator.send(creation(**fields))
    assert (answer.status_code, answer.json["error"]["code"]) == (422, code)
    assert answer.json["error"]["message"]
    assert answer.json["error"]["hint"]
    assert annotator.read().json["revision"] == 0
    assert annotator.read().json["annotations"] == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_coordinates_must_be_finite(annotator: Annotator, number: str) -> None:
    import json

    text = json.dumps(creation(**prompts(points=[[12345.5, 3, 1]]))).replace("12345.5", number)
    answer = annotator.client.post(
        f"/api/v1/images/{annotator.image_id}/operations",
        data=text,
        content_type="application/json",
        headers={"If-Match": '"0"'},
    )
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "invalid_input")
    assert "finite" in answer.json["error"]["hint"]
    assert answer.json["error"]["details"]["fields"][0]["field"].endswith("prompts.points.0.0")


@pytest.mark.parametrize("changes", [{}, {"segmentation": None}, {"iscrowd": None}, {"position": "top"}])
def test_bad_updates(annotator: Annotator, changes: Json) -> None:
    body = creation()
    annotator.send(body)
    update = {"kind": "update", "uid": body["operation"]["uid"], "changes": changes}
    answer = annotator.send({"operation_id": new_uid(), "operation": update}, 1)
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "invalid_input")
    assert annotator.read().json["revision"] == 1


def test_annotations_of_another_image_are_out_of_reach(annotator: Annotator, upload: Any, script: FlaskClient) -> None:
    from tests.conftest import png_bytes

    body = creation()
    annotator.send(body)
    other = Annotator(script, upload(png_bytes(HEIGHT, WIDTH, seed=3))["image"]["id"])
    answer = other.send({"operation_id": new_uid(), "operation": {"kind": "delete", "uid": body["operation"]["uid"]}})
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "unknown_annotation")
    assert annotator.read().json["revision"] == 1


def test_categories_in_use_cannot_be_deleted(annotator: Annotator, project: Json, script: FlaskClient) -> None:
    category = project["categories"][0]["id"]
    annotator.send(creation(category))
    answer = script.delete(f"/api/v1/categories/{category}")
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "category_in_use")
    assert answer.json["error"]["details"] == {"annotation_count": 1}
    assert script.get(f"/api/v1/projects/{project['id']}").json["categories"][0]["annotation_count"] == 1


def test_the_history_says_who_changed_what_and_any_state_can_be_brought_back(
    annotator: Annotator, project: Json
) -> None:
    body = creation(project["categories"][0]["id"])
    uid = body["operation"]["uid"]
    annotator.send(body, 0)
    changes = {"segmentation": mask_rle(1), "category_id": None}
    annotator.send({"operation_id": new_uid(), "operation": {"kind": "update", "uid": uid, "changes": changes}}, 1)
    annotator.send({"operation_id": new_uid(), "operation": {"kind": "delete", "uid": uid}}, 2)
    address = f"/api/v1/images/{annotator.image_id}/history"
    history = annotator.client.get(address, query_string={"uid": uid}).json
    assert [(each["kind"], each["changed"], each["by"]) for each in history["changes"]] == [
        ("delete", [], "admin"),
        ("update", ["category_id", "segmentation"], "admin"),
        ("create", [], "admin"),
    ]
    assert history["next"] is None
    once = history["changes"][-1]["annotation"]
    assert once["segmentation"] == mask_rle()
    for step, operation in enumerate(
        [
            {"kind": "restore", "uid": uid},
            {"kind": "update", "uid": uid, "changes": {k: once[k] for k in ("category_id", "segmentation")}},
        ]
    ):
        assert annotator.send({"operation_id": new_uid(), "operation": operation}, 3 + step).status_code == 200
    (now,) = annotator.read().json["annotations"]
    assert [now[k] for k in ("uid", "segmentation", "category_id")] == [
        once[k] for k in ("uid", "segmentation", "category_id")
    ]
    assert len(annotator.client.get(address, query_string={"uid": uid}).json["changes"]) == 5


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"uid": "00000000-0000-0000-0000-000000000000"}, 404),
        ({"uid": "x"}, 422),
        ({"before": -1}, 422),
        ({"limit": 101}, 422),
        ({"limit": 0}, 422),
        ({"page": 2}, 422),
    ],
)
def test_what_no_history_can_answer_is_refused(annotator: Annotator, query: Json, status: int) -> None:
    annotator.send(creation(), 0)
    answer = annotator.client.get(f"/api/v1/images/{annotator.image_id}/history", query_string=query)
    assert answer.status_code == status
    assert answer.json["error"]["message"]


def test_a_save_that_is_repeated_renews_the_lease(annotator: Annotator, services: Services) -> None:
    body = creation(None)
    assert annotator.send(body).status_code == 200
    with services.database.write() as session:
        image = lock_image(session, annotator.image_id)
        end_lease(image)
    assert annotator.send(body).json["replayed"]
    with services.database.read() as session:
        assert get_image(session, annotator.image_id).lease_user_id is not None


NONSENSE: dict[str, Json] = {
    "a mask of another size": {"segmentation": mask_rle(height=HEIGHT + 1)},
    "runs that do not fit": {"segmentation": {"size": [HEIGHT, WIDTH], "counts": "1" * 500}},
    "no RLE": {"segmentation": {"size": [HEIGHT, WIDTH], "counts": "~~~"}},
    "a point outside": prompts(points=[[WIDTH + 9, 1, 1]]),
    "a region outside": {"provenance": {"region": [0, 0, WIDTH + 1, 3]}},
}


@pytest.mark.parametrize("kind", ["create", "update"])
@pytest.mark.parametrize("nonsense", NONSENSE)
def test_masks_and_prompts_are_checked_before_anybody_waits_for_the_write_lock(
    annotator: Annotator, services: Services, kind: str, nonsense: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long that takes, nobody waits for it: it is answered while somebody else holds the lock."""
    monkeypatch.setattr("limner.store.engine.PATIENCE", 0.05)
    first = creation()
    assert annotator.send(first, 0).status_code == 200
    bad, good = creation(**NONSENSE[nonsense]), creation()
    if kind == "update":
        for body, changes in ((bad, NONSENSE[nonsense]), (good, {"segmentation": mask_rle(1)})):
            body["operation"] = {"kind": "update", "uid": first["operation"]["uid"], "changes": changes}
    with services.database.write():
        refused = annotator.send(bad, 1)
        assert refused.status_code == 422, refused.json
        assert annotator.send(good, 1).status_code == 503, "what can be stored has to wait"
    assert annotator.send(good, 1).status_code == 200
