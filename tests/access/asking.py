"""Asking every route of the URL map, with a good request about rows that exist."""

from __future__ import annotations

import io
import re
import uuid
from collections.abc import Collection
from typing import Any

from apiflask import APIFlask
from flask.testing import FlaskClient

from limner.api.guard import OPEN_ENDPOINTS
from tests.api.conftest import creation
from tests.conftest import png_bytes

CONVERTER = re.compile(r"<(?:(\w+)(?:\(([^)]*)\))?:)?(\w+)>")
WEBHOOK = {"url": "https://example.org/hook", "events": ["image.submitted"]}
PASSWORD = "violet anchors hum quietly"
LAST = (
    "images.delete_image",
    "projects.delete_project",
    "people.forget_person",
    "account.revoke_token",
    "session.sign_out",
)

Answers = dict[str, tuple[int, str]]  # endpoint -> status and the error's code
Rows = dict[str, Any]


def rows_of(owner: FlaskClient, project_id: int, image_id: int) -> Rows:
    """Keys of rows in a project, and of somebody who is a member there, by the names that addresses give them."""
    project = f"/api/v1/projects/{project_id}"
    category_id = owner.get(project).json["categories"][0]["id"]
    job_id = owner.post(f"{project}/jobs", json={"kind": "precompute"}).json["id"]
    invited = owner.post(f"{project}/invitations", json={"role": "viewer"}).json
    person = f"person {uuid.uuid4()}"
    accepted = owner.application.test_client().post(
        "/api/v1/invitation/accept", json={"token": invited["token"], "name": person, "password": PASSWORD}
    )
    assert accepted.status_code == 201, accepted.json
    deleted = {"files": (io.BytesIO(png_bytes(seed=99)), "deleted.png")}
    trashed_id = owner.post(f"{project}/images", data=deleted).json["results"][0]["image"]["id"]
    assert owner.delete(f"/api/v1/images/{trashed_id}").status_code == 204
    drawn = owner.post(f"/api/v1/images/{image_id}/operations", json=creation(category_id), headers={"If-Match": '"0"'})
    assert drawn.status_code == 200, drawn.json
    return {
        "project_id": project_id,
        "uid": drawn.json["annotation"]["uid"],
        "image_id": image_id,
        "trashed_id": trashed_id,
        "category_id": category_id,
        "comment_id": owner.post(
            f"/api/v1/images/{image_id}/comments", json={"uid": str(uuid.uuid4()), "text": "?"}
        ).json["id"],
        "webhook_id": owner.post(f"{project}/webhooks", json=WEBHOOK).json["webhook"]["id"],
        "job_id": job_id,
        "identity_id": 1,
        "user_id": accepted.json["user"]["id"],
        "person": person,
        "run_id": owner.post(f"{project}/learning", json={"kind": "detector"}).json["id"],
        "snapshot_id": owner.post(f"{project}/snapshots", json={"name": f"before {uuid.uuid4()}"}).json["id"],
        "invitation_id": owner.post(f"{project}/invitations", json={"role": "viewer"}).json["invitation"]["id"],
        "second_invitation_id": owner.post("/api/v1/invitations", json={}).json["invitation"]["id"],
    }


def new_project(owner: FlaskClient) -> Rows:
    """A project with something of everything."""
    project_id = owner.post("/api/v1/projects", json={"name": "Cats", "categories": [{"name": "cat"}]}).json["id"]
    files = {"files": (io.BytesIO(png_bytes()), "cat.png")}
    uploaded = owner.post(f"/api/v1/projects/{project_id}/images", data=files).json["results"][0]
    return rows_of(owner, project_id, uploaded["image"]["id"])


