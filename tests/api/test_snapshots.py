"""Snapshots over HTTP: taken, read, compared, deleted; their files are swept, checked and backed up."""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from limner.blobs import snapshot_key
from limner.jobs.sweep import find_unreferenced, sweep
from limner.maintenance.backup import back_up
from limner.maintenance.check import check
from limner.service import snapshots as service
from limner.service.wiring import Services
from limner.store.types import utc_now
from tests.api.conftest import Upload, creation
from tests.conftest import png_bytes

LATER = timedelta(hours=25)


def save(script: FlaskClient, image: dict[str, Any], revision: int, operation: dict[str, Any]) -> int:
    answer = script.post(
        f"/api/v1/images/{image['id']}/operations", json=operation, headers={"If-Match": f'"{revision}"'}
    )
    assert answer.status_code == 200, answer.json
    return int(answer.json["revision"])


def take(script: FlaskClient, project: dict[str, Any], name: str) -> dict[str, Any]:
    answer = script.post(f"/api/v1/projects/{project['id']}/snapshots", json={"name": name})
    assert answer.status_code == 201, answer.json
    return dict(answer.json)


def file_of(script: FlaskClient, snapshot: dict[str, Any]) -> bytes:
    answer = script.get(f"/api/v1/snapshots/{snapshot['id']}/file")
    assert answer.status_code == 200
    return bytes(answer.data)


def test_a_snapshot_stays_as_it_was_whatever_is_edited(
    script: FlaskClient, project: dict[str, Any], image: dict[str, Any]
) -> None:
    revision = save(script, image, 0, creation())
    exported = script.get(f"/api/v1/projects/{project['id']}/export").data
    snapshot = take(script, project, "before training")
    assert (snapshot["images"], snapshot["annotations"], snapshot["user"]) == (1, 1, "admin")
    revision = save(script, image, revision, creation())
    script.patch(f"/api/v1/projects/{project['id']}", json={"name": "Other cats"})
    assert file_of(script, snapshot) == exported
    assert hashlib.sha256(exported).hexdigest() == snapshot["sha256"]
    script.delete(f"/api/v1/images/{image['id']}")
    assert file_of(script, snapshot) == exported
    assert script.get(f"/api/v1/projects/{project['id']}/snapshots").json["snapshots"] == [snapshot]


def test_two_snapshots_and_now_are_compared(
    script: FlaskClient, project: dict[str, Any], image: dict[str, Any], upload: Upload
) -> None:
    first_operation = creation()
    revision = save(script, image, 0, first_operation)
    first = take(script, project, "first")
    second_operation = creation()
    revision = save(script, image, revision, second_operation)
    second = take(script, project, "second")
    uid = first_operation["operation"]["uid"]
    save(script, image, revision, {"operation_id": str(uuid.uuid4()), "operation": {"kind": "delete", "uid": uid}})
    upload(png_bytes(9, 9), "new.png")

    between = script.get(f"/api/v1/snapshots/{first['id']}/diff?after={second['id']}").json
    assert (between["added"], between["removed"], between["unchanged"]) == (1, 0, 1)
    assert [each["uid"] for each in between["differences"]] == [second_operation["operation"]["uid"]]
    now = script.get(f"/api/v1/snapshots/{second['id']}/diff").json
    assert (now["added"], now["removed"], now["images_added"]) == (0, 1, ["new.png"])
    assert now["differences"][0] == {
        "kind": "removed",
        "uid": uid,
        "image_id": image["id"],
        "file_name": "cat.png",
        "iou": None,
        "changes": [],
        "before": now["differences"][0]["before"],
        "after": None,
    }


def test_a_name_is_taken_once_in_a_project(script: FlaskClient, project: dict[str, Any]) -> None:
    take(script, project, "one")
    again = script.post(f"/api/v1/projects/{project['id']}/snapshots", json={"name": " one "})
    assert (again.status_code, again.json["error"]["code"]) == (409, "snapshot_exists")
    other = script.post("/api/v1/projects", json={"name": "Dogs"}).json
    assert take(script, other, "one")["project_id"] == other["id"]


