"""Every route names the permission that it needs, and refuses whoever has all others but not that one."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient
from sqlalchemy import select

from limner import service
from limner.access import InstallationRole, Permission
from limner.access.permissions import INSTALLATION_WIDE, ROLE_PERMISSIONS
from limner.api.guard import OPEN_ENDPOINTS, check_routes, permission_of
from limner.service.wiring import Services
from limner.store.tables import Base
from tests.access.asking import Answers, ask, rows_of

# endpoint: what it needs. A new route is added here on purpose.
NEEDS = {
    "account.create_token": Permission.OWN_ACCOUNT,
    "account.end_other_sessions": Permission.OWN_ACCOUNT,
    "account.end_session": Permission.OWN_ACCOUNT,
    "account.get_account": Permission.OWN_ACCOUNT,
    "account.revoke_token": Permission.OWN_ACCOUNT,
    "account.set_password": Permission.OWN_ACCOUNT,
    "account.update_account": Permission.OWN_ACCOUNT,
    "annotations.apply": Permission.ANNOTATE,
    "annotations.list_annotations": Permission.VIEW,
    "annotations.list_history": Permission.VIEW,
    "annotations.list_steps": Permission.VIEW,
    "audit.get_audit_table": Permission.READ_AUDIT,
    "audit.get_project_audit_table": Permission.MANAGE_PROJECT,
    "audit.list_audit": Permission.READ_AUDIT,
    "audit.list_project_audit": Permission.MANAGE_PROJECT,
    "categories.create_category": Permission.MANAGE_CATEGORIES,
    "categories.delete_category": Permission.MANAGE_CATEGORIES,
    "categories.update_category": Permission.MANAGE_CATEGORIES,
    "comments.add_comment": Permission.COMMENT,
    "comments.list_comments": Permission.VIEW,
    "comments.resolve_thread": Permission.COMMENT,
    "embeddings.get_embedding": Permission.VIEW,
    "events.stream_events": Permission.VIEW,
    "exports.export_project": Permission.EXPORT,
    "exports.measure_tolerance": Permission.EXPORT,
    "exports.preview_export": Permission.EXPORT,
    "health.metrics": Permission.READ_METRICS,
    "images.change_images": Permission.VIEW,
    "images.count_empty_images": Permission.VIEW,
    "images.delete_image": Permission.MANAGE_IMAGES,
    "images.get_file": Permission.VIEW,
    "images.get_image": Permission.VIEW,
    "images.get_thumbnail": Permission.VIEW,
    "images.get_masks_picture": Permission.VIEW,
    "images.list_images": Permission.VIEW,
    "images.list_folders": Permission.VIEW,
    "images.list_tags": Permission.VIEW,
    "images.upload_images": Permission.MANAGE_IMAGES,
    "imports.import_annotations": Permission.IMPORT,
    "jobs.act_on_job": Permission.RUN_JOBS,
    "jobs.create_job": Permission.RUN_JOBS,
    "jobs.list_failures": Permission.VIEW,
    "jobs.list_jobs": Permission.VIEW,
    "members.create_invitation": Permission.MANAGE_MEMBERS,
    "learning.act_on_run": Permission.MANAGE_PROJECT,
    "learning.begin": Permission.MANAGE_PROJECT,
    "learning.get_stages": Permission.READ_STATISTICS,
    "learning.list_runs": Permission.VIEW,
    "learning.roll_back": Permission.MANAGE_PROJECT,
    "learning.use_version": Permission.MANAGE_PROJECT,
    "members.list_invitations": Permission.MANAGE_MEMBERS,
    "members.list_authors": Permission.VIEW,
    "members.list_members": Permission.VIEW,
    "members.remove_member": Permission.MANAGE_MEMBERS,
    "members.set_member": Permission.MANAGE_MEMBERS,
    "members.withdraw_invitation": Permission.MANAGE_MEMBERS,
    "people.create_invitation": Permission.MANAGE_PEOPLE,
    "people.create_sign_in_link": Permission.MANAGE_PEOPLE,
    "people.forget_person": Permission.MANAGE_PEOPLE,
    "people.list_invitations": Permission.MANAGE_PEOPLE,
    "people.list_people": Permission.MANAGE_PEOPLE,
    "people.update_person": Permission.MANAGE_PEOPLE,
    "people.withdraw_invitation": Permission.MANAGE_PEOPLE,
    "projects.create_project": Permission.CREATE_PROJECT,
    "projects.delete_project": Permission.MANAGE_PROJECT,
    "projects.get_project": Permission.VIEW,
    "projects.put_model": Permission.MANAGE_PROJECT,
    "projects.list_projects": Permission.VIEW,
    "projects.update_project": Permission.MANAGE_PROJECT,
    "server.cancel_pull": Permission.MANAGE_MODELS,
    "server.get_graph": Permission.READ_SERVER,
    "server.get_manifest": Permission.READ_SERVER,
    "server.get_server": Permission.READ_SERVER,
    "server.list_models": Permission.READ_SERVER,
    "server.pull_model": Permission.MANAGE_MODELS,
    "session.get_session": Permission.READ_SERVER,
    "session.sign_out": Permission.OWN_ACCOUNT,
    "sign_in_providers.connect_identity": Permission.OWN_ACCOUNT,
    "sign_in_providers.disconnect": Permission.OWN_ACCOUNT,
    "snapshots.compare_snapshots": Permission.EXPORT,
    "snapshots.delete_snapshot": Permission.MANAGE_PROJECT,
    "snapshots.get_file": Permission.EXPORT,
    "snapshots.list_snapshots": Permission.VIEW,
    "snapshots.take_snapshot": Permission.EXPORT,
    "statistics.get_effort": Permission.READ_FIGURES,
    "statistics.get_effort_table": Permission.READ_FIGURES,
    "statistics.get_gold": Permission.READ_FIGURES,
    "statistics.get_gold_table": Permission.READ_STATISTICS,
    "statistics.get_own": Permission.VIEW,
    "statistics.get_own_table": Permission.VIEW,
    "statistics.get_progress": Permission.VIEW,
    "statistics.get_progress_table": Permission.VIEW,
    "statistics.get_reviews": Permission.READ_FIGURES,
    "suggestions.cancel_suggestions": Permission.ANNOTATE,
    "suggestions.list_detectors": Permission.VIEW,
    "suggestions.list_thresholds": Permission.VIEW,
    "suggestions.list_suggestions": Permission.VIEW,
    "suggestions.request_suggestions": Permission.ANNOTATE,
    "trash.delete_for_good": Permission.MANAGE_IMAGES,
    "trash.get_thumbnail": Permission.MANAGE_IMAGES,
    "trash.list_trash": Permission.MANAGE_IMAGES,
    "trash.restore": Permission.MANAGE_IMAGES,
    "verification.get_crop": Permission.VIEW,
    "verification.get_error_rate_table": Permission.READ_STATISTICS,
    "verification.get_error_rates": Permission.READ_STATISTICS,
    "verification.judge_mask": Permission.REVIEW,
    "agreement.get_agreement": Permission.READ_STATISTICS,
    "agreement.get_agreement_table": Permission.READ_STATISTICS,
    "agreement.list_overlap": Permission.REVIEW,
    "agreement.compare_answers": Permission.REVIEW,
    "agreement.settle_image": Permission.REVIEW,
    "verification.sample_masks": Permission.REVIEW,
    "webhooks.change_webhook": Permission.MANAGE_WEBHOOKS,
    "webhooks.create_webhook": Permission.MANAGE_WEBHOOKS,
    "webhooks.delete_webhook": Permission.MANAGE_WEBHOOKS,
    "webhooks.list_deliveries": Permission.MANAGE_WEBHOOKS,
    "webhooks.list_webhooks": Permission.MANAGE_WEBHOOKS,
    "webhooks.test_webhook": Permission.MANAGE_WEBHOOKS,
    "work.assign_images": Permission.ASSIGN,
    "work.give_back": Permission.ANNOTATE,
    "work.set_gold": Permission.ASSIGN,
    "work.list_workers": Permission.ASSIGN,
    "work.take_next": Permission.ANNOTATE,
}


@pytest.fixture
def grant(monkeypatch: pytest.MonkeyPatch) -> Callable[[frozenset[Permission]], None]:
    """Gives everybody exactly these permissions, as a role with fewer of them would."""
    return lambda permissions: monkeypatch.setitem(
        ROLE_PERMISSIONS,  # type: ignore[arg-type]  # read-only for everybody but this test
        InstallationRole.OWNER,
        permissions,
    )


@pytest.fixture
def ask_everything(app: APIFlask, script: FlaskClient, image: dict[str, Any]) -> Callable[[], Answers]:
    """Sends a good request to every closed route about rows that exist, those that destroy last."""
    rows = rows_of(script, image["project_id"], image["id"])
    return lambda: ask(app, script, rows)


def test_every_route_names_its_permission_or_is_open_for_a_reason(app: APIFlask) -> None:
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    closed = endpoints - OPEN_ENDPOINTS.keys()
    assert {endpoint: permission_of(app, endpoint) for endpoint in closed} == NEEDS
    assert OPEN_ENDPOINTS.keys() <= endpoints
    assert all(reason.strip() for reason in OPEN_ENDPOINTS.values())
    assert set(NEEDS.values()) == set(Permission)


def test_a_route_without_a_permission_keeps_the_server_from_starting(app: APIFlask) -> None:
    app.url_map.add(app.url_rule_class("/api/v1/secrets", endpoint="secrets"))
    with pytest.raises(TypeError, match="secrets"):
        check_routes(app)


@pytest.mark.parametrize("missing", sorted(set(Permission) - {Permission.VIEW}))
def test_who_lacks_one_permission_is_refused_where_it_is_needed_and_nowhere_else(
    missing: Permission, grant: Callable[[frozenset[Permission]], None], ask_everything: Callable[[], Answers]
) -> None:
    grant(frozenset(Permission) - {missing})
    answers = ask_everything()
    refused = {endpoint for endpoint, answer in answers.items() if answer == (403, "forbidden")}
    assert refused == {endpoint for endpoint, needed in NEEDS.items() if needed == missing}


def test_a_strangers_rows_do_not_exist(
    grant: Callable[[frozenset[Permission]], None],
    ask_everything: Callable[[], Answers],
    script: FlaskClient,
    services: Services,
) -> None:
    """Who may do everything but see a project gets the same answer as for a number that nobody has."""
    grant(frozenset(Permission) - {Permission.VIEW})
    before = rows_in(services)
    answers = ask_everything()
    in_projects = {endpoint for endpoint, needed in NEEDS.items() if needed not in INSTALLATION_WIDE}
    nothing_there = {
        "server.get_graph",
        "server.get_manifest",
        "account.end_session",
        "account.revoke_token",
        "sign_in_providers.connect_identity",
        "sign_in_providers.disconnect",
    }
    assert {endpoint for endpoint, answer in answers.items() if answer == (404, "not_found")} == (
        in_projects | nothing_there  # "x" is no model, no session, token, provider or identity, whoever asks
    ) - {"projects.list_projects"}
    assert script.get("/api/v1/projects").json == {"projects": []}
    after = rows_in(services)
    went = {"sessions", "memberships"}  # those of the person who was forgotten: no others, and none came
    assert all(set(after[table]) <= set(before[table]) for table in went)
    assert all(len(before[table]) - len(after[table]) <= 1 for table in went)
    changed = {table for table in after if after[table] != before[table]} - went
    assert changed <= {
        "projects",
        "users",
        "invitations",
        "api_tokens",
        "events",
        "login_links",
        "audit_entries",
    }  # no project's rows
    projects = {line for line in before["projects"] if line not in after["projects"]}
    assert projects == set()
    hidden, absent = script.get("/api/v1/images/1"), script.get("/api/v1/images/1000")
    assert hidden.json["error"]["message"].replace("1", "1000") == absent.json["error"]["message"]


def test_the_service_has_no_other_way_from_an_id_to_a_row() -> None:
    """Only ``limner.access`` reads a row by its key, no module of the service does; handlers know no store at all."""
    getters = {
        "get_image",
        "get_project",
        "get_category",
        "get_comment",
        "get_job",
        "lock_image",
        "lock_job",
        "find_project",
        "get_one",
    }
    unchecked = {"ingest.py"}  # the second half of adding an image, after its check
    for module in set(Path(service.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(module.read_text())):
            if module.name in unchecked:
                continue
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("limner.store"):
                assert not getters & {alias.name for alias in node.names}, module.name
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "store":
                assert node.attr not in getters, (module.name, node.lineno)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
                on = node.func.value
                assert not (isinstance(on, ast.Name) and on.id == "session"), (module.name, node.lineno)


def rows_in(services: Services) -> dict[str, list[str]]:
    """Every row of every table, as text."""
    with services.database.read() as session:
        return {
            name: sorted(repr(tuple(row)) for row in session.execute(select(table)))
            for name, table in Base.metadata.tables.items()
        }
