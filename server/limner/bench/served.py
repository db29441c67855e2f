"""A real server in a home of its own, for measurements: what is measured is what people run."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from limner.access import Scope
from limner.config import Settings
from limner.service import accounts
from limner.service.own_account import create_token

PATIENCE = 600.0  # s, for a process to start or to end, and for one request, on a busy machine

BUSY = 503


class Served:
    """A running ``limner serve``.

    Attributes:
        home: its folder.
        port: on this machine.
        token: of its administrator.
        pid: of the web process.
    """

    def __init__(self, home: Path, process: subprocess.Popen[str], port: int, token: str) -> None:
        self.home = home
        self.port = port
        self.token = token
        self.pid = process.pid

    def call(
        self, method: str, path: str, body: bytes | None = None, media_type: str = "application/json", **headers: str
    ) -> Any:
        """One request to the API; its JSON. While the server is busy it is sent again.

        In the names of more headers ``_`` stands for ``-``.

        Raises:
            OSError: it was not answered with a success.
        """
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v1{path}",
            body,
            {"Authorization": f"Bearer {self.token}", "Content-Type": media_type}
            | {name.replace("_", "-"): value for name, value in headers.items()},
            method=method,
        )
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310  (http, to ourselves)
                    content = answer.read()
            except urllib.error.HTTPError as error:
                error.close()
                if error.code != BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(1.0)
            else:
                return json.loads(content) if content else None

    def new_project(self, name: str) -> int:
        """A project's number."""
        return int(self.call("POST", "/projects", json.dumps({"name": name}).encode())["id"])

    def upload(self, project: int, name: str, data: bytes) -> int:
        """Add an image; its number.

        Raises:
            ValueError: it was refused.
        """
        edge = "limner-bench-part"
        head = f'--{edge}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
        body = head.encode() + data + f"\r\n--{edge}--\r\n".encode()
        answer = self.call("POST", f"/projects/{project}/images", body, f"multipart/form-data; boundary={edge}")
        (result,) = answer["results"]
        if result["image"] is None:
            raise ValueError(f"{name}: {result}")
        return int(result["image"]["id"])

    def resident_mb(self, what: str = "VmRSS") -> float:
        """Memory of the web process in MB: resident now, or at its peak (``VmHWM``). Linux tells."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return round(int(next(line.split()[1] for line in lines if line.startswith(f"{what}:"))) / 1000, 1)


def cpu_seconds(pid: int) -> float:
    """What all threads of a process have taken so far. Linux tells; 0 elsewhere."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # proc(5): utime, stime


@contextmanager
def served(**settings: object) -> Iterator[Served]:
    """Start a server in a fresh home, and stop it at the end of the block."""
    with tempfile.TemporaryDirectory(prefix="limner-bench-") as folder:
        home = Path(folder) / "home"
        with accounts.open_accounts(Settings(home=home)) as database:
            token = create_token(database, accounts.local_actor(database), "bench", [Scope.ALL], None)
        command = [sys.executable, "-m", "limner", "serve", "--port", "0", "--home", str(home)]
        environment = {**os.environ, **{f"LIMNER_{name.upper()}": str(value) for name, value in settings.items()}}
        process = subprocess.Popen(  # noqa: S603  (ourselves)
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert process.stdout is not None
        try:
            address = re.search(r":(\d+)", process.stdout.readline())
            if address is None:
                raise OSError("the server did not start")
            drain = threading.Thread(target=process.stdout.read, daemon=True)
            drain.start()
            yield Served(home, process, int(address[1]), token)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)
            process.stdout.close()