def test_snapshots_of_different_projects_are_not_compared(script: FlaskClient, project: dict[str, Any]) -> None:
    mine = take(script, project, "one")
    other = take(script, script.post("/api/v1/projects", json={"name": "Dogs"}).json, "one")
    answer = script.get(f"/api/v1/snapshots/{mine['id']}/diff?after={other['id']}")
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "other_project")


def test_the_file_of_a_deleted_snapshot_goes_a_day_later_unless_another_one_is_the_same(
    script: FlaskClient, project: dict[str, Any], services: Services
) -> None:
    first, same = take(script, project, "first"), take(script, project, "same")
    assert first["sha256"] == same["sha256"]
    key, tomorrow = snapshot_key(first["sha256"]), utc_now() + LATER
    assert script.delete(f"/api/v1/snapshots/{first['id']}").status_code == 204
    assert sweep(services.database, services.blobs, "test", tomorrow) == 0
    assert services.blobs.exists(key)
    assert script.delete(f"/api/v1/snapshots/{same['id']}").status_code == 204
    assert services.blobs.exists(key)
    assert sweep(services.database, services.blobs, "test", tomorrow) == 1
    assert not services.blobs.exists(key)


def test_files_that_a_deleted_project_leaves_are_swept(
    script: FlaskClient, project: dict[str, Any], services: Services
) -> None:
    snapshot = take(script, project, "last")
    assert find_unreferenced(services.database, services.blobs) == 0
    assert script.delete(f"/api/v1/projects/{project['id']}").status_code == 204
    assert sweep(services.database, services.blobs, "test", utc_now() + LATER) == 1
    assert not services.blobs.exists(snapshot_key(snapshot["sha256"]))


def test_a_file_without_a_row_is_found_by_the_walk(
    project: dict[str, Any], services: Services, script: FlaskClient
) -> None:
    services.blobs.put(snapshot_key("5a" * 32), b"left by a process that was killed")
    assert find_unreferenced(services.database, services.blobs) == 1


def test_a_damaged_or_missing_file_is_named(script: FlaskClient, project: dict[str, Any], services: Services) -> None:
    key = snapshot_key(take(script, project, "one")["sha256"])
    assert list(check(services.database, services.blobs, max_pixels=10**6)) == []
    services.blobs.put(key, b"{}", replace=True)
    (damaged,) = check(services.database, services.blobs, max_pixels=10**6)
    services.blobs.delete(key)
    (missing,) = check(services.database, services.blobs, max_pixels=10**6)
    assert [(each.key, each.fault) for each in (damaged, missing)] == [(key, "damaged"), (key, "missing")]


def test_of_two_who_take_one_name_at_once_one_is_refused(
    script: FlaskClient, project: dict[str, Any], services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def somebody_was_faster(*_: object) -> None:
        monkeypatch.undo()
        take(script, project, "one")

    monkeypatch.setattr(service, "revive", somebody_was_faster)  # between the first look at the name and the row
    answer = script.post(f"/api/v1/projects/{project['id']}/snapshots", json={"name": "one"})
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "snapshot_exists")
    (kept,) = script.get(f"/api/v1/projects/{project['id']}/snapshots").json["snapshots"]
    assert sweep(services.database, services.blobs, "test", utc_now() + LATER) == 0  # what was abandoned is in use
    assert hashlib.sha256(file_of(script, kept)).hexdigest() == kept["sha256"]


def test_a_backup_holds_snapshots(
    script: FlaskClient, project: dict[str, Any], services: Services, tmp_path: Path
) -> None:
    snapshot = take(script, project, "one")
    content = file_of(script, snapshot)
    key = snapshot_key(snapshot["sha256"])
    back_up(services.database, services.blobs, services.settings.home, tmp_path / "backup")
    assert (tmp_path / "backup" / "blobs" / key).read_bytes() == content
    assert json.loads(content)["images"] == []
