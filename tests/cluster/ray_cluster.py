"""A real Ray cluster of this machine, for tests: two processors, no dashboard, tokens."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

STARTS_WITHIN = 180.0  # s, on a busy machine
SAFE = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token"}


class RayCluster:
    """A head on a port of its own that can be killed and started anew.

    Attributes:
        address: of the head.
        environment: what processes need that connect to it: a token, which all of the cluster share.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._starts = 0
        self._processes: list[psutil.Process] = []
        self.port = _free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.environment: Mapping[str, str] = {**SAFE, "RAY_AUTH_TOKEN": secrets.token_hex(32)}

    def start(self) -> None:
        """Start the head; returns when it answers."""
        self._starts += 1
        folder = self._folder / str(self._starts)
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", f"--port={self.port}"]
        command += ["--node-ip-address=127.0.0.1", "--num-cpus=2", "--include-dashboard=false"]
        command += ["--disable-usage-stats", "--object-store-memory=80000000", f"--temp-dir={folder}"]
        before = set(psutil.pids())
        run = subprocess.run(
            command,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=STARTS_WITHIN,
            check=False,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        self._processes = [process for process in _with(str(folder)) if process.pid not in before]
        assert self._processes, "Ray's processes name the folder that they were given"

    def kill(self) -> None:
        """End all of the head's processes at once, as a machine that fails does."""
        for process in self._processes:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        psutil.wait_procs(self._processes, timeout=60)


@contextmanager
def ray_cluster() -> Iterator[RayCluster]:
    """A running cluster. Its folder's name is short: sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="lr-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        cluster = RayCluster(Path(folder))
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.kill()


def _with(folder: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if any(folder in argument for argument in process.cmdline()):
                yield process


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
