"""The real server on the demo photos, driven in a real Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.e2e.api import Project, new_project
from tests.e2e.server import LimnerServer, start_server, stop_server

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TIMEOUT = 120_000  # ms; nothing is measured, tests only fail after this
VIEWPORT = {"width": 1280, "height": 720}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LimnerServer]:
    started = start_server(tmp_path_factory.mktemp("e2e") / "home")
    yield started
    stop_server(started)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert executable, "no Chromium found: apt-get install chromium"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def signed_in(server: LimnerServer, browser: Browser) -> Iterator[BrowserContext]:
    """A browser profile that followed the one-time link."""
    context = browser.new_context(viewport=VIEWPORT, accept_downloads=True)  # type: ignore[arg-type]
    context.set_default_timeout(TIMEOUT)
    page = context.new_page()
    page.goto(server.link)
    page.get_by_role("heading", name="Projects").wait_for()
    page.close()
    yield context
    context.close()


@pytest.fixture
def page(signed_in: BrowserContext) -> Iterator[Page]:
    """A fresh tab; errors on the page fail the test."""
    opened = signed_in.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    opened.close()
    assert not errors


@pytest.fixture
def project(server: LimnerServer, request: pytest.FixtureRequest) -> Project:
    """A project of the test's own: what one test draws, no other sees. Its photos are encoded once for all of them."""
    return new_project(server, request.node.name[:80])
