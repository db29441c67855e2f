"""Signing in with a real OpenID provider, in a real browser: there, back, out; and what the page says when it fails."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import select

from limner.store.tables import AuditEntry
from tests.e2e.annotate_page import violations
from tests.e2e.api import Api, database_of, sign_in_link
from tests.e2e.conftest import TIMEOUT, VIEWPORT
from tests.e2e.server import LimnerServer, start_server, stop_server
from tests.ports import free_port
from tests.postgres import make_database
from tests.processes import ending_what_fails

pytestmark = pytest.mark.e2e

SCRIPT = Path(__file__).with_name("oidc_provider.mjs")
SECRET = "kept by both: 100 %+"


@dataclass
class Company:
    """A server, and the provider with which people sign in there."""

    server: LimnerServer
    provider: subprocess.Popen[str]
    issuer: str
    groups: Path

    def put_into(self, **groups: list[str]) -> None:
        """Say which groups people are in there from now on."""
        self.groups.write_text(json.dumps(groups))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def company(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Company]:
    home = tmp_path_factory.mktemp("provider") / "home"
    settings = {}
    if request.param == "postgresql":
        server_url = request.getfixturevalue("postgres")
        settings["LIMNER_DATABASE_URL"] = make_database(server_url, "provider_sign_in")
    home.mkdir(mode=0o700)
    port = free_port()
    here = f"http://127.0.0.1:{port}/login"
    node = shutil.which("node")
    assert node, "Node.js runs the provider, and builds the client"
    with (home.parent / "provider.log").open("w") as log:
        groups = home.parent / "groups.json"
        groups.write_text("{}")
        command = [node, str(SCRIPT), f"{here}/company", here, SECRET, str(groups)]
        provider = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    assert provider.stdout is not None
    with ending_what_fails(provider):
        issuer = provider.stdout.readline().strip()
        assert issuer, (home.parent / "provider.log").read_text()
    (home / "secret").write_text(SECRET)
    (home / "oidc.toml").write_text(
        f'[company]\nlabel = "Company"\nissuer = "{issuer}"\nclient_id = "limner"\n'
        f'client_secret_file = "{home / "secret"}"\n'
        'role_claim = "groups"\n'
        'project_roles = [{ value = "owls", project = "Owls", role = "annotator" },'
        ' { value = "owl-leads", project = "Owls", role = "manager" }]\n'
    )
    with ending_what_fails(provider):
        server = start_server(home, port=port, settings=settings)
    yield Company(server, provider, issuer, groups)
    stop_server(server)
    provider.kill()
    provider.wait()
    provider.stdout.close()


@pytest.fixture
def stranger(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that nobody has signed in with, here or there."""
    context = browser.new_context(viewport=VIEWPORT)
    context.set_default_timeout(TIMEOUT)
    context.route("**://fonts.googleapis.com/**", lambda route: route.abort())  # named by the provider's own pages
    yield context
    context.close()


def sign_in_there(page: Page, name: str) -> None:
    """On the provider's own pages: who one is, and that Limner may know."""
    page.get_by_placeholder("Enter any login").fill(name)
    page.get_by_placeholder("and password").fill("any")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()


