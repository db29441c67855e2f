"""A model per project: using another one, which is encoded by first, and what happens to one that disappears."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy import select

from limner.cli.project import project as project_command
from limner.config import Settings
from limner.service.wiring import Services
from limner.store.tables import Job, JobItem
from tests.api.conftest import Upload
from tests.api.test_encoding import embedding, job_list, wait_for
from tests.conftest import TEST_MODEL, TEST_MODEL_SHA256, install_card, png_bytes

OTHER, OTHER_SHA256 = "otherlet", "07e2" * 16


@pytest.fixture
def other(settings: Settings) -> Path:
    """The folder of a second model."""
    return install_card(settings.home, OTHER, OTHER_SHA256)


def change(client: FlaskClient, project_id: int, model: str | None, **more: Any) -> Any:
    return client.put(f"/api/v1/projects/{project_id}/model", json={"model": model, **more})


def model_of(client: FlaskClient, project_id: int) -> dict[str, Any]:
    return dict(client.get(f"/api/v1/projects/{project_id}").json["model"])


def encoded(client: FlaskClient, image_id: int, query: str = "") -> Any:
    """The embedding, once it is there."""
    return wait_for(lambda: (answer := embedding(client, image_id, query)).status_code == 200 and answer)


@pytest.mark.usefixtures("other")
def test_a_project_goes_on_with_its_model_until_all_images_are_encoded_by_the_new_one(
    script: FlaskClient, upload: Upload, project: dict[str, Any], services: Services
) -> None:
    images = [upload(png_bytes(seed=seed), f"{seed}.png")["image"]["id"] for seed in range(3)]
    project_id = project["id"]
    assert model_of(script, project_id) == {
        "name": TEST_MODEL,
        "title": "Testlet",
        "weights_sha256": TEST_MODEL_SHA256,
        "wanted": None,
        "problem": "",
    }
    answer = change(script, project_id, OTHER)
    assert answer.status_code == 200
    assert answer.json["model"]["name"] == TEST_MODEL
    job = answer.json["job"]
    assert (job["kind"], job["state"], job["total"]) == ("change_model", "running", 3)

    services.encoder.start()
    used = wait_for(lambda: (model := model_of(script, project_id))["name"] == OTHER and model)
    assert (used["weights_sha256"], used["wanted"]) == (OTHER_SHA256, OTHER)
    assert job_list(script, project)[0]["state"] == "done"
    assert script.get(f"/api/v1/projects/{project_id}").json["encoded_count"] == 3
    for image in images:
        now = embedding(script, image)  # nobody waits
        assert (now.status_code, now.headers["X-Limner-Model-Sha256"]) == (200, OTHER_SHA256)
    wait_for(lambda: script.get(f"/api/v1/models/{OTHER_SHA256}/manifest").json.get("name") == OTHER)
    assert script.get(f"/api/v1/models/{OTHER_SHA256}/graphs/decode").data == b"the graph decode"
    assert script.get(f"/api/v1/models/{TEST_MODEL_SHA256}/manifest").json["name"] == TEST_MODEL

    back = change(script, project_id, None)
    assert back.json["job"]["total"] == 3  # none of them was looked at by the first model
    wait_for(lambda: model_of(script, project_id)["wanted"] is None)
    at_last = change(script, project_id, OTHER)  # everything is there
    assert (at_last.json["job"], at_last.json["model"]["name"]) == (None, OTHER)


@pytest.mark.usefixtures("other")
def test_a_page_with_the_model_before_gets_what_is_stored_of_it_and_is_told_about_the_rest(
    script: FlaskClient, image: dict[str, Any], upload: Upload, services: Services
) -> None:
    services.encoder.start()
    encoded(script, image["id"])
    assert change(script, image["project_id"], OTHER, at_once=True).json["model"]["name"] == OTHER
    before = f"?model={TEST_MODEL_SHA256}"
    stored = embedding(script, image["id"], before)
    assert (stored.status_code, stored.headers["X-Limner-Model-Sha256"]) == (200, TEST_MODEL_SHA256)
    assert encoded(script, image["id"]).headers["X-Limner-Model-Sha256"] == OTHER_SHA256
    assert encoded(script, image["id"]).headers["ETag"] != stored.headers["ETag"]
    fresh = upload(png_bytes(seed=7), "fresh.png")["image"]["id"]
    refused = embedding(script, fresh, before)
    assert (refused.status_code, refused.json["error"]["code"]) == (409, "model_changed")
    assert refused.json["error"]["details"] == {"model_sha256": OTHER_SHA256}
    assert embedding(script, fresh, "?model=x").status_code == 422


@pytest.mark.usefixtures("other")
def test_a_change_can_be_cancelled_and_an_empty_project_changes_at_once(
    script: FlaskClient, image: dict[str, Any], project: dict[str, Any], services: Services
) -> None:
    job = change(script, project["id"], OTHER).json["job"]
    assert script.post(f"/api/v1/jobs/{job['id']}/cancel").json["state"] == "cancelled"
    again = change(script, project["id"], OTHER).json["job"]
    assert change(script, project["id"], TEST_MODEL).json["job"] is None  # what it has: the change is off
    assert [each["state"] for each in job_list(script, project)] == ["cancelled", "cancelled"]
    assert again["id"] != job["id"]
    services.encoder.start()
    encoded(script, image["id"])
    assert model_of(script, project["id"])["name"] == TEST_MODEL
    empty = script.post("/api/v1/projects", json={"name": "Empty"}).json["id"]
    assert change(script, empty, OTHER).json == {"model": model_of(script, empty), "job": None}
    assert model_of(script, empty)["name"] == OTHER


def test_a_model_that_is_not_installed_is_refused_with_what_is(script: FlaskClient, project: dict[str, Any]) -> None:
    for name, problem in (("nonesuch", "There is no model called 'nonesuch'"), ("sam_vit_b", "are not installed")):
        refused = change(script, project["id"], name)
        assert (refused.status_code, refused.json["error"]["code"]) == (422, "invalid_input")
        assert problem in refused.json["error"]["message"]
        assert refused.json["error"]["hint"]
    assert change(script, project["id"], "").status_code == 422
    assert change(script, 99, None).status_code == 404
    assert model_of(script, project["id"])["name"] == TEST_MODEL


def test_a_project_whose_model_disappears_uses_that_of_the_installation_and_says_so(
    script: FlaskClient, image: dict[str, Any], services: Services, other: Path
) -> None:
    services.encoder.start()
    change(script, image["project_id"], OTHER, at_once=True)
    encoded(script, image["id"])
    hidden = other.rename(other.with_name("hidden.away"))
    (hidden / "model.json").rename(hidden / "away.json")
    used = model_of(script, image["project_id"])
    assert (used["name"], used["wanted"]) == (TEST_MODEL, OTHER)
    assert "This project uses Testlet meanwhile: its own model otherlet cannot be used." in used["problem"]
    assert encoded(script, image["id"]).headers["X-Limner-Model-Sha256"] == TEST_MODEL_SHA256
    assert script.get(f"/api/v1/models/{OTHER_SHA256}/manifest").status_code == 404
    (hidden / "away.json").rename(hidden / "model.json")
    assert model_of(script, image["project_id"])["problem"] == ""
    assert embedding(script, image["id"]).headers["X-Limner-Model-Sha256"] == OTHER_SHA256


@pytest.mark.usefixtures("other")
def test_suggestions_are_asked_of_the_model_that_the_project_uses(
    script: FlaskClient, upload: Upload, project: dict[str, Any], services: Services
) -> None:
    image_id = upload(png_bytes(), "a.png")["image"]["id"]
    everything = {"source": "everything", "points_per_side": 4}
    change(script, project["id"], OTHER, at_once=True)
    assert script.post(f"/api/v1/images/{image_id}/suggestions", json={"request": everything}).status_code == 202
    job = {"kind": "suggest", "request": everything}
    assert script.post(f"/api/v1/projects/{project['id']}/jobs", json=job).status_code == 201
    with services.database.read() as session:
        rows = [*session.scalars(select(JobItem)), *session.scalars(select(Job))]
        assert [row.payload["model_sha256"] for row in rows] == [OTHER_SHA256] * 2


def test_a_damaged_card_takes_no_other_model_along(
    script: FlaskClient, project: dict[str, Any], settings: Settings, other: Path
) -> None:
    change(script, project["id"], OTHER)
    (install_card(settings.home, "broken", "b" * 64) / "model.json").write_text("{}")
    assert model_of(script, project["id"])["name"] == OTHER
    (other / "model.json").write_text("{}")
    assert model_of(script, project["id"])["name"] == TEST_MODEL
    assert {model["name"] for model in script.get("/api/v1/models").json["models"] if model["installed"]} >= {
        TEST_MODEL
    }


@pytest.mark.usefixtures("other")
def test_the_command_line_shows_and_changes_a_projects_model(
    script: FlaskClient, image: dict[str, Any], project: dict[str, Any], settings: Settings
) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        environment = {"LIMNER_MODEL": TEST_MODEL}
        command = ["model", *arguments, "--home", str(settings.home)]
        result = CliRunner().invoke(project_command, command, env=environment)
        return result.exit_code, result.output

    assert run("Cats") == (0, f"{TEST_MODEL}\tTestlet\tthe installation's\n")
    code, output = run("Cats", OTHER)
    assert code == 0
    assert "uses testlet until its images are encoded, 1 of them (job" in output
    assert job_list(script, project)[0]["kind"] == "change_model"
    assert run("Cats", OTHER, "--at-once") == (0, f"Cats uses {OTHER}.\n")
    assert run("Cats") == (0, f"{OTHER}\tOtherlet\tits own\n")
    assert run("Cats", "--default", "--at-once") == (0, f"Cats uses {TEST_MODEL}.\n")
    assert model_of(script, image["project_id"])["wanted"] is None
