"""Suggestions by text over HTTP: what is asked for, and what is said where no text detector is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from limner.models import text_detectors
from limner.service.wiring import Services
from limner.store.suggestions import NewSuggestion, replace_suggestions
from limner.store.tables import Job, JobItem, Suggestion
from limner.store.types import utc_now
from limner.vocabulary.rle import Rle
from tests.api.conftest import mask_rle

ASKED = {"source": "text", "text": "Cat, red  car"}


@pytest.fixture
def detector(services: Services) -> Path:
    """A folder that looks like a checkpoint: the web process reads no more of it."""
    folder = services.settings.home / "text" / "dino"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "grounding-dino"}')
    return folder


def ask(script: FlaskClient, image: dict[str, Any], **changed: Any) -> Any:
    return script.post(f"/api/v1/images/{image['id']}/suggestions", json={"request": ASKED | changed})


def test_phrases_are_asked_of_the_detector_that_there_is_and_categories_known(
    script: FlaskClient, project: dict[str, Any], image: dict[str, Any], services: Services, detector: Path
) -> None:
    assert ask(script, image).status_code == 202
    body = {"kind": "suggest", "request": ASKED | {"detector": "dino", "box_threshold": 0.5}}
    assert script.post(f"/api/v1/projects/{project['id']}/jobs", json=body).status_code == 201
    cat = next(each["id"] for each in project["categories"] if each["name"] == "cat")
    with services.database.read() as session:
        payloads = [session.scalars(select(JobItem)).one().payload, session.scalars(select(Job)).one().payload]
    for payload in payloads:
        assert (payload["text_detector"], payload["categories"]) == ("dino", {"cat": cat})
    assert [payload["request"]["box_threshold"] for payload in payloads] == [None, 0.5]


def decide(
    services: Services, image_id: int, category_id: int, decisions: list[tuple[float, str]], first_mask: int = 0
) -> None:
    """What the detector "dino" found, with how sure it was of each box and what somebody decided."""
    found = [
        NewSuggestion(
            cast(Rle, mask_rle(first_mask + number)),
            score=0.5,
            model_sha256="0" * 64,
            prompt={"box": [0, 0, 9, 9], "confidence": confidence, "phrase": "cat", "detector": "dino"},
            category_id=category_id,
        )
        for number, (confidence, _) in enumerate(decisions)
    ]
    with services.database.write() as session:
        replace_suggestions(session, image_id, "text", found)
        rows = session.scalars(select(Suggestion).where(Suggestion.state == "open").order_by(Suggestion.id)).all()
        for row, (_, state) in zip(rows, decisions, strict=True):
            row.state, row.decided = state, utc_now()


def test_thresholds_of_categories_are_learned_from_what_was_accepted_and_refused(
    script: FlaskClient, project: dict[str, Any], image: dict[str, Any], services: Services, detector: Path
) -> None:
    (cat,) = (each["id"] for each in project["categories"])
    address = f"/api/v1/projects/{project['id']}/text-thresholds"
    assert script.get(address).json == {"thresholds": []}
    decide(services, image["id"], cat, [(0.35, "refused")] * 6)
    few = {"detector": "dino", "category_id": cat, "box_threshold": 0.3, "fitted": False, "accepted": 0, "refused": 6}
    assert script.get(address).json == {"thresholds": [few]}
    decide(services, image["id"], cat, [(0.35, "refused")] * 8 + [(0.6, "accepted")] * 12, 6)
    learned = few | {"box_threshold": 0.6, "fitted": True, "accepted": 12, "refused": 14}
    assert script.get(address).json == {"thresholds": [learned]}

    assert ask(script, image).status_code == 202
    with services.database.read() as session:
        payload = session.scalars(select(JobItem)).one().payload
    assert payload["box_thresholds"] == {"cat": 0.6}, "of the red car nothing is known"
    assert ask(script, image, box_threshold=0.2).status_code == 202
    with services.database.read() as session:
        payload = session.scalars(select(JobItem)).one().payload
    assert payload["box_thresholds"] == {}, "somebody has said which one is wanted"


def test_thresholds_of_one_text_detector_are_not_those_of_another(
    script: FlaskClient, project: dict[str, Any], image: dict[str, Any], services: Services, detector: Path
) -> None:
    (cat,) = (each["id"] for each in project["categories"])
    decide(services, image["id"], cat, [(0.35, "refused")] * 10 + [(0.6, "accepted")] * 12)
    other = detector.with_name("owl")
    other.mkdir()
    (other / "config.json").write_text('{"model_type": "owlv2"}')
    assert ask(script, image, detector="owl").status_code == 202
    with services.database.read() as session:
        assert session.scalars(select(JobItem)).one().payload["box_thresholds"] == {}


def test_without_a_detector_the_answer_says_what_to_do(script: FlaskClient, image: dict[str, Any]) -> None:
    refused = ask(script, image)
    assert refused.status_code == 422
    assert "No text detector is installed" in refused.json["error"]["message"]
    assert "as transformers saves it" in refused.json["error"]["hint"]


def test_without_transformers_the_answer_says_so(
    script: FlaskClient, image: dict[str, Any], detector: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_detectors, "find_spec", lambda name: None)
    refused = ask(script, image)
    assert refused.status_code == 422
    assert "not installed on the server" in refused.json["error"]["message"]
    assert "pip install 'limner[text]'" in refused.json["error"]["hint"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"detector": "owl"}, "no text detector called 'owl'"),
        ({"detector": "../dino"}, "cannot be a model's name"),
        ({"text": " , "}, "0 phrases were given"),
        ({"text": ", ".join(f"thing {number}" for number in range(51))}, "51 phrases were given"),
    ],
)
def test_what_cannot_be_asked_is_named(
    script: FlaskClient, image: dict[str, Any], detector: Path, changed: dict[str, Any], words: str
) -> None:
    refused = ask(script, image, **changed)
    assert (refused.status_code, words in refused.json["error"]["message"]) == (422, True)


def test_of_several_detectors_one_is_named(script: FlaskClient, image: dict[str, Any], detector: Path) -> None:
    other = detector.with_name("owl")
    other.mkdir()
    (other / "config.json").write_text('{"model_type": "owlv2"}')
    refused = ask(script, image)
    assert "Name one of: dino, owl" in refused.json["error"]["hint"]
    assert ask(script, image, detector="owl").status_code == 202
