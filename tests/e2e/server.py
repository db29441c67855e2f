"""`limner demo` as a process of its own, to be driven by the tests.

`LIMNER_TEST_ARRANGEMENT=cluster` has it run as `make test-cluster` does: two web processes behind a real nginx, on a
real PostgreSQL and an S3 server, with one encoder between them. All browser tests hold for both arrangements.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from limner.config import Settings
from tests.e2e.cluster import around
from tests.processes import ending_what_fails

DEMO = (sys.executable, "-m", "limner", "demo")
READY_SECONDS = 180  # loading torch and exporting the graphs, on a slow machine
ARRANGEMENT = os.environ.get("LIMNER_TEST_ARRANGEMENT", "")
WEB_PROCESSES = {"": 1, "cluster": 2}[ARRANGEMENT]


@dataclass
class LimnerServer:
    """A running ``limner demo``.

    Attributes:
        address: where people find it.
        link: signs in once.
        home: its folder.
        database_url: of its database.
    """

    address: str
    link: str
    home: Path
    database_url: str
    process: subprocess.Popen[str]


def start_server(home: Path, *, port: int = 0, settings: Mapping[str, str] | None = None) -> LimnerServer:
    """Start ``limner demo`` as :func:`begin_server` does, and wait until it answers and its encoder is ready."""
    server = begin_server(home, port=port, settings=settings)
    with ending_what_fails(server.process):
        wait_until_ready(server)
    return server


def begin_server(home: Path, *, port: int = 0, settings: Mapping[str, str] | None = None) -> LimnerServer:
    """Start ``limner demo`` in ``home``, as far as the link that it prints.

    Args:
        home: its folder.
        port: where people find it; 0 takes a free one.
        settings: more of them, as environment variables.
    """
    given, shown = dict(settings or {}), ""
    if ARRANGEMENT == "cluster":
        found = around(home, port, proxied="LIMNER_PROXY_HOPS" in given)
        port, shown, given = found.port, found.shown, {**found.environment, **given}
    database_url = given.get("LIMNER_DATABASE_URL", Settings(home=home).resolved_database_url)
    with (home.parent / f"{home.name}.log").open("a") as log:
        process = subprocess.Popen(
            [*DEMO, "--home", str(home), "--port", str(port), "--workers", str(WEB_PROCESSES)],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **given},
        )
    assert process.stdout is not None
    printed = ""
    with ending_what_fails(process):
        while not (match := re.search(r"(http://\S+)/login#token=\S+", printed)):
            line = process.stdout.readline()
            assert line, f"the server stopped before it listened; it had printed:\n{printed}"
            printed += line
    address = shown or match[1]
    link = match[0].replace(match[1], address, 1)
    return LimnerServer(address, link, home, database_url, process)


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
