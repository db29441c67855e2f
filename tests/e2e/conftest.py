"""The real server on the demo photos, driven in a real Chromium."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

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
READY_SECONDS = 180  # loading torch and exporting the graphs, on a slow machine
VIEWPORT = {"width": 1280, "height": 720}


@dataclass
class LimnerServer:
    """A running ``limner demo``.

    Attributes:
        address: where it listens.
        link: signs in once.
        home: its folder.
    """

    address: str
    link: str
    home: Path
    process: subprocess.Popen[str]


def start_server(home: Path, *, port: int = 0) -> LimnerServer:
    """Start ``limner demo`` in ``home`` and wait until it answers and its encoder is ready."""
    with (home.parent / f"{home.name}.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "limner", "demo", "--home", str(home), "--port", str(port)],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    assert process.stdout is not None
    printed = ""
    while not (match := re.search(r"(http://\S+?:\d+)/login#token=\S+", printed)):
        line = process.stdout.readline()
        assert line, f"the server stopped before it listened; it had printed:\n{printed}"
        printed += line
    server = LimnerServer(match[1], match[0], home, process)
    wait_until_ready(server)
    return server


def wait_until_ready(server: LimnerServer) -> None:
    """Wait for /readyz and for the exported graphs."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        assert server.process.poll() is None, "the server stopped"
        try:
            with urllib.request.urlopen(f"{server.address}/readyz"):  # our own address
                if list(server.home.glob("graphs/*/manifest.json")):
                    return
        except urllib.error.URLError:
            pass
        time.sleep(0.2)
    raise AssertionError("the server did not become ready")


def stop_server(server: LimnerServer) -> None:
    """SIGTERM, as a service manager would."""
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(timeout=60)
    if server.process.stdout is not None:
        server.process.stdout.close()


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
