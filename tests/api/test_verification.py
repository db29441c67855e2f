"""The verification grid over HTTP: samples, crops, verdicts, and how many masks are wrong."""

from __future__ import annotations

import csv
import io
import uuid
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from PIL import Image

from limner.jobs.statistics import count_changes
from limner.service.wiring import Services
from limner.vocabulary.intervals import wilson
from tests.api.conftest import BOTH_DATABASES, creation, mask_rle
from tests.api.test_statistics import send
from tests.api.test_work import annotator

pytestmark = BOTH_DATABASES


@pytest.fixture
def ada(app: APIFlask, services: Services, project: dict[str, Any]) -> FlaskClient:
    return annotator(app, services, project, "Ada")


@pytest.fixture
def masks(ada: FlaskClient, project: dict[str, Any], image: dict[str, Any]) -> list[dict[str, Any]]:
    """Three that Ada has drawn, two of them cats, as the grid says them."""
    cat = project["categories"][0]["id"]
    send(ada, image, creation(cat), creation(cat), creation())
    listed = ada.get(f"/api/v1/images/{image['id']}/annotations").json["annotations"]
    return [{"uid": each["uid"], "revision": number} for number, each in enumerate(listed, start=1)]


def grid(client: FlaskClient, project: dict[str, Any], **query: Any) -> Any:
    return client.get(f"/api/v1/projects/{project['id']}/verification", query_string=query)


def judge(client: FlaskClient, mask: dict[str, Any], verdict: str | None, **more: Any) -> Any:
    body = {"revision": mask["revision"], "verdict": verdict, **more}
    return client.put(f"/api/v1/annotations/{mask['uid']}/verdict", json=body)


def operate(client: FlaskClient, image: dict[str, Any], operation: dict[str, Any]) -> None:
    send(client, image, {"operation_id": str(uuid.uuid4()), "operation": operation})


def change(client: FlaskClient, image: dict[str, Any], mask: dict[str, Any], **changes: Any) -> None:
    operate(client, image, {"kind": "update", "uid": mask["uid"], "changes": changes})


def test_masks_are_sampled_with_who_made_them_and_what_was_judged(
    script: FlaskClient, project: dict[str, Any], image: dict[str, Any], masks: list[dict[str, Any]]
) -> None:
    answer = grid(script, project).json
    assert answer["population"] == 3
    assert [(each["uid"], each["revision"]) for each in answer["masks"]] == [
        (each["uid"], each["revision"]) for each in masks
    ]
    first = answer["masks"][0]
    assert (first["author"], first["image_id"], first["file_name"]) == ("Ada", image["id"], image["file_name"])
    assert (first["verdict"], first["judged_by"], first["judged"], first["mended"]) == (None, None, None, False)
    judged = judge(script, masks[0], "right").json
    assert (judged["verdict"], judged["judged_by"]) == ("right", "admin")
    assert grid(script, project).json["masks"][0] == judged
    assert [each["uid"] for each in grid(script, project, verdict="unverified", category=0).json["masks"]] == [
        masks[2]["uid"]
    ]
    assert len(grid(script, project, size=2).json["masks"]) == 2


@pytest.mark.parametrize(
    "query", [{"size": 0}, {"size": 100_000}, {"verdict": "good"}, {"seed": -1}, {"person": "Ada"}, {"categories": 1}]
)
def test_a_question_that_makes_no_sense_is_refused(
    script: FlaskClient, project: dict[str, Any], query: dict[str, Any]
) -> None:
    answer = grid(script, project, **query)
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "invalid_input")


def test_a_mask_that_was_changed_since_it_was_seen_is_not_judged(
    script: FlaskClient, ada: FlaskClient, image: dict[str, Any], masks: list[dict[str, Any]]
) -> None:
    change(ada, image, masks[0], category_id=None)
    answer = judge(script, masks[0], "right")
    assert (answer.status_code, answer.json["error"]["code"]) == (412, "stale_revision")
    assert answer.json["error"]["details"] == {"revision": 4}
    assert judge(script, {**masks[0], "revision": 4}, "right").status_code == 200
    for body in ({"verdict": "right"}, {"revision": "4", "verdict": "right"}, {"revision": 4, "verdict": "fine"}):
        assert script.put(f"/api/v1/annotations/{masks[0]['uid']}/verdict", json=body).status_code == 422
    nobody = {"uid": str(uuid.uuid4()), "revision": 1}
    assert judge(script, nobody, "right").status_code == 404


