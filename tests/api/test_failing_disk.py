"""A disk that takes nothing more: a real server whose process may not make its files larger, then may again.

SQLite reports that as an I/O error, blobs and spooled bodies as a file that cannot grow.
"""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from limner.config import Settings
from tests.api.conftest import creation
from tests.api.running import PATIENCE, SERVE, Server
from tests.api.test_serve import new_image
from tests.conftest import png_bytes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of a running process")
LIMITED = (
    "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20)); os.execv(sys.argv[1], sys.argv[1:])"
)


@pytest.fixture
def server(settings: Settings) -> Iterator[Server]:
    server = Server(settings)
    yield server
    server.end(signal.SIGKILL)


def test_nothing_is_half_stored_and_it_recovers_by_itself(settings: Settings, server: Server) -> None:
    image = new_image(server.client)
    save, headers = creation(), {"If-Match": '"0"'}
    operations = f"/api/v1/images/{image['id']}/operations"
    images = f"/api/v1/projects/{image['project_id']}/images"
    large = png_bytes(400, 400, 1)
    process = psutil.Process(server.process.pid)
    before = process.rlimit(psutil.RLIMIT_FSIZE)
    process.rlimit(psutil.RLIMIT_FSIZE, (20, before[1]))
    try:
        refused = server.client.post(operations, json=save, headers=headers)
        assert (refused.status_code, refused.json()["error"]["code"]) == (507, "storage_full")
        refused = server.client.post(images, files={"files": ("y.png", io.BytesIO(large), "image/png")})
        assert (refused.status_code, refused.json()["error"]["code"]) == (507, "storage_full")
        listed = server.client.get(f"/api/v1/images/{image['id']}/annotations")
        assert (listed.status_code, listed.json()["revision"]) == (200, 0), "what is there can be read"
    finally:
        process.rlimit(psutil.RLIMIT_FSIZE, before)

    assert server.client.post(operations, json=save, headers=headers).json()["revision"] == 1
    again = server.client.post(images, files={"files": ("y.png", io.BytesIO(large), "image/png")})
    assert again.json()["results"][0]["status"] == "created"
    assert len(server.client.get(images).json()["images"]) == 2


def test_a_first_start_that_could_write_nothing_is_said_and_leaves_a_home_that_starts(settings: Settings) -> None:
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, *SERVE],
        env=settings.environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr.startswith("limner: ")
    assert "Traceback" not in run.stderr
    server = Server(settings)  # which signs in
    assert server.client.get("/api/v1/session").status_code == 200
    server.end(signal.SIGTERM)
