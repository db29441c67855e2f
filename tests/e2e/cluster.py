"""What stands around a server in `make test-cluster`: PostgreSQL, an S3 server, and nginx before its web processes.

All of it lives as long as the test process.
"""

from __future__ import annotations

import atexit
import hashlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests import s3
from tests.nginx import nginx_command, passing_on
from tests.ports import free_port
from tests.postgres import make_database, postgres_server

PATIENCE = 60.0  # s, for what is started to listen


@dataclass(frozen=True)
class Around:
    """What a server is told of what stands around it.

    Attributes:
        port: where it is to listen itself.
        shown: its address, as nginx shows it; empty without one.
        environment: more of its settings.
    """

    port: int
    shown: str
    environment: dict[str, str]


def around(home: Path, port: int, *, proxied: bool) -> Around:
    """What stands around the server of this home; the same again when it is started again.

    Args:
        home: its folder.
        port: where people find it; 0 takes a free one.
        proxied: whether it stands behind another proxy already.
    """
    name = hashlib.sha256(str(home).encode()).hexdigest()[:16]
    environment = {
        "LIMNER_DATABASE_URL": make_database(_postgres(), f"home_{name}"),
        "LIMNER_BLOB_URL": f"s3://{_bucket()}/{name}",
        **s3.environment(_s3()),
    }
    if proxied:
        return Around(port, "", environment)
    port = port or free_port()
    return Around(_nginx(port), f"http://127.0.0.1:{port}", {**environment, "LIMNER_PROXY_HOPS": "1"})


@cache
def _stack() -> ExitStack:
    stack = ExitStack()
    atexit.register(stack.close)
    return stack


@cache
def _folder() -> Path:
    return Path(_stack().enter_context(tempfile.TemporaryDirectory(prefix="limner-around-")))


@cache
def _postgres() -> str:
    """URL of the PostgreSQL server that the servers of this test process share."""
    return _stack().enter_context(postgres_server())


@cache
def _s3() -> str:
    """Endpoint of the S3 server that they share."""
    port = free_port()
    _run([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], port)
    return f"http://127.0.0.1:{port}"


@cache
def _bucket() -> str:
    return s3.make_bucket(_s3())


@cache
def _nginx(port: int) -> int:
    """Have nginx listen at a port; the one to which it passes everything on."""
    behind = free_port()
    folder = _folder() / str(port)
    folder.mkdir()
    _run(nginx_command(passing_on(behind, port), folder), port)
    return behind


def _run(command: Sequence[str], port: int) -> None:
    """Start what ends with this process, and wait until it listens."""
    with (_folder() / f"{port}.log").open("w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
    _stack().callback(_end, process)
    deadline = time.monotonic() + PATIENCE
    while not _answers(port):
        assert process.poll() is None, (_folder() / f"{port}.log").read_text()
        assert time.monotonic() < deadline, f"{command[0]} does not listen"
        time.sleep(0.1)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}"):  # our own address
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(PATIENCE)
