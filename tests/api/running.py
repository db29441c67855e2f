"""`limner serve` as a process of its own, for tests and for the soak."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

import httpx
import psutil

from limner.config import Settings
from tests.processes import ending_what_fails

PATIENCE = 60.0  # s, for a process to start or end on a busy machine


SERVE = (sys.executable, "-m", "limner", "serve", "--port", "0")


class Server:
    """A running `limner serve`, in a process group of its own."""

    def __init__(self, settings: Settings, command: Sequence[str] = SERVE) -> None:
        self.process = subprocess.Popen(
            command,
            env=settings.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        with ending_what_fails(self.process):
            lines = [self.process.stdout.readline() for _ in range(3)]
            address = re.search(r"http://\S+", lines[0])
            token = re.search(r"#token=(\S+)", lines[1])
            assert address, self.process.stderr
            assert token
        self.client = httpx.Client(base_url=address[0], timeout=PATIENCE)
        session = self.client.post("/api/v1/session", json={"token": token[1]}).json()
        self.client.headers["X-CSRFToken"] = session["csrf_token"]

    def family(self) -> list[psutil.Process]:
        process = psutil.Process(self.process.pid)
        return [process, *process.children(recursive=True)]

    def end(self, number: signal.Signals) -> int:
        """Send a signal to all of the group and wait until every process of it is gone."""
        family = self.family()
        os.killpg(self.process.pid, number)
        status = self.process.wait(PATIENCE)
        _, alive = psutil.wait_procs(family, timeout=PATIENCE)
        assert not alive
        self.close()
        return status

    def stop_and_read(self) -> list[str]:
        """Stop it; the lines that it has logged."""
        logged: list[str] = []
        assert self.process.stderr is not None
        reader = threading.Thread(target=lambda: logged.extend(self.process.stderr or ()))
        reader.start()
        os.kill(self.process.pid, signal.SIGTERM)
        self.process.wait(PATIENCE)
        reader.join(PATIENCE)
        self.close()
        return logged

    def close(self) -> None:
        """Let go of connections and pipes."""
        self.client.close()
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()
