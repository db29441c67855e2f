"""One image from its upload to a saved change, by request numbers, in the logs of web processes and a worker."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from limner.cli import cli
from limner.config import Settings
from limner.errors import InvalidInput, NotFound
from limner.service.traces import trace
from tests.api.conftest import creation, mask_rle
from tests.api.running import PATIENCE, SERVE, Server
from tests.conftest import png_bytes


def upload_ask_and_save(client: httpx.Client) -> tuple[dict[str, Any], dict[str, Any], list[httpx.Response]]:
    """Image, change, and answers to the upload, to the first and last request for the embedding, to the save."""
    project = client.post("/api/v1/projects", json={"name": "Traced"}).json()["id"]
    files = {"files": ("a.png", io.BytesIO(png_bytes()), "image/png")}
    upload = client.post(f"/api/v1/projects/{project}/images", files=files)
    image = upload.json()["results"][0]["image"]
    address = f"/api/v1/images/{image['id']}"
    asked = client.get(f"{address}/embedding?priority=look")
    assert asked.status_code == 202, asked.text
    deadline = time.monotonic() + PATIENCE
    while (sent := client.get(f"{address}/embedding")).status_code == 202:
        assert time.monotonic() < deadline, "the embedding did not come"
        time.sleep(0.05)
    change = creation(segmentation=mask_rle())
    saved = client.post(f"{address}/operations", json=change, headers={"If-Match": '"0"'})
    assert saved.status_code == 200, saved.text
    return image, change, [upload, asked, sent, saved]


def test_an_image_is_followed_from_upload_to_a_saved_change_across_processes(
    settings: Settings, new_postgres_database: Callable[[], str], tmp_path: Path
) -> None:
    settings = settings.model_copy(update={"database_url": new_postgres_database(), "worker_only": "upkeep"})
    server = Server(settings, (*SERVE, "--workers", "2"))
    with (tmp_path / "worker.log").open("w") as said:
        encodes = settings.model_copy(update={"worker_only": ""}).environment()
        worker = subprocess.Popen([sys.executable, "-m", "tests.jobs.run_fake_worker"], env=encodes, stderr=said)
    try:
        image, change, answers = upload_ask_and_save(server.client)
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(PATIENCE)
        (tmp_path / "web.log").write_text("".join(server.stop_and_read()))

    logs = [tmp_path / "web.log", tmp_path / "worker.log"]
    found = trace([line for log in logs for line in log.read_text().splitlines()], str(image["id"]))
    steps = [each for each in found if each.what in ("added", "asked", "claimed", "encoded", "sent", "saved")]
    assert [each.what for each in steps] == ["added", "asked", "claimed", "encoded", "sent", "saved"]
    upload, asked, sent, saved = (answer.headers["X-Request-Id"] for answer in answers)
    assert [each.request for each in steps] == [upload, asked, asked, asked, sent, saved]
    assert len({each.process for each in steps if each.what in ("claimed", "encoded")}) == 1
    assert {each.process for each in steps[2:4]}.isdisjoint({each.process for each in steps[:2]}), "it was another one"
    assert steps[-1].more["operation_id"] == change["operation_id"]

    printed = CliRunner().invoke(cli, ["trace", image["sha256"][:12], *map(str, logs)], catch_exceptions=False)
    assert printed.exit_code == 0, printed.output
    lines = printed.output.splitlines()
    assert [line.split()[4] for line in lines if asked in line][:3] == ["asked", "claimed", "encoded"]


def line(**said: object) -> str:
    return json.dumps({"timestamp": "2026-01-02T03:04:05Z", "event": "image", "process": "here:1", **said})


def test_lines_of_other_images_and_other_programs_are_passed_over_and_errors_of_the_request_are_not() -> None:
    sha256 = "ab" * 32
    logs = [
        "nginx said something",
        "Jan 02 limner[7]: " + line(step="added", image_sha256=sha256, image=7, request="r1"),
        line(step="added", image_sha256="cd" * 32, image=77, request="r2"),
        line(event="answer cut off", request="r1", level="warning"),
        line(event="answer cut off", request="r2"),
        "{not JSON",
    ]
    assert [(each.what, each.request) for each in trace(logs, "7")] == [("added", "r1"), ("answer cut off", "r1")]
    assert trace(logs, sha256[:8]) == trace(logs, "7")


def test_what_is_written_down_late_is_told_when_it_happened() -> None:
    sent = line(step="sent", image_sha256="ab" * 32, image=7, request="r2")
    moment = datetime.fromisoformat(json.loads(sent)["timestamp"])
    late = line(
        step="encoded", image_sha256="ab" * 32, ended=moment.timestamp() - 0.5, timestamp="2026-01-02T03:04:06Z"
    )
    found = trace([sent, late], "7")
    assert [each.what for each in found] == ["encoded", "sent"]
    assert found[0].moment == moment - timedelta(seconds=0.5)


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        ("12", NotFound, "No line of these logs is about the image 12"),
        ("abc", InvalidInput, "'abc' names no image. Give its number, or 8 digits or more of its sha256."),
        ("cat.png", InvalidInput, "'cat.png' names no image"),
    ],
)
def test_an_image_that_is_not_there_is_named(image: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as raised:
        trace([line(step="added", image_sha256="ab" * 32, image=7)], image)
    assert message in f"{raised.value} {getattr(raised.value, 'hint', '')}"
