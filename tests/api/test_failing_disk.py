"""A disk that takes nothing more: a real server whose process may not make its files larger, then may again.

SQLite reports that as an I/O error, blobs and spooled bodies as a file that cannot grow.
"""

from __future__ import annotations

import io
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import httpx
import psutil
import pytest

from limner.atomic import SUFFIX
from limner.config import Settings
from tests.api.conftest import HEIGHT, WIDTH, creation, mask_rle, stored_files
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


def coco_of(image: dict[str, Any], masks: int) -> dict[str, Any]:
    annotations = [
        {"id": n, "image_id": 1, "category_id": 1, "segmentation": mask_rle(n), "iscrowd": 1} for n in range(masks)
    ]
    images = [{"id": 1, "file_name": image["file_name"], "height": HEIGHT, "width": WIDTH}]
    return {"images": images, "categories": [{"id": 1, "name": "cat"}], "annotations": annotations}


SAVE = creation()
MASKS = 30
ATTEMPTS: dict[str, Callable[[Server, dict[str, Any]], httpx.Response]] = {
    "a save": lambda server, image: server.client.post(
        f"/api/v1/images/{image['id']}/operations", json=SAVE, headers={"If-Match": '"0"'}
    ),
    "an import": lambda server, image: server.client.post(
        f"/api/v1/projects/{image['project_id']}/import", json=coco_of(image, MASKS)
    ),
    "an upload": lambda server, image: server.client.post(
        f"/api/v1/projects/{image['project_id']}/images",
        files={"files": ("y.png", io.BytesIO(png_bytes(40, 40, 1)), "image/png")},
    ),
    "a snapshot": lambda server, image: server.client.post(
        f"/api/v1/projects/{image['project_id']}/snapshots", json={"name": "then"}
    ),
}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_whichever_write_the_disk_takes_no_more_nothing_is_half_stored(
    settings: Settings, server: Server, attempt: str
) -> None:
    """The disk has room for no page at first, then for half a page more each time, until all fits."""
    image = new_image(server.client)
    process = psutil.Process(server.process.pid)
    _, hard = process.rlimit(psutil.RLIMIT_FSIZE)
    files = [path for path in settings.home.rglob("*") if path.is_file()]
    log = next(path for path in files if path.name == "limner.db-wal")
    before = whole(server, image, settings)
    assert before[-2:] == ([], [])
    refused = 0
    for pages in range(200):
        process.rlimit(psutil.RLIMIT_FSIZE, (log.stat().st_size + pages * 2048, hard))
        try:
            answer = ATTEMPTS[attempt](server, image)
        finally:
            process.rlimit(psutil.RLIMIT_FSIZE, (hard, hard))
        if answer.status_code < 300:
            break
        assert (answer.status_code, answer.json()["error"]["code"]) == (507, "storage_full"), answer.text
        now = whole(server, image, settings)
        if attempt == "an import":  # of short transactions: the next one adds what this one did not
            assert now[-2:] == ([], [])
            assert len(now[2]["annotations"]) == now[2]["revision"] < MASKS
        else:
            assert now == before
        refused += 1
    assert answer.status_code < 300
    assert refused > 1, "it failed at more than one write"
    after = whole(server, image, settings)
    assert after != before
    if attempt == "an import":
        assert len(after[2]["annotations"]) == MASKS
    assert integrity(settings) == "ok"


def whole(server: Server, image: dict[str, Any], settings: Settings) -> tuple[Any, ...]:
    """All that people see, and files that are not whole. What has a name and no row is whole, and swept after a day."""
    path = f"/api/v1/projects/{image['project_id']}"
    listed = [server.client.get(f"{path}/{what}").json() for what in ("images", "snapshots")]
    annotations = server.client.get(f"/api/v1/images/{image['id']}/annotations").json()
    blobs = settings.home / "blobs"
    torn = [name for name in stored_files(settings) if name.endswith(SUFFIX) or not (blobs / name).stat().st_size]
    return (*listed, annotations, torn, sorted(os.listdir(settings.home / "uploads")))


def integrity(settings: Settings) -> str:
    with closing(sqlite3.connect(settings.home / "limner.db")) as connection:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])


@pytest.mark.parametrize("most", [20, 20_000, 200_000], ids=["nothing", "a few pages", "half of the tables"])
def test_a_first_start_that_could_write_no_more_is_said_and_leaves_a_home_that_starts(
    settings: Settings, most: int
) -> None:
    run = subprocess.run(
        [sys.executable, "-c", LIMITED.replace("20", str(most)), *SERVE],
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