def test_only_reviewers_judge(
    ada: FlaskClient, project: dict[str, Any], masks: list[dict[str, Any]], image: dict[str, Any]
) -> None:
    assert grid(ada, project).status_code == 403
    assert judge(ada, masks[0], "right").status_code == 403
    assert ada.get(f"/api/v1/projects/{project['id']}/statistics/verification?by=person").status_code == 403


def test_who_drew_a_mask_that_is_wrong_sees_a_comment_on_it_which_goes_with_the_verdict(
    script: FlaskClient, ada: FlaskClient, project: dict[str, Any], image: dict[str, Any], masks: list[dict[str, Any]]
) -> None:
    def threads() -> list[tuple[str | None, bool]]:
        found = ada.get(f"/api/v1/images/{image['id']}/comments").json["threads"]
        return [(each["annotation"], each["resolved_at"] is None) for each in found]

    uid = masks[0]["uid"]
    judge(script, masks[0], "wrong")
    judge(script, masks[0], "wrong")
    assert threads() == [(uid, True)]
    listed = ada.get(f"/api/v1/projects/{project['id']}/images?state=commented&counted=true").json
    assert listed["total"] == 1
    judge(script, masks[0], None)
    assert threads() == [(uid, False)]
    judge(script, masks[0], "wrong")
    assert threads() == [(uid, True)]
    judge(script, masks[0], "right")
    assert threads() == [(uid, False)]
    judge(script, masks[1], "wrong", tell=False)
    judge(script, masks[2], "right")
    assert threads() == [(uid, False)]


def test_a_crop_is_a_small_picture_that_never_changes_while_the_mask_does_not(
    script: FlaskClient, ada: FlaskClient, image: dict[str, Any], masks: list[dict[str, Any]]
) -> None:
    address = f"/api/v1/annotations/{masks[0]['uid']}/crop"
    answer = ada.get(address, query_string={"revision": 1})
    assert (answer.status_code, answer.mimetype) == (200, "image/webp")
    assert "immutable" in answer.headers["Cache-Control"]
    with Image.open(io.BytesIO(answer.data)) as crop:
        assert max(crop.size) <= 256
    again = ada.get(address, query_string={"revision": 1}, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    change(ada, image, masks[0], segmentation=mask_rle(5))
    assert ada.get(address, query_string={"revision": 1}).status_code == 412
    assert ada.get(address, query_string={"revision": 4}).data != answer.data
    assert ada.get(address).status_code == 422
    operate(ada, image, {"kind": "delete", "uid": masks[0]["uid"]})
    assert ada.get(address, query_string={"revision": 4}).status_code == 404


def test_error_rates_are_told_by_category_and_person_and_as_csv(
    script: FlaskClient,
    ada: FlaskClient,
    project: dict[str, Any],
    image: dict[str, Any],
    masks: list[dict[str, Any]],
    services: Services,
) -> None:
    address = f"/api/v1/projects/{project['id']}/statistics/verification"
    assert script.get(f"{address}?by=person").json == {"groups": []}
    count_changes(services.database)
    judge(script, masks[0], "wrong")
    judge(script, masks[1], "right")
    judge(script, masks[2], "wrong")
    change(ada, image, masks[2], segmentation=mask_rle(6))
    assert script.get(f"/api/v1/projects/{project['id']}/statistics/progress").json["uncounted"] == 1
    count_changes(services.database)
    (all_hers,) = script.get(f"{address}?by=person").json["groups"]
    low, high = wilson(2, 3)
    assert (all_hers["name"], all_hers["right"], all_hers["wrong"], all_hers["mended"]) == ("Ada", 1, 1, 1)
    assert (all_hers["error_rate"], all_hers["low"], all_hers["high"]) == pytest.approx((2 / 3, low, high))
    groups = script.get(f"{address}?by=category").json["groups"]
    assert sorted((each["name"], each["error_rate"]) for each in groups) == [("cat", 0.5), ("no category", 1.0)]
    head, *rows = csv.reader(io.StringIO(script.get(f"{address}.csv").text))
    assert head == ["category", "person", "right", "wrong", "mended", "error_rate", "low", "high"]
    assert [row[:6] for row in rows] == [
        ["no category", "Ada", "0", "0", "1", "1.0"],
        ["cat", "Ada", "1", "1", "0", "0.5"],
    ]
