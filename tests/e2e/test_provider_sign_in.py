"""Signing in with a real OpenID provider, in a real browser: there, back, out; and what the page says when it fails."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.annotate_page import violations
from tests.e2e.api import sign_in_link
from tests.e2e.conftest import TIMEOUT, VIEWPORT
from tests.e2e.server import LimnerServer, free_port, start_server, stop_server

pytestmark = pytest.mark.e2e

SCRIPT = Path(__file__).with_name("oidc_provider.mjs")
SECRET = "kept by both: 100 %+"


@dataclass
class Company:
    """A server, and the provider with which people sign in there."""

    server: LimnerServer
    provider: subprocess.Popen[str]
    issuer: str


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    home = tmp_path_factory.mktemp("provider") / "home"
    home.mkdir(mode=0o700)
    port = free_port()
    here = f"http://127.0.0.1:{port}/login"
    node = shutil.which("node")
    assert node, "Node.js runs the provider, and builds the client"
    with (home.parent / "provider.log").open("w") as log:
        command = [node, str(SCRIPT), f"{here}/company", here, SECRET]
        provider = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    assert provider.stdout is not None
    issuer = provider.stdout.readline().strip()
    assert issuer, (home.parent / "provider.log").read_text()
    (home / "secret").write_text(SECRET)
    (home / "oidc.toml").write_text(
        f'[company]\nlabel = "Company"\nissuer = "{issuer}"\nclient_id = "limner"\n'
        f'client_secret_file = "{home / "secret"}"\n'
    )
    server = start_server(home, port=port)
    yield Company(server, provider, issuer)
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

    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Yes, sign me out").click()
    page.get_by_role("heading", name="Sign in").wait_for()
    assert page.url.startswith(f"{company.server.address}/login")
    page.get_by_role("button", name="Sign in with Company").click()
    sign_in_there(page, "ada")
    page.get_by_role("link", name="Your account, ada").wait_for()
    people.reload()
    expect(people.get_by_text("No open invitations.")).to_be_visible()
    owner.close()


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
