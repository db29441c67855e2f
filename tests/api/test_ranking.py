"""Ranking over HTTP: the job, the order, and why an image has its place."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient

from limner.jobs.suggest import SuggestQueue
from limner.service.wiring import Services
from limner.store.ranking import NewAssessment
from tests.conftest import TEST_MODEL_SHA256


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
    assert [each["rank"] for each in listed] == [expected]
    assert script.get(f"/api/v1/images/{image['id']}").json["rank"] == expected
    assert [each["state"] for each in script.get(jobs).json["jobs"]] == ["done"]


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
