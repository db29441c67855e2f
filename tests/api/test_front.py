"""The front that stands between sockets and Flask, over a real socket: slow, silent and greedy clients."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask, Response, request, send_file
from flask.testing import FlaskClient

from limner.api.app import create_app
from limner.api.serving import front
from limner.api.serving.front import Front
from limner.api.serving.limits import LANES, Lane, LaneLimits, Limits
from limner.api.serving.process import Server, make_server
from limner.api.serving.protocol import Connections
from limner.api.streams import stream_response
from limner.service.wiring import Services
from tests.conftest import png_bytes

PATIENCE = 30.0
BIG = 48 << 20  # more than the buffers of both sockets take
SHORT = Limits(
    header_seconds=0.5,
    body_stall_seconds=0.5,
    write_seconds=1.0,
    drain_seconds=5,
    lanes={lane: LaneLimits(1, 0.5) for lane in Lane},
)


class World:
    """An application with one endpoint for each kind of trouble."""

    def __init__(self, folder: Path) -> None:
        self.entered = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.app = app = Flask("world")
        app.config["BODY_LIMITS"] = {"upload": 8 << 20}
        app.config["MAX_CONTENT_LENGTH"] = 1 << 20
        file = folder / "file.bin"
        file.write_bytes(bytes(range(256)) * 4096)

        @app.before_request
        def credentials() -> Response | None:
            return (
                Response("who?", 401)
                if request.endpoint == "upload" and "Authorization" not in request.headers
                else None
            )

        @app.get("/quick")
        def quick() -> str:
            return "quick"

        @app.get("/held")
        def held() -> str:
            self.entered.release()
            assert self.go_on.wait(PATIENCE)
            return "held"

        @app.get("/big")
        def big() -> Response:
            return Response((b"x" * (1 << 20) for _ in range(BIG >> 20)), mimetype="application/octet-stream")

        @app.get("/file")
        def file_() -> Response:
            return send_file(file, conditional=True)

        @app.post("/upload")
        def upload() -> str:
            request.max_content_length = app.config["BODY_LIMITS"]["upload"]
            return str(len(request.get_data()))

        @app.get("/broken")
        def broken() -> Response:
            def chunks() -> Iterator[bytes]:
                yield b"x" * (1 << 20)
                raise RuntimeError("half way")

            return Response(chunks())

        @app.get("/stream")
        def stream() -> Response:
            return stream_response(_ticks(), "text/event-stream")


async def _ticks() -> AsyncGenerator[bytes, None]:
    import asyncio

    while True:
        yield b": tick\n\n"
        await asyncio.sleep(0.05)


class Running:
    """A front that serves in a thread of the tests."""

    def __init__(self, app: Flask, folder: Path, limits: Limits) -> None:
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.address: tuple[str, int] = self.listener.getsockname()
        self.connections = Connections(limits, behind_proxy=False)
        self.front = Front(app, limits, folder)
        listening = threading.Event()
        self.server: Server = make_server(self.front, self.connections, on_listening=listening.set)
        self.thread = threading.Thread(target=self.server.run, args=([self.listener],))
        self.thread.start()
        assert listening.wait(PATIENCE)
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.address[1]}", timeout=PATIENCE)

    def connect(self, first: bytes = b"") -> socket.socket:
        connection = socket.create_connection(self.address, timeout=PATIENCE)
        connection.sendall(first)
        return connection

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join(PATIENCE)
        self.client.close()
        self.front.close()
        assert not self.thread.is_alive()


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[Running] = []

    def begin(app: Flask, limits: Limits = SHORT) -> Running:
        running.append(Running(app, tmp_path, limits))
        return running[-1]

    yield begin
    for each in running:
        each.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.go_on.set()


def read_all(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    received = bytearray()
    try:
        while piece := connection.recv(1 << 16):
            received += piece
    except ConnectionResetError:
        pass
    connection.close()
    return bytes(received)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.02)


def test_sockets_that_send_one_byte_stop_nobody(world: World, start: Start) -> None:
    """Those that are too many are closed when others come, and not when their time is over."""
    server = start(world.app, replace(SHORT, header_seconds=10 * PATIENCE, silent_connections=40))
    sockets = [server.connect(b"G") for _ in range(256)]
    assert server.client.get("/quick").text == "quick"
    wait_until(lambda: server.connections.open <= 41)
    for each in sockets:
        each.close()


def test_headers_that_do_not_end_are_cut_off(world: World, start: Start) -> None:
    server = start(world.app)
    assert read_all(server.connect(b"GET /quick HTTP/1.1\r\nHost: x\r\n")).startswith(b"HTTP/1.1 408 ")
    assert read_all(server.connect()).startswith(b"HTTP/1.1 408 ")


def test_headers_without_end_are_too_large(world: World, start: Start) -> None:
    server = start(world.app, replace(SHORT, header_seconds=PATIENCE))
    many = b"".join(b"X-%d: " % number + b"x" * 1000 + b"\r\n" for number in range(80))
    connection = server.connect(b"GET /quick HTTP/1.1\r\nHost: x\r\n" + many)
    assert b"HTTP/1.1 431 " in read_all(connection)


def test_one_address_has_so_many_connections_and_no_more(world: World, start: Start) -> None:
    server = start(world.app, replace(SHORT, header_seconds=PATIENCE, connections_per_address=3))
    held = [server.connect() for _ in range(3)]
    wait_until(lambda: server.connections.open == 3)
    assert read_all(server.connect()).startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    held.pop().close()
    wait_until(lambda: server.connections.open == 2)
    assert server.client.get("/quick").text == "quick"
    for each in held:
        each.close()


def test_a_body_that_stalls_takes_no_thread_and_is_cut_off(
    world: World, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front, "LINGER_SECONDS", 0.5)
    server = start(world.app, replace(SHORT, body_stall_seconds=2.0))
    head = b"POST /upload HTTP/1.1\r\nHost: x\r\nAuthorization: yes\r\nContent-Length: 100\r\n\r\n"
    stalled = server.connect(head + b"half")
    assert server.client.post("/upload", content=b"12345", headers={"Authorization": "yes"}).text == "5"
    answer = read_all(stalled)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code": "request_timeout"' in answer


def test_large_bodies_are_taken_from_known_people_only(world: World, start: Start) -> None:
    server = start(world.app)
    content = b"x" * 3_000_000
    assert server.client.post("/upload", content=content, headers={"Authorization": "yes"}).text == "3000000"
    chunks = (content[:1_000_000] for _ in range(3))
    assert server.client.post("/upload", content=chunks, headers={"Authorization": "yes"}).text == "3000000"
    unknown = server.client.post("/upload", content=content)
    assert (unknown.status_code, unknown.text) == (401, "who?")
    assert unknown.headers["Connection"] == "close"
    announced = server.client.post("/upload", content=b"x" * (9 << 20), headers={"Authorization": "yes"})
    assert announced.status_code == 413
    chunked = server.client.post(
        "/upload", content=(b"x" * (1 << 20) for _ in range(9)), headers={"Authorization": "yes"}
    )
    assert chunked.status_code == 413
    assert chunked.json()["error"]["hint"] == "At most 8 MiB are taken here: send less at a time."


def test_a_reader_that_stops_holds_no_thread_and_is_cut_off(world: World, start: Start) -> None:
    server = start(world.app)
    stalled = [server.connect(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(3)]
    wait_until(lambda: server.client.get("/quick").status_code == 200)
    wait_until(lambda: server.connections.open <= 1)
    for each in stalled:
        assert len(read_all(each)) < BIG
    assert len(server.client.get("/big").content) == BIG


def test_who_would_wait_too_long_is_told_to_come_again(
    world: World, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LANES, "held", Lane.SLOW)
    server = start(world.app)
    answers: list[str] = []
    holder = threading.Thread(target=lambda: answers.append(server.client.get("/held").text))
    holder.start()
    assert world.entered.acquire(timeout=PATIENCE)
    shed = server.client.get("/held")
    assert shed.status_code == 503
    assert int(shed.headers["Retry-After"]) >= 1
    assert shed.json()["error"]["code"] == "unavailable"
    assert server.client.get("/quick").text == "quick", "other lanes have threads of their own"
    world.go_on.set()
    holder.join(PATIENCE)
    assert answers == ["held"]
    assert server.client.get("/held").text == "held"


def test_files_come_whole_and_in_ranges(world: World, start: Start) -> None:
    server = start(world.app)
    whole = server.client.get("/file")
    assert whole.content == bytes(range(256)) * 4096
    assert "x-sendfile" not in whole.headers
    part = server.client.get("/file", headers={"Range": "bytes=1000000-1000009"})
    assert (part.status_code, part.content) == (206, whole.content[1000000:1000010])
    assert server.client.get("/file", headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
    head = server.client.head("/file")
    assert (head.headers["Content-Length"], head.content) == (str(len(whole.content)), b"")


def test_an_answer_that_fails_half_way_is_seen_to_be_cut_off(world: World, start: Start) -> None:
    server = start(world.app)
    with pytest.raises(httpx.HTTPError):
        server.client.get("/broken")
    assert server.client.get("/quick").text == "quick"


def test_streams_hold_no_threads(world: World, start: Start) -> None:
    server = start(world.app)
    streams = [server.connect(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(20)]
    for each in streams:
        assert each.recv(100).startswith(b"HTTP/1.1 200 OK")
    wait_until(lambda: server.front.busy == 0)
    assert server.client.get("/quick").text == "quick"
    for each in streams:
        each.close()
    wait_until(lambda: server.connections.open <= 1)


def test_what_is_in_flight_ends_and_new_connections_are_refused_at_once(world: World, start: Start) -> None:
    server = start(world.app)
    answers: list[str] = []
    holder = threading.Thread(target=lambda: answers.append(server.client.get("/held").text))
    holder.start()
    assert world.entered.acquire(timeout=PATIENCE)
    server.server.should_exit = True

    def refused() -> bool:
        try:
            server.connect().close()
        except ConnectionRefusedError:
            return True
        return False

    wait_until(refused)
    assert answers == []
    world.go_on.set()
    holder.join(PATIENCE)
    assert answers == ["held"]


def test_headers_that_could_pass_for_others_are_left_out(world: World, start: Start) -> None:
    @world.app.get("/header")
    def header() -> str:
        return request.headers.get("X-Forwarded-For", "none")

    server = start(world.app)
    assert server.client.get("/header", headers={"X_Forwarded_For": "1.2.3.4"}).text == "none"


def test_exports_hold_no_database_connection_while_their_readers_stall(
    services: Services, script: FlaskClient, start: Start
) -> None:
    """Each would keep a snapshot open, and SQLite's log growing behind it."""
    server = start(create_app(services), replace(Limits(), write_seconds=PATIENCE))
    credentials = script.environ_base["HTTP_AUTHORIZATION"]
    server.client.headers["Authorization"] = credentials
    project = f"/api/v1/projects/{server.client.post('/api/v1/projects', json={'name': 'Cats'}).json()['id']}"
    files = [("files", (f"{seed}.png", io.BytesIO(png_bytes(1200, 1200, seed)), "image/png")) for seed in range(4)]
    assert server.client.post(f"{project}/images", files=files).status_code == 200
    head = f"GET {project}/export?format=yolo&images=true HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    stalled = [server.connect(f"{head}Authorization: {credentials}\r\n\r\n".encode()) for _ in range(8)]
    for each in stalled:
        assert each.recv(12) == b"HTTP/1.1 200"
    wait_until(lambda: server.front.busy == 0)
    pools: list[Any] = [services.database.engine.pool, services.database.writing.pool]
    assert [pool.checkedout() for pool in pools] == [0, 0]
    assert server.connections.open >= len(stalled), "they have not read to the end, and wait"
    assert server.client.get("/healthz").status_code == 200
    assert len(read_all(stalled[0])) > 4 * 1200 * 1200, "whoever goes on reading gets all of it"
    for each in stalled:
        each.close()
    wait_until(lambda: server.front._spools._value == Limits.spools)  # their room is free for others


def test_every_endpoint_with_a_lane_exists(services: Services) -> None:
    app = create_app(services)
    assert set(LANES) <= set(app.view_functions)
    assert set(app.config["BODY_LIMITS"]) <= set(app.view_functions)