def ask(app: APIFlask, client: FlaskClient, rows: Rows, leave_out: Collection[str] = ()) -> Answers:
    """The answer of every closed route but some; what destroys comes last."""
    bodies: dict[str, dict[str, Any]] = {
        "account.create_token": {"json": {"name": f"token {uuid.uuid4()}"}},
        "account.set_password": {"json": {"new": PASSWORD}},
        "account.update_account": {"json": {"name": f"name {uuid.uuid4()}"}},
        "agreement.settle_image": {
            "json": {"revision": 1, "seen": [{"copy_id": 1, "revision": 1}], "masks": []},
        },
        "annotations.apply": {"json": creation(rows["category_id"]), "headers": {"If-Match": '"1"'}},
        "categories.create_category": {"json": {"name": f"dog {uuid.uuid4()}"}},
        "categories.update_category": {"json": {"name": "lynx"}},
        "comments.add_comment": {"json": {"uid": str(uuid.uuid4()), "text": "Look here."}},
        "comments.resolve_thread": {"json": {"resolved": True}},
        "imports.import_annotations": {"json": {"categories": [], "images": [], "annotations": []}},
        "images.count_empty_images": {"json": {"image_ids": None}},
        "images.change_images": {"json": {"image_ids": [], "change": {"action": "delete"}}},
        "images.upload_images": {"data": {"files": (io.BytesIO(b"no image"), "x.png")}},
        "jobs.create_job": {"json": {"kind": "precompute"}},
        "learning.begin": {"json": {"kind": "detector"}},
        "learning.use_version": {"json": {}},
        "members.create_invitation": {"json": {"role": "viewer"}},
        "members.set_member": {"json": {"name": rows["person"], "role": "annotator"}},
        "statistics.get_effort": {"query_string": {"by": "day"}},
        "snapshots.take_snapshot": {"json": {"name": f"snapshot {uuid.uuid4()}"}},
        "suggestions.request_suggestions": {"json": {"request": {"source": "everything"}}},
        "trash.delete_for_good": {"json": {"image_ids": []}},
        "trash.restore": {"json": {"image_ids": []}},
        "images.get_masks_picture": {"query_string": {"revision": 1}},
        "verification.get_crop": {"query_string": {"revision": 1}},
        "verification.get_error_rates": {"query_string": {"by": "person"}},
        "verification.judge_mask": {"json": {"revision": 1, "verdict": "wrong"}},
        "people.create_invitation": {"json": {"role": "member"}},
        "people.update_person": {"json": {"role": "member"}},
        "projects.create_project": {"json": {"name": "Dogs"}},
        "projects.put_model": {"json": {"model": None}},
        "projects.update_project": {"json": {"name": "Lynxes"}},
        "webhooks.create_webhook": {"json": WEBHOOK},
        "webhooks.change_webhook": {"json": {"enabled": True}},
        "work.assign_images": {"json": {"to": []}},
        "work.set_gold": {"json": {"image_ids": [rows["image_id"]], "gold": False}},
        "work.take_next": {"json": {}},
    }
    answers = {}
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint not in {*OPEN_ENDPOINTS, *leave_out}]
    for rule in sorted(
        rules, key=lambda rule: (rule.endpoint in LAST, "DELETE" in (rule.methods or ()), rule.endpoint)
    ):
        (method,) = (rule.methods or set()) - {"HEAD", "OPTIONS"}
        known = dict(rows)
        if rule.endpoint == "people.withdraw_invitation":
            known["invitation_id"] = rows["second_invitation_id"]
        if rule.endpoint in ("server.pull_model", "server.cancel_pull"):
            known["name"] = "mobile_sam"

        def value(match: re.Match[str], known: Rows = known) -> str:
            converter, arguments, name = match.groups()
            return str(arguments).split(",")[0] if converter == "any" else str(known.get(name, "x"))

        request = {**bodies.get(rule.endpoint, {}), "buffered": rule.endpoint != "events.stream_events"}
        answer = client.open(CONVERTER.sub(value, rule.rule), method=method, **request)
        code = answer.json["error"]["code"] if answer.status_code >= 400 else ""
        answers[rule.endpoint] = (answer.status_code, code)
        answer.close()
    return answers