def test_an_invited_person_comes_in_leaves_and_comes_back(
    company: Company, browser: Browser, stranger: BrowserContext
) -> None:
    owner = browser.new_context(viewport=VIEWPORT)
    owner.set_default_timeout(TIMEOUT)
    people = owner.new_page()
    people.goto(sign_in_link(company.server))
    people.get_by_role("link", name="People", exact=True).click()
    people.get_by_label("Their e-mail").fill("ada@example.org")
    people.get_by_role("button", name="Create invitation link").click()
    people.get_by_role("dialog").get_by_role("button", name="Done").click()
    expect(people.get_by_role("list", name="Open invitations")).to_contain_text("ada@example.org")

    page = stranger.new_page()
    page.goto(f"{company.server.address}/login")
    page.get_by_role("button", name="Sign in with Company").wait_for()
    assert violations(page) == []
    page.get_by_role("button", name="Sign in with Company").click()
    sign_in_there(page, "ada")
    page.get_by_role("heading", name="Projects").wait_for()
    assert page.url == f"{company.server.address}/"
    page.get_by_role("link", name="Your account, ada").click()
    expect(page.get_by_role("region", name="Signing in with a provider")).to_contain_text("ada@example.org")
    assert violations(page) == []

    page.get_by_role("button", name="Sign out").click()  # the provider knows by its ID token whom, and asks nothing
    page.get_by_role("heading", name="Sign in").wait_for()
    assert page.url.startswith(f"{company.server.address}/login")
    page.get_by_role("button", name="Sign in with Company").click()
    sign_in_there(page, "ada")
    page.get_by_role("link", name="Your account, ada").wait_for()
    people.reload()
    expect(people.get_by_text("No open invitations.")).to_be_visible()
    owner.close()


def test_a_group_there_opens_a_project_here_and_closes_it_again(
    company: Company, browser: Browser, stranger: BrowserContext
) -> None:
    api = Api(company.server)
    project_id = api.create_project("Owls", ("owl",))
    page = stranger.new_page()

    def sign_in(*groups: str) -> None:
        company.put_into(grace=list(groups))
        page.goto(f"{company.server.address}/login")
        page.get_by_role("button", name="Sign in with Company").click()
        sign_in_there(page, "grace")
        page.get_by_role("heading", name="Projects").wait_for()

    def sign_out() -> None:
        page.get_by_role("link", name="Your account, grace").click()
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("heading", name="Sign in").wait_for()

    sign_in("owls", "elsewhere")
    page.get_by_role("link", name="Owls").first.click()
    members = page.get_by_role("region", name="Members")
    expect(members).to_contain_text("grace")
    expect(members).to_contain_text("annotator")
    expect(members.get_by_text("From Company")).to_have_count(0)  # what concerns who manages is said to them
    sign_out()
    sign_in("owls", "owl-leads")
    page.get_by_role("link", name="Owls").first.click()
    expect(members.get_by_label("Role of grace")).to_have_value("manager")
    expect(members.get_by_text("From Company")).to_be_visible()
    assert violations(page) == []
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size(VIEWPORT)
    sign_out()
    sign_in("elsewhere")
    expect(page.get_by_text("You have no project yet.")).to_be_visible()
    answer = page.goto(f"{company.server.address}/api/v1/projects/{project_id}")
    assert answer is not None
    assert answer.status == 404
    with database_of(company.server) as session:
        told = select(AuditEntry).where(AuditEntry.action.in_(["member.set", "member.remove"])).order_by(AuditEntry.id)
        about = [(each.action, each.project_id, each.details) for each in session.scalars(told)]
    by = {"provider": "company"}
    assert about == [
        ("member.set", project_id, {**by, "role": "annotator"}),
        ("member.set", project_id, {**by, "role": "manager", "before": "annotator"}),
        ("member.remove", project_id, {**by, "before": "manager"}),
    ]


def test_who_may_not_come_in_reads_why(company: Company, stranger: BrowserContext) -> None:
    page = stranger.new_page()
    page.goto(f"{company.server.address}/login")
    page.get_by_role("button", name="Sign in with Company").click()
    sign_in_there(page, "unverified-eve")
    problem = page.get_by_role("alert")
    expect(problem).to_contain_text("has been verified")
    expect(problem).to_contain_text("Ask an owner for an invitation")
    assert page.url == f"{company.server.address}/login/company"
    assert violations(page) == []
    page.get_by_role("link", name="Back to signing in").click()
    page.get_by_role("button", name="Sign in with Company").wait_for()
    page.goto(f"{company.server.address}/login/company?error=access_denied&state=stale")
    expect(page.get_by_role("alert")).to_contain_text("was not begun in this browser")
