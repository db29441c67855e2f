"""`limner serve --workers 2` on PostgreSQL: two web processes on one port, watched and ended by their supervisor."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import httpx
import psutil
import pytest

from limner.config import Settings
from tests.api.running import PATIENCE, SERVE, Server
from tests.api.test_serve import new_image, stops_while_a_page_listens


@pytest.fixture
def server(settings: Settings, new_postgres_database: Callable[[], str]) -> Iterator[Server]:
    settings = settings.model_copy(update={"database_url": new_postgres_database()})
    server = Server(settings, (*SERVE, "--workers", "2"))
    family = server.family()
    yield server
    if server.process.poll() is None:
        server.end(signal.SIGKILL)
    _, alive = psutil.wait_procs(family, timeout=PATIENCE)
    assert not alive
    server.client.close()
    for pipe in (server.process.stdout, server.process.stderr):
        assert pipe is not None
        pipe.close()


def web_processes(server: Server) -> list[psutil.Process]:
    """Those that live; a dead one is there until the supervisor has taken note."""
    living = []
    for each in psutil.Process(server.process.pid).children():
        with suppress(psutil.NoSuchProcess):  # a zombie, too
            if "limner.api.serving.web_process" in each.cmdline():
                living.append(each)
    return living


def wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.05)


def figure(server: Server, name: str) -> float:
    """The sum of a figure's values in /metrics; 0 when it is not there yet."""
    text = httpx.get(f"{server.client.base_url}/metrics", cookies=server.client.cookies).text
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE))


def test_a_web_process_that_dies_is_replaced_while_the_other_serves(server: Server) -> None:
    before = web_processes(server)
    assert len(before) == 2
    image = new_image(server.client)
    before[0].kill()

    def replaced() -> bool:
        fresh = httpx.get(f"{server.client.base_url}/healthz")
        assert fresh.status_code == 200
        return len([each for each in web_processes(server) if each.pid != before[0].pid]) == 2

    wait(replaced, "another web process")
    answer = httpx.get(f"{server.client.base_url}/api/v1/images/{image['id']}", cookies=server.client.cookies)
    assert answer.json()["id"] == image["id"], "who is signed in stays so, whichever process answers"


def test_figures_are_those_of_all_processes(server: Server) -> None:
    """Each request below has a connection of its own, so both processes answer some."""
    image = new_image(server.client)
    asked = 40
    for _ in range(asked):
        httpx.get(f"{server.client.base_url}/api/v1/images/{image['id']}", cookies=server.client.cookies)
    counted = 'limner_request_seconds_count{endpoint="images.get_image",method="GET",status="200"}'
    for _ in range(6):
        text = httpx.get(f"{server.client.base_url}/metrics", cookies=server.client.cookies).text
        assert f"{counted} {asked}.0" in text
    address = f"/api/v1/projects/{image['project_id']}/events"
    with server.client.stream("GET", address) as one, httpx.Client(cookies=server.client.cookies) as other:
        next(one.iter_lines())
        with other.stream("GET", f"{server.client.base_url}{address}") as two:
            next(two.iter_lines())
            wait(lambda: figure(server, "limner_event_streams") == 2, "word of both streams")
    web_processes(server)[0].kill()
    wait(lambda: len(web_processes(server)) == 2 and figure(server, "limner_event_streams") == 0, "the end of both")
    assert (
        f"{counted} {asked}.0" in httpx.get(f"{server.client.base_url}/metrics", cookies=server.client.cookies).text
    ), "what a process counted that is gone is not lost"


def test_an_encoder_is_shared_and_its_state_is_known_to_all(server: Server) -> None:
    """The model of these tests has no weights; what matters is who says so."""

    def said() -> bool:
        states = [
            httpx.get(f"{server.client.base_url}/api/v1/server", cookies=server.client.cookies).json()["encoder"]
            for _ in range(4)
        ]
        return all(each["state"] == "failed" and "weights" in each["message"] for each in states)

    wait(said, "word of the encoder")
    workers = [each for each in psutil.Process(server.process.pid).children() if "worker" in each.cmdline()]
    assert len(workers) == 1


def test_it_stops_with_all_its_processes_though_pages_listen(server: Server) -> None:
    assert stops_while_a_page_listens(server, signal.SIGTERM) == 0


def test_no_process_outlives_a_supervisor_that_is_killed(server: Server) -> None:
    family = server.family()
    assert len(family) >= 4
    os.kill(server.process.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(family, timeout=PATIENCE)
    assert not alive
    server.process.wait(PATIENCE)


def test_sqlite_serves_one_process_and_says_so(settings: Settings) -> None:
    command = [sys.executable, "-m", "limner", "serve", "--port", "0", "--workers", "2"]
    run = subprocess.run(
        command, env=settings.environment(), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert run.returncode == 1
    assert run.stderr == (
        "limner: limner serve --workers 2 needs PostgreSQL: SQLite serves one process. "
        "Set LIMNER_DATABASE_URL=postgresql://USER:PASSWORD@HOST/NAME.\n"
    )
    assert not (settings.home / "limner.db").exists()
