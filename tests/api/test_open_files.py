"""A process that may open few files, or has none left: said once, in words that say what is right, and 503."""

from __future__ import annotations

import errno
import io
import logging
import os
import re
import resource
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psutil
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from limner import open_files
from limner.config import Settings
from limner.service.logs import configure_logging
from tests.api.conftest import creation
from tests.api.running import PATIENCE, Server
from tests.api.test_serve import new_image
from tests.conftest import png_bytes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of a running process")


@pytest.fixture
def server(settings: Settings) -> Iterator[Server]:
    server = Server(settings)
    yield server
    if server.process.returncode is None:
        server.process.kill()
        server.process.wait(PATIENCE)
        server.close()


@pytest.mark.parametrize("allowed", [12, 20, 64, 255])
@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_server_that_may_open_too_few_files_says_so_in_one_line(
    settings: Settings, allowed: int, command: str
) -> None:
    limit = "import os, resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]),) * 2);"
    program = f"{limit} os.execv(sys.executable, [sys.executable, '-m', 'limner', *sys.argv[2:]])"
    run = subprocess.run(
        [sys.executable, "-c", program, str(allowed), command, "--port", "0"],
        env=settings.environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert run.returncode == 1, run.stderr
    (line,) = run.stderr.strip().splitlines()
    assert line.startswith(f"limner: This process may have {allowed} files open at once")
    assert f"at least {open_files.FEWEST}" in line
    assert "ulimit -n" in line
    assert "LimitNOFILE" in line


# The last one ends its connection, and no other can be made.
REQUESTS: dict[str, Callable[[httpx.Client, dict[str, Any]], httpx.Response]] = {
    "a picture": lambda client, image: client.get(f"/api/v1/images/{image['id']}/file"),
    "an upload": lambda client, image: client.post(
        f"/api/v1/projects/{image['project_id']}/images",
        files={"files": ("z.png", io.BytesIO(png_bytes(40, 40, 2)), "image/png")},
    ),
    "a page": lambda client, image: client.get("/"),
    "a large body": lambda client, image: client.post(
        f"/api/v1/projects/{image['project_id']}/images",
        files={"files": ("y.png", io.BytesIO(png_bytes(900, 900, 1)), "image/png")},
    ),
}


def test_where_no_further_file_can_be_opened_requests_are_503_it_is_said_once_and_it_recovers(
    settings: Settings, server: Server
) -> None:
    image = new_image(server.client)
    operations = f"/api/v1/images/{image['id']}/operations"
    assert server.client.post(operations, json=creation(), headers={"If-Match": '"0"'}).status_code == 200
    process = psutil.Process(server.process.pid)
    before = process.rlimit(psutil.RLIMIT_NOFILE)
    process.rlimit(psutil.RLIMIT_NOFILE, (3, before[1]))  # what is open stays open
    try:
        saved = server.client.post(operations, json=creation(), headers={"If-Match": '"1"'})
        assert saved.status_code in (200, 503), "by the connections to the database that are there"
        waiting = [socket.create_connection(("127.0.0.1", server.client.base_url.port or 0)) for _ in range(20)]
        for name in [*list(REQUESTS)[:-1] * 5, list(REQUESTS)[-1]]:
            answer = REQUESTS[name](server.client, image)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable"), name
            assert int(answer.headers["Retry-After"]) > 0
            assert "files open" in answer.json()["error"]["message"]
    finally:
        process.rlimit(psutil.RLIMIT_NOFILE, before)
    for each in waiting:  # they were not accepted, and not forgotten
        each.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        each.settimeout(PATIENCE)
        assert each.recv(100).startswith(b"HTTP/1.1 200")
        each.close()
    for name, ask in REQUESTS.items():
        assert ask(server.client, image).status_code == 200, name
    logged = "".join(server.stop_and_read())
    assert "Traceback" not in logged
    assert len(re.findall("No further file or connection can be opened", logged)) == 1
    assert "This process may have 3 open at once" in logged


def database_error() -> Exception:
    """What SQLAlchemy raises when SQLite cannot open a file."""
    with pytest.raises(OperationalError) as raised, create_engine("sqlite:////nowhere/x.db").connect() as connection:
        connection.execute(text("SELECT 1"))
    return raised.value


def test_what_sqlite_cannot_open_counts_only_while_nothing_can_be_opened() -> None:
    error = database_error()
    assert not open_files.ran_out(error)
    with nothing_left():
        assert open_files.ran_out(error)
        assert not open_files.ran_out(sqlite3.OperationalError("no such table: x"))
    assert not open_files.ran_out(error)
    wrapped = RuntimeError("outer")
    wrapped.__cause__ = OSError(errno.EMFILE, "Too many open files")
    assert open_files.ran_out(wrapped)
    assert not open_files.ran_out(OSError(errno.ENOENT, "nothing"))
    assert not open_files.ran_out(None)


class nothing_left:  # noqa: N801  (reads as a block)
    """No further file can be opened in this process."""

    def __enter__(self) -> None:
        self._before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, self._before[1]))

    def __exit__(self, *_: object) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, self._before)


def test_whoever_logs_it_it_is_one_line_a_minute(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import structlog

    clock = [1000.0]
    monkeypatch.setattr("limner.open_files.time.monotonic", lambda: clock[0])
    monkeypatch.setattr(open_files, "_said_at", None)
    root, before = logging.getLogger(), logging.getLogger().handlers[:]
    configure_logging()
    try:
        for _ in range(3):
            for log in (
                lambda error: logging.getLogger("asyncio").error("socket.accept()", exc_info=error),
                lambda error: structlog.get_logger("limner.x").error("failed", exc_info=error),
            ):
                log(OSError(errno.EMFILE, os.strerror(errno.EMFILE)))
            clock[0] += 40.0
        logging.getLogger("x").error("another", exc_info=RuntimeError("ours"))
    finally:
        root.handlers[:] = before
        structlog.reset_defaults()
    said = capsys.readouterr().err
    assert said.count("No further file or connection can be opened") == 2
    assert said.count("Traceback") <= 1
    assert "ours" in said
