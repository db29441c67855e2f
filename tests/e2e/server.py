"""`limner demo` as a process of its own, to be driven by the tests."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

READY_SECONDS = 180  # loading torch and exporting the graphs, on a slow machine


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
