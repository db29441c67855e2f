"""Servers that tests start end with the block that they are for, also when it raises."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from sqlalchemy import make_url

from limner.config import Settings
from tests.api.running import Server
from tests.e2e import server as e2e
from tests.postgres import running_postgres
from tests.provider import provider
from tests.receiver import receiving
from tests.s3 import s3_server

SAYS_NOTHING = (sys.executable, "-c", "import os, time; os.close(1); time.sleep(600)")


def has_ended(process: psutil.Process) -> bool:
    """Whether it is gone, or a zombie: that is what it stays until whoever inherited it has asked after it."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class Failed(Exception):
    """What a test raises in the block."""


def test_no_postgresql_server_and_no_folder_is_left() -> None:
    with suppress(Failed), running_postgres() as server:
        data = Path(str(make_url(server.url).query["host"]))
        postmaster = psutil.Process(int((data / "postmaster.pid").read_text().split()[0]))
        raise Failed
    assert has_ended(postmaster)
    assert not data.parent.exists()


@pytest.mark.parametrize("serving", [provider, receiving, s3_server])
def test_no_port_is_left(serving: Callable[[], AbstractContextManager[Any]]) -> None:
    with suppress(Failed), serving() as server:
        url = urlsplit(server if isinstance(server, str) else getattr(server, "issuer", "") or server.url)
        raise Failed
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", url.port or 0), timeout=10)


def test_no_process_is_left_of_a_server_that_does_not_start(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(e2e, "DEMO", SAYS_NOTHING)
    before = set(psutil.Process().children())
    with pytest.raises(AssertionError, match="stopped before it listened"):
        e2e.begin_server(tmp_path / "demo")
    with pytest.raises(AssertionError):
        Server(settings, SAYS_NOTHING)
    assert set(psutil.Process().children()) <= before
