"""Webhooks: what happens in a project is told to a real HTTP receiver, signed, again when it fails, never inside."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from limner.errors import InvalidInput
from limner.jobs.outgoing import check_url
from limner.jobs.webhooks import Deliverer
from limner.service.wiring import Services
from limner.store import Database
from limner.store.learning import end_run
from limner.store.projects import create_project
from limner.store.tables import JobItem, LearningRun, WebhookDelivery
from limner.store.types import utc_now
from limner.store.webhooks import DELIVER, KEPT_DELIVERIES, create_webhook, last_deliveries, tell
from tests.api.conftest import creation
from tests.api.test_statistics import send
from tests.api.test_work import mark
from tests.receiver import Authority, Receiver, receiving

EVENTS = ["image.submitted", "image.approved", "project.exported", "learning.done"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as kept:
        yield kept


@pytest.fixture
def deliverer(services: Services) -> Deliverer:
    return Deliverer(services.database, "test", private=True)


@pytest.fixture
def hook(script: FlaskClient, project: dict[str, Any], receiver: Receiver) -> dict[str, Any]:
    answer = script.post(f"/api/v1/projects/{project['id']}/webhooks", json={"url": receiver.url, "events": EVENTS})
    assert answer.status_code == 201, answer.json
    return dict(answer.json)


def deliveries(script: FlaskClient, project: dict[str, Any], hook: dict[str, Any]) -> list[dict[str, Any]]:
    answer = script.get(f"/api/v1/projects/{project['id']}/webhooks/{hook['webhook']['id']}/deliveries")
    return list(answer.json["deliveries"])


def make_due(database: Database) -> None:
    """The pauses are over."""
    with database.write() as session:
        session.execute(update(JobItem).values(not_before=utc_now() - timedelta(seconds=1)))


def _learn(services: Services, project_id: int) -> None:
    """A run of a project that has learned something."""
    with services.database.write() as session:
        run = LearningRun(project_id=project_id, kind="model", state="running", recipe={}, result="demo-1")
        run.snapshot, run.snapshot_sha256, run.parent, run.parent_sha256 = "then", "0" * 64, "samlet", "1" * 64
        run.figures, run.progress = {"better": True}, {}
        session.add(run)
        session.flush()
        end_run(session, run, "done")


def test_what_happens_is_told_signed_and_in_its_order(
    script: FlaskClient,
    services: Services,
    project: dict[str, Any],
    image: dict[str, Any],
    hook: dict[str, Any],
    receiver: Receiver,
    deliverer: Deliverer,
) -> None:
    send(script, image, creation(), mark("submitted"), mark("submitted"), mark("approved"))
    assert script.get(f"/api/v1/projects/{project['id']}/export").status_code == 200
    _learn(services, project["id"])
    assert deliverer.deliver_due() == 4
    assert receiver.types == EVENTS
    learned = json.loads(receiver.got[3][1])["data"]
    assert (learned["kind"], learned["result"], learned["better"]) == ("model", "demo-1", True)
    headers, body = receiver.got[0]
    assert json.loads(body)["data"]["image_id"] == image["id"]
    assert json.loads(body)["data"]["project_id"] == project["id"]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = b64decode(hook["secret"].removeprefix("whsec_"))
    digest = b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{digest}"
    assert len({each[0]["webhook-id"] for each in receiver.got}) == len(EVENTS)
    assert [each["state"] for each in deliveries(script, project, hook)] == ["delivered"] * len(EVENTS)
    assert deliverer.deliver_due() == 0


def test_what_is_not_taken_is_tried_again_after_growing_pauses_until_it_is(
    script: FlaskClient,
    project: dict[str, Any],
    image: dict[str, Any],
    hook: dict[str, Any],
    receiver: Receiver,
    deliverer: Deliverer,
    services: Services,
) -> None:
    receiver.status = 503
    send(script, image, mark("submitted"))
    pauses = []
    for attempt in (1, 2, 3):
        assert deliverer.deliver_due() == 1
        assert deliverer.deliver_due() == 0  # not before the pause is over
        (each,) = deliveries(script, project, hook)
        assert (each["state"], each["attempts"], each["status"]) == ("waiting", attempt, 503)
        with services.database.read() as session:
            due = session.scalars(select(JobItem.not_before).where(JobItem.kind == DELIVER)).one()
        pauses.append((due - utc_now()).total_seconds())
        make_due(services.database)
    assert pauses[0] < pauses[1] < pauses[2]
    receiver.status = 204
    assert deliverer.deliver_due() == 1
    (each,) = deliveries(script, project, hook)
    assert (each["state"], each["attempts"], each["status"]) == ("delivered", 4, 204)
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1


@pytest.mark.parametrize(("status", "state"), [(302, "waiting"), (410, "failed")])
def test_redirects_are_not_followed_and_who_is_gone_is_not_asked_again(
    script: FlaskClient,
    project: dict[str, Any],
    image: dict[str, Any],
    hook: dict[str, Any],
    receiver: Receiver,
    deliverer: Deliverer,
    status: int,
    state: str,
) -> None:
    receiver.status = status
    send(script, image, mark("submitted"))
    assert deliverer.deliver_due() == 1
    (each,) = deliveries(script, project, hook)
    assert (each["state"], each["status"], len(receiver.got)) == (state, status, 1)


def test_addresses_inside_are_refused_before_anything_is_sent(
    script: FlaskClient,
    project: dict[str, Any],
    image: dict[str, Any],
    hook: dict[str, Any],
    receiver: Receiver,
    services: Services,
) -> None:
    send(script, image, mark("submitted"))
    assert Deliverer(services.database, "test", private=False).deliver_due() == 1
    (each,) = deliveries(script, project, hook)
    assert (each["state"], each["status"], receiver.got) == ("failed", None, [])
    assert "private network" in each["message"]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/",
        "https://",
        "example.org",
        "http://a:b@example.org/",
        "http://example.org:99999/",
        "http://é.org/",
    ],
)
def test_addresses_that_cannot_be_asked_are_refused_at_once(
    script: FlaskClient, project: dict[str, Any], url: str
) -> None:
    with pytest.raises(InvalidInput):
        check_url(url)
    answer = script.post(f"/api/v1/projects/{project['id']}/webhooks", json={"url": url, "events": EVENTS})
    assert (answer.status_code, answer.json["error"]["code"]) == (422, "invalid_input")


def test_the_secret_is_told_once_and_a_test_is_delivered(
    script: FlaskClient, project: dict[str, Any], hook: dict[str, Any], receiver: Receiver, deliverer: Deliverer
) -> None:
    address = f"/api/v1/projects/{project['id']}/webhooks"
    listed = script.get(address)
    assert [each["url"] for each in listed.json["webhooks"]] == [receiver.url]
    assert hook["secret"] not in listed.text
    answer = script.post(f"{address}/{hook['webhook']['id']}/test")
    assert (answer.status_code, answer.json["state"]) == (202, "waiting")
    deliverer.deliver_due()
    assert receiver.types == ["test"]


def test_a_webhook_that_is_removed_is_told_nothing_more(
    script: FlaskClient,
    project: dict[str, Any],
    image: dict[str, Any],
    hook: dict[str, Any],
    receiver: Receiver,
    deliverer: Deliverer,
) -> None:
    send(script, image, mark("submitted"))
    address = f"/api/v1/projects/{project['id']}/webhooks/{hook['webhook']['id']}"
    assert script.delete(address).status_code == 204
    assert (deliverer.deliver_due(), receiver.got) == (0, [])
    assert script.get(f"{address}/deliveries").status_code == 404


def test_on_both_databases_only_the_last_deliveries_are_kept(database: Database, receiver: Receiver) -> None:
    with database.write() as session:
        project_id = create_project(session, "Cats").id
        webhook_id = create_webhook(session, project_id, receiver.url, ["image.submitted"], None).id
        assert tell(session, project_id, "image.approved", {}) == 0
    deliverer = Deliverer(database, "test", private=True)
    for _ in range(2):
        with database.write() as session:
            for _ in range(KEPT_DELIVERIES // 2 + 5):
                assert tell(session, project_id, "image.submitted", {}) == 1
        assert deliverer.deliver_due() == KEPT_DELIVERIES // 2 + 5
    with database.write() as session:
        tell(session, project_id, "image.submitted", {})
        count = session.scalar(select(func.count()).select_from(WebhookDelivery))
        assert (count, session.scalar(select(func.count()).select_from(JobItem))) == (KEPT_DELIVERIES, 1)
        assert last_deliveries(session, webhook_id)[0].state == "waiting"


def test_over_https_a_certificate_of_a_known_authority_for_this_name_is_taken_and_no_other(
    script: FlaskClient,
    project: dict[str, Any],
    deliverer: Deliverer,
    services: Services,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authority = Authority(tmp_path)
    address = f"/api/v1/projects/{project['id']}/webhooks"

    def try_with(certificate: Path) -> tuple[dict[str, Any], int]:
        with receiving(certificate) as receiver:
            made = script.post(address, json={"url": receiver.url, "events": EVENTS}).json
            assert script.post(f"{address}/{made['webhook']['id']}/test").status_code == 202
            assert deliverer.deliver_due() == 1
            (each,) = deliveries(script, project, made)
            return each, len(receiver.got)

    unknown, got = try_with(authority.issue("localhost"))
    assert (unknown["state"], unknown["status"], got) == ("waiting", None, 0)
    assert "certificate verify failed" in unknown["message"]
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate()))
    known, got = try_with(authority.issue("localhost"))
    assert (known["state"], known["status"], got) == ("delivered", 200, 1)
    other, got = try_with(authority.issue("elsewhere.example"))
    assert (other["state"], other["status"], got) == ("waiting", None, 0)
    assert "Hostname mismatch" in other["message"]


def test_a_webhook_that_is_switched_off_is_told_nothing_until_it_is_switched_on(
    script: FlaskClient,
    project: dict[str, Any],
    image: dict[str, Any],
    hook: dict[str, Any],
    receiver: Receiver,
    deliverer: Deliverer,
) -> None:
    address = f"/api/v1/projects/{project['id']}/webhooks/{hook['webhook']['id']}"
    assert script.patch(address, json={"enabled": False}).json["enabled"] is False
    send(script, image, mark("submitted"))
    assert (deliverer.deliver_due(), receiver.got) == (0, [])
    assert script.patch(address, json={"enabled": True}).json["enabled"] is True
    send(script, image, mark("approved"))
    assert deliverer.deliver_due() == 1
    assert receiver.types == ["image.approved"]
    assert script.patch(address, json={"enabled": "yes"}).status_code == 422


def test_webhooks_are_in_the_audit_log_without_what_their_address_keeps_secret(
    script: FlaskClient, project: dict[str, Any], services: Services
) -> None:
    address = f"/api/v1/projects/{project['id']}/webhooks"
    made = script.post(address, json={"url": "https://example.org/a?key=secret", "events": ["image.approved"]}).json
    each = f"{address}/{made['webhook']['id']}"
    assert script.patch(each, json={"enabled": False}).status_code == 200
    assert script.patch(each, json={"enabled": False}).status_code == 200  # changes nothing
    assert script.delete(each).status_code == 204
    entries = [entry for entry in script.get("/api/v1/audit").json["entries"] if entry["target"] == "webhook"]
    assert [entry["action"] for entry in reversed(entries)] == ["webhook.create", "webhook.change", "webhook.delete"]
    assert [entry["details"]["enabled"] for entry in reversed(entries)] == [True, False, False]
    assert all(entry["details"]["url"] == "https://example.org/a" for entry in entries)
    assert "secret" not in json.dumps(entries)
