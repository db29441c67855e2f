"""Suggestions by text over HTTP: what is asked for, and what is said where no text detector is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from limner.models import text_detectors
from limner.service.wiring import Services
from limner.store.tables import Job, JobItem

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
    assert [payload["request"]["box_threshold"] for payload in payloads] == [0.3, 0.5]


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
