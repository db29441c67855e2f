"""Downloads against a real HTTP server that breaks off, refuses to resume, lies, or is not there."""

from __future__ import annotations

import hashlib
import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from limner.errors import InvalidInput, NoNetwork, NotFound, WrongWeights
from limner.models.download import download

CONTENT = bytes(range(256)) * 20_000  # 5 MB
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class FileServer(ThreadingHTTPServer):
    """Serves ``content`` at /file. ``breaks`` holds, for each coming answer, after how many bytes it ends."""

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = content
        self.breaks: list[int] = []
        self.resumes = True
        self.announces = True
        self.ranges: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/file"


class _Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.ranges.append(wanted)
        if self.path != "/file":
            self.send_error(404)
            return
        match = re.fullmatch(r"bytes=(\d+)-", wanted or "")
        start = int(match[1]) if match and self.server.resumes else 0
        body = self.server.content[start:]
        self.send_response(206 if start else 200)
        if self.server.announces:
            self.send_header("Content-Length", str(len(body)))
        if start:
            self.send_header(
                "Content-Range", f"bytes {start}-{len(self.server.content) - 1}/{len(self.server.content)}"
            )
        self.end_headers()
        self.wfile.write(body[: self.server.breaks.pop(0)] if self.server.breaks else body)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer(CONTENT) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def fetch(url: str, target: Path) -> list[int]:
    seen: list[int] = []
    download(url, target, SHA256, len(CONTENT), seen.append)
    return seen


def test_whole(server: FileServer, tmp_path: Path) -> None:
    target = tmp_path / "new" / "weights.pth"
    seen = fetch(server.url, target)
    assert target.read_bytes() == CONTENT
    assert seen == sorted(seen)
    assert seen[-1] == len(CONTENT)
    assert [path.name for path in target.parent.iterdir()] == ["weights.pth"]


def test_broken_connections_are_taken_up_again(server: FileServer, tmp_path: Path) -> None:
    server.breaks = [1_000_000, 2_000_000]
    fetch(server.url, tmp_path / "weights.pth")
    assert (tmp_path / "weights.pth").read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=1000000-", "bytes=3000000-"]


def test_a_later_run_resumes(server: FileServer, tmp_path: Path) -> None:
    server.breaks = [1_000_000, 0]
    with pytest.raises(NoNetwork, match=r"127\.0\.0\.1 could not be reached"):
        fetch(server.url, tmp_path / "weights.pth")
    assert not (tmp_path / "weights.pth").exists()
    assert (tmp_path / "weights.pth.part").stat().st_size == 1_000_000
    fetch(server.url, tmp_path / "weights.pth")
    assert server.ranges[-1] == "bytes=1000000-"
    assert (tmp_path / "weights.pth").read_bytes() == CONTENT


def test_a_server_that_cannot_resume_starts_again(server: FileServer, tmp_path: Path) -> None:
    server.resumes = False
    (tmp_path / "weights.pth.part").write_bytes(b"x" * 1_000_000)
    fetch(server.url, tmp_path / "weights.pth")
    assert (tmp_path / "weights.pth").read_bytes() == CONTENT


def test_a_part_that_is_too_long_is_thrown_away(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "weights.pth.part").write_bytes(CONTENT + b"x")
    fetch(server.url, tmp_path / "weights.pth")
    assert (tmp_path / "weights.pth").read_bytes() == CONTENT


def test_other_bytes_are_refused_and_deleted(server: FileServer, tmp_path: Path) -> None:
    server.content = CONTENT[:-1] + b"?"
    with pytest.raises(WrongWeights, match=SHA256):
        fetch(server.url, tmp_path / "weights.pth")
    assert list(tmp_path.iterdir()) == []


def test_not_found(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="404"):
        fetch(server.url + "-elsewhere", tmp_path / "weights.pth")


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/file"
        with pytest.raises(NoNetwork, match="no network") as caught:
            fetch(url, tmp_path / "weights.pth")
    assert "on a machine with internet" in caught.value.hint
    assert "limner models add weights.pth" in caught.value.hint


def test_only_http(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be downloaded"):
        fetch("file:///etc/passwd", tmp_path / "weights.pth")


def test_a_length_that_nobody_wrote_down_is_the_servers(server: FileServer, tmp_path: Path) -> None:
    target = tmp_path / "weights.pth"
    server.breaks = [0, 1_000_000]  # who asks for the length needs nothing of the file; then it breaks off once
    download(server.url, target, SHA256, None, lambda _: None)
    assert target.read_bytes() == CONTENT
    with pytest.raises(NotFound, match="404"):
        download(server.url + "s", tmp_path / "other.pth", SHA256, None, lambda _: None)


def test_an_answer_without_a_length_is_not_taken(server: FileServer, tmp_path: Path) -> None:
    server.announces, server.breaks = False, [0]
    with pytest.raises(NoNetwork, match="does not say how long the file is"):
        download(server.url, tmp_path / "weights.pth", SHA256, None, lambda _: None)
