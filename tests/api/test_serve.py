"""`limner serve` as a process of its own: starting, stopping, and what survives when it is killed."""

import asyncio
import io
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psutil
import pytest

from limner.api.serving.run import bind
from limner.config import Settings
from tests.api.running import PATIENCE, Server
from tests.conftest import png_bytes


@pytest.fixture
def server(settings: Settings) -> Iterator[Server]:
    server = Server(settings)
    yield server
    if server.process.poll() is None:
        server.end(signal.SIGKILL)


def new_image(client: httpx.Client) -> Any:
    project = client.post("/api/v1/projects", json={"name": "Cats"}).json()
    files = {"files": ("x.png", io.BytesIO(png_bytes(48, 64)), "image/png")}
    answer = client.post(f"/api/v1/projects/{project['id']}/images", files=files)
    return answer.json()["results"][0]["image"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_with_all_its_processes_though_pages_listen(server: Server, number: signal.Signals) -> None:
    assert stops_while_a_page_listens(server, number) == 0


def stops_while_a_page_listens(server: Server, number: signal.Signals) -> int:
    """Signal the server alone while an event stream is open; its exit status once all its processes are gone."""
    image = new_image(server.client)
    with server.client.stream("GET", f"/api/v1/projects/{image['project_id']}/events") as stream:
        chunks = stream.iter_text()
        assert "connected" in next(chunks)
        family = server.family()
        assert len(family) >= 2
        os.kill(server.process.pid, number)
        for _ in chunks:
            pass
    status = server.process.wait(PATIENCE)
    _, alive = psutil.wait_procs(family, timeout=PATIENCE)
    assert not alive
    server.client.close()
    for pipe in (server.process.stdout, server.process.stderr):
        assert pipe is not None
        pipe.close()
    return status


def test_a_missing_model_is_said_plainly(settings: Settings) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "limner", "serve", "--port", "0", "--model", "sam_vit_b"],
        env=settings.environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr.strip() == (
        "limner: The weights of sam_vit_b are not installed. Run: limner models pull sam_vit_b"
    )
    assert not (settings.home / "limner.db").exists()


def test_a_port_in_use_is_said(settings: Settings, server: Server) -> None:
    port = str(server.client.base_url.port)
    run = subprocess.run(
        [sys.executable, "-m", "limner", "serve", "--port", port],
        env=settings.environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr.startswith(f"limner: Port {port} of 127.0.0.1 cannot be used")


def test_the_body_of_an_answer_does_not_wait_until_its_head_is_acknowledged() -> None:
    """Nagle's algorithm is off for connections that come in over the server's own port."""

    async def accepted() -> int:
        options: asyncio.Queue[int] = asyncio.Queue()

        def note(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = writer.get_extra_info("socket")
            options.put_nowait(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        async with await asyncio.start_server(note, sock=bind("127.0.0.1", 0)) as running:
            _, writer = await asyncio.open_connection(*running.sockets[0].getsockname())
            found = await asyncio.wait_for(options.get(), PATIENCE)
            writer.close()
        return found

    with ThreadPoolExecutor(1) as thread:  # of its own: a browser may have left an event loop running in this one
        assert thread.submit(lambda: asyncio.run(accepted())).result() != 0
