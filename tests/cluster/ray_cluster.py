"""A real Ray cluster of this machine, for tests: no dashboard, tokens, processors as many as are said to be there."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

STARTS_WITHIN = 180.0  # s, on a busy machine
HOSTS = ("127.0.0.1", "127.0.0.2")  # of the head and of the second machine
SAFE = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token"}


class RayCluster:
    """A head on a port of its own that can be killed and started anew, and a second machine, which is none.

    Attributes:
        address: of the head.
        environment: what processes need that connect to it: a token, which all of the cluster share.
    """

    def __init__(self, folder: Path, cpus: float = 2) -> None:
        self._folder = folder
        self._cpus = cpus
        self._starts = 0
        self._processes: list[psutil.Process] = []
        self._second: list[psutil.Process] = []
        self.port = _free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.environment: Mapping[str, str] = {**SAFE, "RAY_AUTH_TOKEN": secrets.token_hex(32)}

    def start(self) -> None:
        """Start the head; returns when it answers."""
        self._processes = self._start(["--head", f"--port={self.port}", "--include-dashboard=false"], HOSTS[0])

    def kill(self) -> None:
        """End all of the head's processes at once, as a machine that fails does."""
        _kill(self._processes)

    def start_second(self) -> None:
        """Start the second machine: an address of its own on the loopback device."""
        self._second = self._start([f"--address={self.address}"], HOSTS[1])

    def kill_second(self) -> None:
        """End all processes of the second machine, and of workers on it."""
        workers = [child for process in self._second for child in _children(process)]
        _kill([*self._second, *workers])

    def _start(self, of: list[str], host: str) -> list[psutil.Process]:
        self._starts += 1
        folder = self._folder / str(self._starts)
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", *of, f"--node-ip-address={host}"]
        command += [f"--num-cpus={self._cpus:g}", "--disable-usage-stats", "--object-store-memory=80000000"]
        if "--head" in of:
            command += [f"--temp-dir={folder}"]
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
        started = [process for process in _with(str(self._folder), host) if process.pid not in before]
        assert started, "Ray's processes name the folder that they were given"
        return started


def _kill(processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)
    psutil.wait_procs(processes, timeout=60)


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.NoSuchProcess:
        return []


@contextmanager
def ray_cluster(cpus: float = 2) -> Iterator[RayCluster]:
    """A running cluster. Its folder's name is short: sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="lr-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        cluster = RayCluster(Path(folder), cpus)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.kill_second()
            cluster.kill()


def _with(folder: str, host: str) -> Iterator[psutil.Process]:
    """Those that name the folder, of this machine."""
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            said = " ".join(process.cmdline())
            of_second = HOSTS[1] in said  # all name the head
            if folder in said and of_second == (host == HOSTS[1]):
                yield process


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
