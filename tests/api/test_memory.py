"""Memory of the web process: bounded for each request, and given back. Read from the system (Linux)."""

from __future__ import annotations

import io
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limner.config import Settings
from tests.api.running import PATIENCE, Server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]
PEAK_MB, KEPT_MB = 300, 50  # over idle
WIDTH, HEIGHT = 6000, 4000


def resident(server: Server, what: str) -> float:
    """MB of the web process: VmRSS now, or VmHWM at its peak."""
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{what}:"))) / 1000


@pytest.fixture
def server(settings: Settings) -> Iterator[Server]:
    server = Server(settings)
    yield server
    server.end(signal.SIGKILL)


def picture(kind: str, mode: str) -> bytes:
    coarse = np.random.default_rng(0).integers(0, 255, (HEIGHT // 40, WIDTH // 40, 3), np.uint8)
    image = Image.fromarray(coarse).resize((WIDTH, HEIGHT)).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, kind, **({"compress_level": 1} if kind == "PNG" else {}))
    return buffer.getvalue()


def upload(server: Server, data: bytes) -> str:
    project = server.client.post("/api/v1/projects", json={"name": "Cats"}).json()
    files = {"files": ("x", io.BytesIO(data), "application/octet-stream")}
    answer = server.client.post(f"/api/v1/projects/{project['id']}/images", files=files)
    return str(answer.json()["results"][0]["status"])


def upload_many(server: Server, count: int, fields: dict[str, str] | None = None) -> object:
    """Files of half a megabyte that are no images, in one request: what became of them, or the status."""
    project = server.client.post("/api/v1/projects", json={"name": "Cats"}).json()
    files = [("files", (f"{number}.bin", io.BytesIO(bytes(1 << 19)), "image/png")) for number in range(count)]
    answer = server.client.post(f"/api/v1/projects/{project['id']}/images", files=files, data=fields or {})
    if answer.status_code != 200:
        return answer.status_code
    return {each["status"] for each in answer.json()["results"]}


def import_coco(server: Server, data: bytes) -> int:
    project = server.client.post("/api/v1/projects", json={"name": "Cats"}).json()
    answer = server.client.post(
        f"/api/v1/projects/{project['id']}/import?format=coco", files={"file": ("c.json", data)}
    )
    return answer.status_code


def many_images(count: int) -> bytes:
    """A table of images that the project does not have, under long names, all of one content."""
    images = [{"id": number, "file_name": f"{number}" + "x" * 200, "sha256": "0a" * 32} for number in range(count)]
    return json.dumps({"images": images, "annotations": [], "categories": []}).encode()


REQUESTS: dict[str, tuple[Callable[[Server], object], object]] = {
    "a thousand small files": (lambda server: upload_many(server, 1000), {"rejected"}),
    "a long field of a form": (lambda server: upload_many(server, 1, {"note": "x" * (200 << 20)}), 413),
    "a photo": (lambda server: upload(server, picture("JPEG", "RGB")), "created"),
    "a picture that is shown as a copy": (lambda server: upload(server, picture("TIFF", "RGB")), "created"),
    "values of many parts": (
        lambda server: import_coco(server, b'{"annotations": [' + b"[" + b"[]," * 3_500_000 + b"0]]}"),
        422,
    ),
    "many annotations that are none": (
        lambda server: import_coco(server, b'{"annotations": [' + b"{}," * 300_000 + b"0]}"),
        200,
    ),
    "a long table of images": (lambda server: import_coco(server, many_images(100_000)), 200),
    "a table of another tool": (
        lambda server: import_coco(server, b'{"theirs": [' + b'{"a":1},' * 500_000 + b"0]}"),
        200,
    ),
}


@pytest.mark.parametrize("what", REQUESTS)
def test_no_request_takes_more_than_its_share_or_keeps_it(server: Server, what: str) -> None:
    send, expected = REQUESTS[what]
    assert upload(server, png()) == "created"  # what is loaded on first use is loaded
    idle = resident(server, "VmRSS")
    Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")  # the peak from here on
    assert send(server) == expected
    peak = resident(server, "VmHWM")
    assert peak - idle <= PEAK_MB, f"{peak - idle:.0f} MB"
    deadline = time.monotonic() + PATIENCE
    while (kept := resident(server, "VmRSS") - idle) > KEPT_MB and time.monotonic() < deadline:
        time.sleep(0.1)  # the thread lets go of its last request a moment after the answer
    assert kept <= KEPT_MB, f"{kept:.0f} MB"


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48)).save(buffer, "PNG")
    return buffer.getvalue()
