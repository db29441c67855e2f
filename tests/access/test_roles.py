"""Every route, asked by every role about a project of theirs and about another one: nothing is allowed by chance."""

from __future__ import annotations

from itertools import pairwise

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from limner.access import InstallationRole, Permission, ProjectRole
from limner.access.permissions import INSTALLATION_WIDE, PROJECT_ROLE_PERMISSIONS, ROLE_PERMISSIONS, Scope
from limner.service.wiring import Services
from limner.store.accounts import create_api_token
from limner.store.people import add_person, set_member
from limner.store.tables import User
from tests.access.asking import ask, new_project
from tests.access.test_routes import NEEDS, rows_in

# For whom there is nothing under the number or name that is asked about, whatever they may do.
NOTHING_THERE = {
    "account.end_session",
    "account.revoke_token",
    "server.get_graph",
    "server.get_manifest",
    "sign_in_providers.connect_identity",
    "sign_in_providers.disconnect",
}
ROLES = [*ProjectRole, None]


def person_with(services: Services, name: str, role: InstallationRole = InstallationRole.MEMBER) -> int:
    with services.database.write() as session:
        return add_person(session, name, role).id


def client_of(app: APIFlask, services: Services, user_id: int, scopes: tuple[Scope, ...] = (Scope.ALL,)) -> FlaskClient:
    with services.database.write() as session:
        user = session.get_one(User, user_id)
        token = create_api_token(session, user, f"of {scopes}", scopes)
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client


def expected(endpoint: str, installation: frozenset[Permission], project: frozenset[Permission]) -> tuple[int, str]:
    """What somebody is to be told who has these permissions; (200, "") stands for anything but a refusal."""
    needed = NEEDS[endpoint]
    if needed in INSTALLATION_WIDE:
        return (200, "") if needed in installation else (403, "forbidden")
    granted = installation | project
    if endpoint == "projects.list_projects":  # lists what one may see, be it nothing
        return (200, "")
    if Permission.VIEW not in granted:
        return (404, "not_found")
    return (200, "") if needed in granted else (403, "forbidden")


def seen(endpoint: str, answer: tuple[int, str]) -> tuple[int, str]:
    status, code = answer
    allowed = status < 400 or (endpoint in NOTHING_THERE and status in (404, 503)) or status == 409
    return (200, "") if allowed else (status, code)


@pytest.mark.parametrize("role", ROLES, ids=str)
def test_every_route_is_answered_as_the_table_of_permissions_says(
    role: ProjectRole | None, app: APIFlask, script: FlaskClient, services: Services
) -> None:
    """In a project where one has the role, and in another where one has none: that one does not exist."""
    own, other = new_project(script), new_project(script)
    user_id = person_with(services, "Ada")
    if role is not None:
        with services.database.write() as session:
            set_member(session, own["project_id"], session.get_one(User, user_id), role)
    client = client_of(app, services, user_id)
    installation = ROLE_PERMISSIONS[InstallationRole.MEMBER]
    assert client.get("/api/v1/session").status_code == 200  # its first use is noted
    before = rows_in(services)
    strangers = ask(app, client, other, leave_out=[each for each in NEEDS if NEEDS[each] in INSTALLATION_WIDE])
    assert {endpoint: seen(endpoint, answer) for endpoint, answer in strangers.items()} == {
        endpoint: expected(endpoint, installation, frozenset()) for endpoint in strangers
    }
    assert rows_in(services) == before
    mine = ask(app, client, own)
    granted = PROJECT_ROLE_PERMISSIONS[role] if role is not None else frozenset()
    assert {endpoint: seen(endpoint, answer) for endpoint, answer in mine.items()} == {
        endpoint: expected(endpoint, installation, granted) for endpoint in mine
    }


@pytest.mark.parametrize("role", ROLES, ids=str)
def test_a_project_that_shares_its_figures_shows_them_to_who_annotates_and_nothing_else(
    role: ProjectRole | None, app: APIFlask, script: FlaskClient, services: Services
) -> None:
    """In that project and in no other; until it does not any more."""
    own, other = new_project(script), new_project(script)
    for rows in (own, other):  # the other one shares its figures, too: with who annotates there
        assert script.get(f"/api/v1/projects/{rows['project_id']}").json["shares_figures"] is False
        answer = script.patch(f"/api/v1/projects/{rows['project_id']}", json={"shares_figures": True})
        assert (answer.status_code, answer.json["shares_figures"]) == (200, True)
    user_id = person_with(services, "Ada")
    if role is not None:
        with services.database.write() as session:
            set_member(session, own["project_id"], session.get_one(User, user_id), role)
    client = client_of(app, services, user_id)
    in_projects = [each for each in NEEDS if NEEDS[each] in INSTALLATION_WIDE]
    installation = ROLE_PERMISSIONS[InstallationRole.MEMBER]
    strangers = ask(app, client, other, leave_out=in_projects)
    assert {endpoint: seen(endpoint, answer) for endpoint, answer in strangers.items()} == {
        endpoint: expected(endpoint, installation, frozenset()) for endpoint in strangers
    }
    granted = PROJECT_ROLE_PERMISSIONS[role] if role is not None else frozenset()
    shared = granted | {Permission.READ_FIGURES} if Permission.ANNOTATE in granted else granted
    here = f"/api/v1/projects/{own['project_id']}"
    if role is not None:
        assert set(client.get(here).json["permissions"]) == shared
        assert [set(each["permissions"]) for each in client.get("/api/v1/projects").json["projects"]] == [shared]
    reading = [
        each for each in NEEDS if each.startswith(("statistics.", "agreement.", "verification.", "learning.get"))
    ]
    left_out = [each for each in NEEDS if each not in reading]
    assert script.patch(here, json={"shares_figures": False}).status_code == 200
    for permissions, shares in ((granted, False), (shared, True)):
        assert script.patch(here, json={"shares_figures": shares}).status_code == 200
        answers = ask(app, client, own, leave_out=left_out)
        assert {endpoint: seen(endpoint, answer) for endpoint, answer in answers.items()} == {
            endpoint: expected(endpoint, installation, permissions) for endpoint in reading
        }
    mine = ask(app, client, own)
    assert {endpoint: seen(endpoint, answer) for endpoint, answer in mine.items()} == {
        endpoint: expected(endpoint, installation, shared) for endpoint in mine
    }


