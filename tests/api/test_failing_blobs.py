"""A disk that is full or faulty from any step of storing an image on: nothing is half stored, and it recovers."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from limner import atomic
from limner.config import Settings
from tests.api.conftest import HEIGHT, WIDTH, stored_files
from tests.conftest import png_bytes

STEPS = ("open", "fsync", "link", "replace", "mkdir")


class Disk:
    """Lets so many steps through; the one after them fails, and every one after that."""

    def __init__(self, good: int, fault: int) -> None:
        self._good, self._fault = good, fault
        self.failed = False

    def step(self) -> None:
        self.failed = self._good <= 0
        self._good -= 1
        if self.failed:
            raise OSError(self._fault, os.strerror(self._fault))


@contextmanager
def failing(disk: Disk) -> Iterator[None]:
    """Every call that makes, fills, names or syncs a file of a blob counts as a step."""

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if real is not real_open or arguments[1] & os.O_CREAT:
                disk.step()
            return real(*arguments, **named)

        return call

    real_open, fill = os.open, atomic._fill

    def half_filled(partial: Path, data: bytes) -> None:
        try:
            disk.step()
        except OSError:
            fill(partial, data[: len(data) // 2])
            raise
        fill(partial, data)

    with pytest.MonkeyPatch.context() as patch:
        for name in STEPS:
            patch.setattr(os, name, counted(getattr(os, name)))
        patch.setattr(atomic, "_fill", half_filled)
        yield


@pytest.mark.parametrize("fault", [errno.ENOSPC, errno.EDQUOT, errno.EIO], ids=["full", "quota", "fault"])
def test_an_upload_that_fails_at_any_step_stores_nothing_and_the_next_one_succeeds(
    script: FlaskClient, project: dict[str, Any], settings: Settings, fault: int
) -> None:
    path = f"/api/v1/projects/{project['id']}/images"
    for steps in range(200):
        data = png_bytes(HEIGHT, WIDTH, steps)  # another picture each time: what is there by an earlier one helps not

        def send(content: bytes = data) -> Any:
            return script.post(path, data={"files": (io.BytesIO(content), "y.png")})

        before, rows = stored_files(settings), len(script.get(path).json["images"])
        disk = Disk(steps, fault)
        with failing(disk):
            answer = send()
        if not disk.failed:
            assert answer.json["results"][0]["status"] == "created"
            break
        assert (answer.status_code, answer.json["error"]["code"]) == (507, "storage_full"), answer.json
        assert ("reports an error" if fault == errno.EIO else "no space left") in answer.json["error"]["message"]
        assert len(script.get(path).json["images"]) == rows
        left = stored_files(settings) - before
        assert all(not name.endswith(atomic.SUFFIX) for name in left), left
        assert all((settings.home / "blobs" / name).stat().st_size for name in left), "whole, if it has its name"
        assert send().json["results"][0]["status"] == "created"
        assert len(script.get(path).json["images"]) == rows + 1
    assert steps > 10, "there are as many steps as files have to be made, filled, synced and named"
