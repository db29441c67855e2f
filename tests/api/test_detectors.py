"""Detectors over HTTP: which a project can use, and having one asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from limner.jobs.suggest import SuggestQueue
from limner.models.detectors import DETECTOR_CARD, DetectorCard, DetectorCategory
from limner.models.manifest import PREPROCESSING_VERSION
from limner.service.wiring import Services
from limner.store.suggestions import NewSuggestion
from limner.store.tables import Job, JobItem, Suggestion
from limner.vocabulary import rle
from limner.vocabulary.specs import SAM_FEATURES
from tests.conftest import TEST_MODEL_SHA256


def write_card(
    home: Path,
    name: str,
    project_id: int | None,
    created: str,
    model: str = TEST_MODEL_SHA256,
    judgement: dict[str, Any] | None = None,
) -> str:
    """A detector of which nothing but the card is there; the sha256 of its weights."""
    sha256 = f"{sum(name.encode()):064x}"
    card = DetectorCard.model_validate(
        {
            "name": name,
            "weights_sha256": sha256,
            "graph_sha256": sha256,
            "model_sha256": model,
            "model": "testlet",
            "preprocessing_version": PREPROCESSING_VERSION,
            "image_size": 1024,
            "features": SAM_FEATURES,
            "project_id": project_id,
            "categories": [DetectorCategory(id=1, name="cat")],
            "widths": (64, 96, 128, 128),
            "head": 64,
            "images": 20,
            "masks": 90,
            "steps": 200,
            "seed": 0,
            "seconds": 60.0,
            "created": f"{created}T12:00:00Z",
            "quality": {"ap": 0.5},
            "judgement": judgement,
        }
    )
    folder = home / "detectors" / name
    folder.mkdir(parents=True)
    (folder / DETECTOR_CARD).write_text(card.model_dump_json())
    return sha256


@pytest.fixture
def detectors(services: Services, project: dict[str, Any]) -> dict[str, str]:
    """The weights of detectors by name: two of the project, one of nobody, one of another project and model each."""
    home, own = services.settings.home, project["id"]
    return {
        name: write_card(home, name, *origin)
        for name, origin in {
            "old": (own, "2026-01-02"),
            "new": (own, "2026-03-04"),
            "anybodys": (None, "2026-05-06"),
            "anothers": (own + 1, "2026-05-06"),
            "foreign": (own, "2026-05-06", "f" * 64),
        }.items()
    }


def test_a_project_is_told_what_it_can_use_its_own_and_the_newest_first(
    script: FlaskClient, project: dict[str, Any], detectors: dict[str, str]
) -> None:
    answer = script.get(f"/api/v1/projects/{project['id']}/detectors")
    assert answer.status_code == 200
    found = answer.json["detectors"]
    assert [each["name"] for each in found] == ["new", "old", "anybodys"]
    assert found[0] == {
        "name": "new",
        "project_id": project["id"],
        "categories": ["cat"],
        "images": 20,
        "masks": 90,
        "created": "2026-03-04T12:00:00Z",
        "quality": {"ap": 0.5},
        "judgement": None,
    }


def test_an_own_detector_that_is_worse_than_a_general_one_comes_after_it(
    script: FlaskClient, project: dict[str, Any], image: dict[str, Any], services: Services
) -> None:
    home, own = services.settings.home, project["id"]
    figures = {"by": "cross_validation", "images": 9, "objects": 42, "against": "anybodys", "against_ap": 0.4}
    general = write_card(home, "anybodys", None, "2026-01-01")
    write_card(home, "worse", own, "2026-03-04", judgement={**figures, "ap": 0.3, "better": False})
    path = f"/api/v1/projects/{own}/detectors"
    found = script.get(path).json["detectors"]
    assert [each["name"] for each in found] == ["anybodys", "worse"]
    assert found[1]["judgement"] == {**figures, "ap": 0.3, "better": False}
    body = {"request": {"source": "detector"}}
    assert script.post(f"/api/v1/images/{image['id']}/suggestions", json=body).status_code == 202
    with services.database.read() as session:
        (item,) = session.scalars(select(JobItem).where(JobItem.job_id.is_(None)))
    assert item.payload["detector_sha256"] == general
    write_card(home, "better", own, "2026-02-03", judgement={**figures, "ap": 0.5, "better": True})
    assert [each["name"] for each in script.get(path).json["detectors"]] == ["better", "anybodys", "worse"]


def test_a_job_names_the_detector_by_its_weights(
    script: FlaskClient, project: dict[str, Any], image: dict[str, Any], detectors: dict[str, str], services: Services
) -> None:
    body = {"kind": "suggest", "request": {"source": "detector"}}
    assert script.post(f"/api/v1/projects/{project['id']}/jobs", json=body).status_code == 201
    with services.database.read() as session:
        (job,) = session.scalars(select(Job))
    assert job.payload["detector_sha256"] == detectors["new"]
    assert job.payload["request"] == {"source": "detector", "detector": None, "objectness": 0.1}
    one = {"request": {"source": "detector", "detector": "old", "objectness": 0.3}}
    assert script.post(f"/api/v1/images/{image['id']}/suggestions", json=one).status_code == 202
    with services.database.read() as session:
        (item,) = session.scalars(select(JobItem).where(JobItem.job_id.is_(None)))
    assert item.payload["detector_sha256"] == detectors["old"]


def test_a_detector_that_cannot_be_asked_is_named(
    script: FlaskClient, image: dict[str, Any], services: Services, project: dict[str, Any]
) -> None:
    def ask(**request: Any) -> Any:
        body = {"request": {"source": "detector", **request}}
        return script.post(f"/api/v1/images/{image['id']}/suggestions", json=body)

    refused = ask()
    assert (refused.status_code, "no detector for this project" in refused.json["error"]["message"]) == (422, True)
    write_card(services.settings.home, "foreign", project["id"], "2026-05-06", "f" * 64)
    for request, message in (
        ({"detector": "other"}, "no detector called 'other'"),
        ({"detector": "foreign"}, "foreign reads embeddings by testlet (ffffffffffff…)"),
    ):
        refused = ask(**request)
        assert (refused.status_code, message in refused.json["error"]["message"]) == (422, True), refused.json
    assert ask(objectness=1.5).status_code == 422


def test_masks_of_a_category_that_was_deleted_are_kept_without_it(
    script: FlaskClient, project: dict[str, Any], image: dict[str, Any], detectors: dict[str, str], services: Services
) -> None:
    script.post(f"/api/v1/images/{image['id']}/suggestions", json={"request": {"source": "detector"}})
    known = project["categories"][0]["id"]
    work = SuggestQueue(services.database, "tests")
    item = work.claim()
    assert item is not None
    size = (image["height"], image["width"])
    whole = rle.from_counts([0, size[0] * size[1]], size)
    part = rle.from_counts([0, 5, size[0] * size[1] - 5], size)
    found = [
        NewSuggestion(whole, 0.9, TEST_MODEL_SHA256, category_id=known),
        NewSuggestion(part, 0.8, TEST_MODEL_SHA256, category_id=known + 1000),
    ]
    assert work.settle(item, found) == 2
    with services.database.read() as session:
        rows = session.scalars(select(Suggestion).order_by(Suggestion.score.desc())).all()
    assert [(row.origin, row.category_id) for row in rows] == [("detector", known), ("detector", None)]
