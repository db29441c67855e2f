"""Ranking over HTTP: the job, the order, and why an image has its place."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient

from limner.jobs.suggest import SuggestQueue
from limner.service.wiring import Services
from limner.store.ranking import NewAssessment
from tests.api.conftest import HEIGHT, WIDTH, Upload, creation
from tests.conftest import TEST_MODEL_SHA256, png_bytes


def test_images_are_ranked_and_each_says_why(
    script: FlaskClient, project: dict[str, Any], image: dict[str, Any], services: Services
) -> None:
    jobs, images = (f"/api/v1/projects/{project['id']}/{kind}" for kind in ("jobs", "images"))
    assert image["rank"] is None
    job = script.post(jobs, json={"kind": "rank", "by": "uncertainty"})
    assert (job.status_code, job.json["kind"], job.json["total"]) == (201, "rank", 1)
    assert script.post(jobs, json={"kind": "rank"}).status_code == 409
    queue = SuggestQueue(services.database, "me")
    item = queue.claim()
    assert item is not None
    assert (item.model_sha256, item.payload.request.model_dump()) == (
        TEST_MODEL_SHA256,
        {"source": "rank", "by": "uncertainty"},
    )
    queue.settle_assessment(item, NewAssessment(item.model_sha256, 0.5, 0.25, 0.75, (1.0, 2.0)))
    assert queue.claim() is None
    listed = script.get(images, query_string={"order": "informative"}).json["images"]
    expected = {"place": 1, "predicted_iou": 0.5, "stability": 0.25, "agreement": 0.75, "distance": 1.0}
    expected["clicks"] = None
    assert [each["rank"] for each in listed] == [expected]
    assert script.get(f"/api/v1/images/{image['id']}").json["rank"] == expected
    assert [each["state"] for each in script.get(jobs).json["jobs"]] == ["done"]


def test_images_like_those_whose_masks_took_many_clicks_come_first_and_say_so(
    script: FlaskClient, project: dict[str, Any], upload: Upload, services: Services
) -> None:
    images = [upload(png_bytes(HEIGHT, WIDTH, seed=seed), f"{seed}.png")["image"]["id"] for seed in range(4)]
    provenance = {"model_sha256": TEST_MODEL_SHA256, "prompts": {"points": [[3, 4, 1]], "box": None, "mask": False}}
    for image_id, clicks in zip(images[:2], (1, 5), strict=True):
        operation = creation(provenance=provenance | {"seconds": 3.0, "clicks": clicks})
        headers = {"If-Match": '"0"'}
        saved = script.post(f"/api/v1/images/{image_id}/operations", json=operation, headers=headers)
        assert saved.status_code == 200
    script.post(f"/api/v1/projects/{project['id']}/jobs", json={"kind": "rank", "by": "uncertainty"})
    queue = SuggestQueue(services.database, "me")
    vectors = {images[0]: (1.0, 0.0), images[1]: (0.0, 1.0), images[2]: (1.0, 0.0), images[3]: (0.0, 1.0)}
    while (item := queue.claim()) is not None:
        queue.settle_assessment(item, NewAssessment(item.model_sha256, 0.5, 0.5, 0.5, vectors[item.image.id]))
    query = {"order": "informative"}
    listed = script.get(f"/api/v1/projects/{project['id']}/images", query_string=query).json["images"]
    ranks = {each["id"]: each["rank"] for each in listed if each["rank"]}
    assert [ranks[number]["place"] for number in images[2:]] == [2, 1]
    assert [round(ranks[number]["clicks"], 3) for number in images[2:]] == [1.0, 5.0]


def test_what_only_a_ranking_takes_is_refused_elsewhere(script: FlaskClient, project: dict[str, Any]) -> None:
    jobs = f"/api/v1/projects/{project['id']}/jobs"
    for body in (
        {"kind": "precompute", "by": "both"},
        {"kind": "rank", "by": "luck"},
        {"kind": "rank", "request": {"source": "everything"}},
    ):
        assert script.post(jobs, json=body).status_code == 422
    assert script.get(jobs).json["jobs"] == []
    ordered = {"next_order": "informative"}
    answer = script.patch(f"/api/v1/projects/{project['id']}", json=ordered)
    assert answer.json["next_order"] == "informative"
