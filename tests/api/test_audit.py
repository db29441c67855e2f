"""The audit log: written with what it tells of, or not at all; read by owners; changed by nobody."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from apiflask import APIFlask
from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from limner.access import ProjectRole
from limner.cli import cli
from limner.config import Settings
from limner.service.wiring import Services
from limner.store import Database
from limner.store.people import set_member
from limner.store.tables import AuditEntry, User
from tests.access.test_roles import client_of, person_with
from tests.api.conftest import new_uid

Json = dict[str, Any]


def actions(client: FlaskClient, **query: Any) -> list[str]:
    answer = client.get("/api/v1/audit", query_string={"limit": 200, **query})
    assert answer.status_code == 200, answer.json
    return [each["action"] for each in answer.json["entries"]][::-1]


def test_what_people_do_to_people_projects_and_data_is_written_down(
    script: FlaskClient, project: Json, image: Json
) -> None:
    address = f"/api/v1/projects/{project['id']}"
    invited = script.post(f"{address}/invitations", json={"role": "viewer"}).json["invitation"]["id"]
    script.delete(f"{address}/invitations/{invited}")
    script.patch(address, json={"name": "Lions"})
    script.get(f"{address}/export")
    snapshot = script.post(f"{address}/snapshots", json={"name": "before"}).json["id"]
    script.get(f"/api/v1/snapshots/{snapshot}/file")
    script.delete(f"/api/v1/snapshots/{snapshot}")
    script.post("/api/v1/account/tokens", json={"name": "training", "scopes": ["read"]})
    script.delete("/api/v1/account/tokens/training")
    mark = {"kind": "mark", "uid": new_uid(), "state": "returned", "note": "the tail", "to": "anyone"}
    operation = {"operation_id": new_uid(), "operation": mark}
    for _ in range(2):  # sent again it is done once
        script.post(f"/api/v1/images/{image['id']}/operations", json=operation, headers={"If-Match": '"0"'})
    script.delete(f"/api/v1/images/{image['id']}")
    script.delete(address)
    assert actions(script) == [
        "project.create",
        "invitation.create",
        "invitation.withdraw",
        "project.change",
        "annotations.export",
        "snapshot.take",
        "annotations.export",
        "snapshot.delete",
        "token.create",
        "token.revoke",
        "image.return",
        "image.delete",
        "project.delete",
    ]
    entries = script.get("/api/v1/audit", query_string={"action": "image.return"}).json["entries"]
    (returned,) = entries
    assert (returned["by"], returned["target"], returned["target_id"], returned["project_id"]) == (
        "admin",
        "image",
        image["id"],
        project["id"],
    )
    assert returned["details"] == {"to": "anyone", "note": "the tail"}
    assert returned["credential"] == "token"
    assert len(returned["key"]) == 16


def test_an_entry_names_the_request_and_the_session(browser: FlaskClient) -> None:
    answer = browser.post("/api/v1/projects", json={"name": "Dogs"})
    (entry,) = browser.get("/api/v1/audit", query_string={"action": "project.create"}).json["entries"]
    assert entry["request"] == answer.headers["X-Request-Id"]
    (session,) = browser.get("/api/v1/account").json["sessions"]
    assert (entry["credential"], entry["key"]) == ("session", session["key"])
    assert actions(browser)[0] == "sign_in"


def test_what_is_refused_or_fails_is_not_written_down(
    app: APIFlask, services: Services, script: FlaskClient, project: Json
) -> None:
    user_id = person_with(services, "Ada")
    with services.database.write() as session:
        set_member(session, project["id"], session.get_one(User, user_id), ProjectRole.VIEWER)
    client = client_of(app, services, user_id)
    before = actions(script)
    assert client.delete(f"/api/v1/projects/{project['id']}").status_code == 403
    assert client.get(f"/api/v1/projects/{project['id']}/export").status_code == 403
    assert client.get("/api/v1/audit").status_code == client.get("/api/v1/audit.csv").status_code == 403
    (admin,) = [each for each in script.get("/api/v1/people").json["people"] if each["name"] == "admin"]
    last_owner = script.patch(f"/api/v1/people/{admin['id']}", json={"role": "member"})
    assert last_owner.status_code == 409
    taken = script.post("/api/v1/account/tokens", json={"name": "test", "scopes": ["read"]})
    assert taken.status_code == 409
    assert actions(script) == before


def test_entries_are_chosen_and_paged(script: FlaskClient) -> None:
    made = [script.post("/api/v1/projects", json={"name": f"p{index}"}).json["id"] for index in range(5)]
    seen: list[int] = []
    query: Json = {"limit": 2, "action": "project.create"}
    for _ in range(5):
        page = script.get("/api/v1/audit", query_string=query).json
        seen += [each["target_id"] for each in page["entries"]]
        if page["next"] is None:
            break
        query["before"] = page["next"]
    assert seen == made[::-1]
    assert actions(script, project=made[0]) == ["project.create"]
    assert actions(script, person=99) == []
    assert actions(script, since="2100-01-01T00:00:00Z") == []
    assert actions(script, until="2100-01-01T00:00:00Z", action="project.create") == ["project.create"] * 5


def test_who_manages_a_project_reads_what_was_done_there_and_nothing_else(
    app: APIFlask, services: Services, script: FlaskClient, project: Json
) -> None:
    address = f"/api/v1/projects/{project['id']}"
    ada, eve = person_with(services, "Ada"), person_with(services, "Eve")
    with services.database.write() as session:
        set_member(session, project["id"], session.get_one(User, ada), ProjectRole.MANAGER)
        set_member(session, project["id"], session.get_one(User, eve), ProjectRole.REVIEWER)
    manager, reviewer = client_of(app, services, ada), client_of(app, services, eve)
    manager.patch(address, json={"name": "Lions"})
    other = script.post("/api/v1/projects", json={"name": "Dogs"}).json["id"]

    log = manager.get(f"{address}/audit", query_string={"limit": 1}).json
    assert [(each["by"], each["action"]) for each in log["entries"]] == [("Ada", "project.change")]
    assert {each["name"] for each in log["people"]} == {"Ada", "admin"}
    older = manager.get(f"{address}/audit", query_string={"before": log["next"]}).json
    assert [each["action"] for each in older["entries"]] == ["project.create"]
    assert (older["people"], older["next"]) == ([], None)
    table = manager.get(f"{address}/audit.csv", query_string={"person": ada})
    assert [row["action"] for row in csv.DictReader(io.StringIO(table.text))] == ["project.change"]
    assert script.get(f"{address}/audit").json["entries"] == manager.get(f"{address}/audit").json["entries"]

    for file in ("audit", "audit.csv"):
        assert reviewer.get(f"{address}/{file}").status_code == 403
        assert manager.get(f"/api/v1/projects/{other}/{file}").status_code == 404
        assert manager.get(f"/api/v1/{file}").status_code == 403
        assert manager.get(f"{address}/{file}", query_string={"project": other}).status_code == 422


@pytest.mark.parametrize(
    "query",
    [{"action": "everything"}, {"since": "yesterday"}, {"since": "2026-01-01T00:00:00"}, {"limit": 0}, {"x": 1}],
)
def test_questions_that_make_no_sense_are_refused(script: FlaskClient, query: Json) -> None:
    assert script.get("/api/v1/audit", query_string=query).status_code == 422


def test_the_table_runs_nothing_in_a_spreadsheet_and_the_command_prints_it_too(
    script: FlaskClient, settings: Settings
) -> None:
    script.patch("/api/v1/account", json={"name": "=cmd"})
    script.post("/api/v1/projects", json={"name": "Dogs"})
    answer = script.get("/api/v1/audit.csv")
    assert answer.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["person"], row["action"]) for row in rows] == [
        ("'=cmd", "project.create"),
        ("'=cmd", "account.rename"),
    ]
    printed = CliRunner().invoke(cli, ["audit", "--home", str(settings.home), "--action", "project.create"])
    assert printed.exit_code == 0, printed.output
    assert [row["number"] for row in csv.DictReader(io.StringIO(printed.output))] == [rows[0]["number"]]


def test_the_database_itself_refuses_to_change_it(database: Database) -> None:
    entry = {"user_id": 1, "credential": "local", "key": "", "request_id": "", "action": "sign_in", "target": "session"}
    with database.write() as session:
        session.add(AuditEntry(**entry, details={}))
    for statement in ("UPDATE audit_entries SET user_id = 2", "DELETE FROM audit_entries"):
        with pytest.raises(DBAPIError, match="only ever added to"), database.write() as session:
            session.execute(text(statement))
    with database.read() as session:
        assert session.scalar(text("SELECT user_id FROM audit_entries")) == 1


def test_no_route_changes_it(app: APIFlask) -> None:
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/") and "audit" in rule.rule]
    assert {method for rule in rules for method in rule.methods or ()} <= {"GET", "HEAD", "OPTIONS"}
    assert len(rules) == 4
