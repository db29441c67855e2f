"""The real server on the demo photos, driven in a real Chromium."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, BrowserType, Page, ViewportSize, sync_playwright

from tests.e2e.api import Project, new_project
from tests.e2e.server import LimnerServer, start_server, stop_server

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--lang=en-US",  # whatever the machine speaks
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TIMEOUT = 120_000  # ms; nothing is measured, tests only fail after this
FAILED = pytest.StashKey[bool]()
VIEWPORT: ViewportSize = {"width": 1280, "height": 720}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LimnerServer]:
    started = start_server(tmp_path_factory.mktemp("e2e") / "home")
    yield started
    stop_server(started)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = launch(playwright.chromium)
        yield launched
        launched.close()


def launch(chromium: BrowserType, *more_flags: str) -> Browser:
    executable = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert executable, "no Chromium found: apt-get install chromium"
    return chromium.launch(executable_path=executable, args=[*FLAGS, *more_flags])


@pytest.fixture(scope="session")
def signed_in(server: LimnerServer, browser: Browser) -> Iterator[BrowserContext]:
    """A browser profile that followed the one-time link."""
    context = new_profile(browser, server.link)
    yield context
    context.close()


def new_profile(browser: Browser, link: str, **options: Any) -> BrowserContext:
    """A browser profile that followed a sign-in link; with options of Playwright's ``new_context``."""
    context = browser.new_context(**{"viewport": VIEWPORT, "accept_downloads": True, **options})
    context.set_default_timeout(TIMEOUT)
    page = context.new_page()
    page.goto(link)
    page.get_by_role("heading", name="Projects").wait_for()
    page.close()
    return context


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file of browser tests stays on one worker; the files are spread over all workers, each with its own server."""
    for item in items:
        if item.get_closest_marker("e2e"):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember on the test whether it failed, for its fixtures."""
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


@pytest.fixture
def page(signed_in: BrowserContext, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A fresh tab; errors on the page fail the test. Of a test that fails, what the page said is logged."""
    opened = signed_in.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    if request.node.stash.get(FAILED, False):
        logging.getLogger(__name__).error("%s said:\n%s", opened.url, opened.locator("body").inner_text())
    opened.close()
    assert not errors


@pytest.fixture(autouse=True)
def profile_is_left_as_it_was(request: pytest.FixtureRequest) -> Iterator[None]:
    """Neither tabs nor settings of a test stay in the shared profile for others, whether it passes or fails."""
    if "signed_in" not in request.fixturenames:
        yield
        return
    context: BrowserContext = request.getfixturevalue("signed_in")
    server: LimnerServer = request.getfixturevalue("server")
    before = set(context.pages)
    yield
    tab = context.new_page()
    what = {"origin": server.address, "storageTypes": "local_storage"}
    context.new_cdp_session(tab).send("Storage.clearDataForOrigin", what)
    for opened in set(context.pages) - before:
        opened.close()


@pytest.fixture
def project(server: LimnerServer, request: pytest.FixtureRequest) -> Project:
    """A project of the test's own: what one test draws, no other sees. Its photos are encoded once for all of them."""
    return new_project(server, request.node.name[:80])
