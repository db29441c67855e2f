"""A real Ray cluster on this machine, for tests: no dashboard, tokens, processors as many as are said to be there."""

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
from dataclasses import dataclass
from pathlib import Path

import psutil

STARTS_WITHIN = 180.0  # s, on a busy machine
SAFE = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token"}


@dataclass(frozen=True)
class Machine:
    """One of a cluster: an address and, if it has a network of its own, what stands before commands that run there."""

    address: str
    prefix: tuple[str, ...] = ()


LOOPBACK = (Machine("127.0.0.1"), Machine("127.0.0.2"))  # which are two for Ray


class RayCluster:
    """A head on a port of its own that can be killed and started anew, and machines that join it and are lost.

    Attributes:
        address: of the head.
        environment: what processes need that connect to it: a token, which all of the cluster share.

    Args:
        folder: for what it writes; sockets lie in it.
        cpus: processors of each machine.
        machines: the head's and the others.
        cpus_of_head: if it has others.
    """

    def __init__(
        self,
        folder: Path,
        cpus: float = 2,
        machines: Sequence[Machine] = LOOPBACK,
        cpus_of_head: float | None = None,
    ) -> None:
        self._folder = folder
        self._cpus = cpus
        self._cpus_of_head = cpus if cpus_of_head is None else cpus_of_head
        self._machines = machines
        self._starts = 0
        self._processes: dict[int, list[psutil.Process]] = {}
        self.port = _free_port()
        self.address = f"{machines[0].address}:{self.port}"
        self.environment: Mapping[str, str] = {**SAFE, "RAY_AUTH_TOKEN": secrets.token_hex(32)}

    def start(self) -> None:
        """Start the head; returns when it answers."""
        self._start(0, ["--head", f"--port={self.port}", "--include-dashboard=false"], self._cpus_of_head)

    def kill(self) -> None:
        """End all of the head's processes at once, as a machine that fails does."""
        _kill(self._processes.get(0, []))

    def start_second(self, number: int = 1) -> None:
        """Start the second machine, or another one."""
        self._start(number, [f"--address={self.address}"], self._cpus)

    def kill_second(self, number: int = 1) -> None:
        """End all processes of the second machine, or of another one, and of workers on it."""
        processes = self._processes.get(number, [])
        _kill([*processes, *(child for process in processes for child in _children(process))])

    def end(self) -> None:
        """End all machines."""
        for number in range(len(self._machines) - 1, 0, -1):
            self.kill_second(number)
        self.kill()

    def _start(self, number: int, of: list[str], cpus: float) -> None:
        self._starts += 1
        folder, machine = self._folder / str(self._starts), self._machines[number]
        command = [*machine.prefix, sys.executable, "-m", "ray.scripts.scripts", "start", *of]
        command += [f"--node-ip-address={machine.address}"]
        command += [f"--num-cpus={cpus:g}", "--disable-usage-stats", "--object-store-memory=80000000"]
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
        self._processes[number] = [process for process in self._of(number) if process.pid not in before]
        assert run.returncode == 0, run.stdout + run.stderr
        assert self._processes[number], "Ray's processes name the folder that they were given"

    def _of(self, number: int) -> Iterator[psutil.Process]:
        """Those that name the folder, of this machine: all name the head, the head's no other."""
        others = [machine.address for machine in self._machines[1:]]
        for process in psutil.process_iter():
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                said = " ".join(process.cmdline())
                named = next((k for k, address in enumerate(others, 1) if address in said), 0)
                if str(self._folder) in said and named == number:
                    yield process


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
def ray_cluster(
    cpus: float = 2, machines: Sequence[Machine] = LOOPBACK, cpus_of_head: float | None = None
) -> Iterator[RayCluster]:
    """A running cluster, of which the head is there. Its folder's name is short: sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="lr-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        cluster = RayCluster(Path(folder), cpus, machines, cpus_of_head)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.end()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
