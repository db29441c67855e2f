"""Having models fetched over HTTP: who may, how far it is, and calling it off."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient

from limner.models import pulls
from limner.service.wiring import Services


def model(client: FlaskClient, name: str) -> dict[str, Any]:
    """What the list says of a model."""
    return next(each for each in client.get("/api/v1/models").json["models"] if each["name"] == name)


def test_a_model_is_asked_for_seen_on_its_way_and_called_off(script: FlaskClient, services: Services) -> None:
    before = model(script, "mobile_sam")
    assert (before["installed"], before["bundled"], before["pull"]) == (False, False, None)
    assert before["download_bytes"] == 40_728_226
    assert before["source"].startswith("https://")
    for _ in range(2):  # asking twice is asking once
        assert script.post("/api/v1/models/mobile_sam/pull").status_code == 202
    part = services.settings.home / pulls.FOLDER / "mobile_sam.pt.part"
    part.write_bytes(bytes(1000))
    on_its_way = {"state": "pulling", "done": 1000, "total": 40_728_226, "message": "", "hint": ""}
    assert model(script, "mobile_sam")["pull"] == on_its_way
    assert script.delete("/api/v1/models/mobile_sam/pull").status_code == 204
    assert model(script, "mobile_sam")["pull"] is None
    assert part.exists()  # for the next time
    assert script.delete("/api/v1/models/mobile_sam/pull").status_code == 204


def test_a_failure_is_told_until_it_is_asked_for_again(script: FlaskClient, services: Services) -> None:
    script.post("/api/v1/models/sam_vit_b/pull")
    pulls.fail(services.settings.home, "sam_vit_b", "no network: it could not be reached.", "Try again later.")
    told = model(script, "sam_vit_b")["pull"]
    assert (told["state"], told["message"], told["hint"]) == (
        "failed",
        "no network: it could not be reached.",
        "Try again later.",
    )
    script.post("/api/v1/models/sam_vit_b/pull")
    assert model(script, "sam_vit_b")["pull"]["state"] == "pulling"


def test_what_is_unknown_or_installed_is_not_fetched(script: FlaskClient, services: Services) -> None:
    unknown = script.post("/api/v1/models/nothing/pull")
    assert (unknown.status_code, unknown.json["error"]["code"]) == (404, "not_found")
    assert script.delete("/api/v1/models/nothing/pull").status_code == 404
    (services.settings.home / "models" / "mobile_sam").mkdir()
    installed = script.post("/api/v1/models/mobile_sam/pull")
    assert (installed.status_code, installed.json["error"]["code"]) == (409, "conflict")


def test_who_had_a_model_fetched_is_remembered(script: FlaskClient) -> None:
    script.post("/api/v1/models/mobile_sam/pull")
    script.delete("/api/v1/models/mobile_sam/pull")
    entries = script.get("/api/v1/audit").json["entries"]
    told = [(each["action"], each["target"], each["details"]) for each in entries if each["target"] == "model"]
    assert told == [("model.cancel", "model", {"name": "mobile_sam"}), ("model.pull", "model", {"name": "mobile_sam"})]