def test_a_token_reads_shared_figures_if_its_scope_does(app: APIFlask, script: FlaskClient, services: Services) -> None:
    project_id = new_project(script)["project_id"]
    assert script.patch(f"/api/v1/projects/{project_id}", json={"shares_figures": True}).status_code == 200
    user_id = person_with(services, "Ada")
    with services.database.write() as session:
        set_member(session, project_id, session.get_one(User, user_id), ProjectRole.ANNOTATOR)
    answers = {
        scope: client_of(app, services, user_id, (scope,)).get(f"/api/v1/projects/{project_id}/statistics/reviews")
        for scope in Scope
    }
    assert {scope: answer.status_code for scope, answer in answers.items()} == {
        Scope.ALL: 200,
        Scope.READ: 200,
        Scope.ANNOTATE: 403,
        Scope.EXCHANGE: 403,
        Scope.MANAGE: 200,
        Scope.METRICS: 404,
    }


@pytest.mark.parametrize("role", ROLES, ids=str)
def test_two_processes_on_one_database_answer_as_one(
    role: ProjectRole | None,
    app: APIFlask,
    by_turns: type[FlaskClient],
    script: FlaskClient,
    services: Services,
) -> None:
    """A role that is given, changed and taken in one process counts in the other from the next request on."""
    own, other = new_project(script), new_project(script)
    user_id = person_with(services, "Ada")
    client = client_of(app, services, user_id)
    app.test_client_class = by_turns
    both = app.test_client()
    both.environ_base["HTTP_AUTHORIZATION"] = client.environ_base["HTTP_AUTHORIZATION"]
    members = f"/api/v1/projects/{own['project_id']}/members"
    here = f"/api/v1/projects/{own['project_id']}"
    assert [both.get(here).status_code for _ in range(4)] == [404] * 4
    for given in (ProjectRole.MANAGER, role):
        if given is not None:
            assert script.post(members, json={"name": "Ada", "role": given}).status_code == 200
            assert [both.get(here).status_code for _ in range(4)] == [200] * 4
    if role is None:
        assert script.delete(f"{members}/{user_id}").status_code == 204
        assert [both.get(here).status_code for _ in range(4)] == [404] * 4
    installation = ROLE_PERMISSIONS[InstallationRole.MEMBER]
    in_projects = [each for each in NEEDS if NEEDS[each] in INSTALLATION_WIDE]
    before = rows_in(services)
    strangers = ask(app, both, other, leave_out=in_projects)
    assert {endpoint: seen(endpoint, answer) for endpoint, answer in strangers.items()} == {
        endpoint: expected(endpoint, installation, frozenset()) for endpoint in strangers
    }
    assert rows_in(services) == before
    mine = ask(app, both, own, leave_out=in_projects)
    granted = PROJECT_ROLE_PERMISSIONS[role] if role is not None else frozenset()
    assert {endpoint: seen(endpoint, answer) for endpoint, answer in mine.items()} == {
        endpoint: expected(endpoint, installation, granted) for endpoint in mine
    }


def test_an_owner_may_do_everything_everywhere(app: APIFlask, script: FlaskClient, services: Services) -> None:
    rows = new_project(script)
    client = client_of(app, services, person_with(services, "Olga", InstallationRole.OWNER))
    answers = ask(app, client, rows)
    assert {endpoint: seen(endpoint, answer) for endpoint, answer in answers.items()} == dict.fromkeys(
        answers, (200, "")
    )


@pytest.mark.parametrize("scope", Scope)
def test_a_token_may_do_what_its_scope_says_and_no_more(
    scope: Scope, app: APIFlask, script: FlaskClient, services: Services
) -> None:
    from limner.access.permissions import SCOPE_PERMISSIONS

    rows = new_project(script)
    client = client_of(app, services, person_with(services, "Olga", InstallationRole.OWNER), (scope,))
    granted = SCOPE_PERMISSIONS[scope]
    answers = ask(app, client, rows)
    assert {endpoint: seen(endpoint, answer) for endpoint, answer in answers.items()} == {
        endpoint: expected(endpoint, granted & INSTALLATION_WIDE, granted) for endpoint in answers
    }


def test_each_role_in_a_project_may_do_what_the_ones_after_it_may() -> None:
    ranks = [PROJECT_ROLE_PERMISSIONS[role] for role in ProjectRole]
    assert all(higher >= lower for higher, lower in pairwise(ranks))
    assert PROJECT_ROLE_PERMISSIONS[ProjectRole.VIEWER] == {Permission.VIEW}
    assert Permission.ANNOTATE in PROJECT_ROLE_PERMISSIONS[ProjectRole.ANNOTATOR]
    assert not {Permission.MANAGE_PEOPLE, Permission.CREATE_PROJECT} & ROLE_PERMISSIONS[InstallationRole.MEMBER]
