"""Runs the image that try.sh built, as a container is run, and tries it: an image goes in and is encoded.

Mounts and processes of its own, the root read-only but for /tmp and the volume, the image's user without any right. The
network is that of this machine. Needs root.

    python3 packaging/container/try_run.py FOLDER [options that the image was built with]
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path

PORT = 18000
PATIENCE = 180.0  # s, for the server and for an embedding
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # as runtimes set it
PHOTO = Path(__file__).parents[2] / "docs" / "images" / "gallery.jpg"
PREPARE = """
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
mount -t tmpfs tmpfs "$1/tmp"
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount --bind "$2" "$1$3"
shift 3
exec "$@"
"""


def say(text: str) -> None:
    """A step."""
    print(f"== {text}", file=sys.stderr, flush=True)  # noqa: T201


class Container:
    """A container of the image."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._config = json.loads(self._build("inspect", "--type", "image", "limner"))["Docker"]["config"]
        self._container = self._build("from", "--pull-never", "limner")
        self._root = self._build("mount", self._container)
        self._user, _, self._group = self._config["User"].partition(":")
        home = folder / "home"
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(mode=0o700)
        os.chown(home, int(self._user), int(self._group))
        (volume,) = self._config["Volumes"]
        command = [*self._config["Entrypoint"], *self._config["Cmd"]]
        prepared = ["sh", "-ec", PREPARE, "sh", self._root, str(home), volume, *self._as_user(command)]
        with (folder / "limner.log").open("w") as log:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "--pid", "--fork", *prepared], stdout=log, stderr=log
            )

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run something beside what runs in it."""
        entered = ["nsenter", "--target", str(self._first()), "--mount", "--pid", *self._as_user(command)]
        return subprocess.run(entered, capture_output=True, text=True, check=False)

    def healthy(self) -> bool:
        """What the image's own health check says."""
        kind, *command = self._config["Healthcheck"]["Test"]
        assert kind == "CMD"
        return self.run(*command).returncode == 0

    def stop(self) -> int:
        """As ``docker stop`` does; the exit status."""
        os.kill(self._first(), getattr(signal, self._config["StopSignal"]))
        return self.process.wait(60)

    def remove(self) -> None:
        """Whatever it still does: all of its processes end with the first one."""
        if self.process.poll() is None:
            os.kill(self._first(), signal.SIGKILL)
        self.process.wait()
        self._build("rm", self._container)

    def _first(self) -> int:
        """The number of its first process, as this machine counts."""
        return int(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0])

    def _as_user(self, command: Iterable[str]) -> list[str]:
        rights = ["--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
        as_whom = ["setpriv", f"--reuid={self._user}", f"--regid={self._group}", *rights]
        variables = [PATH, *self._config["Env"], f"LIMNER_PORT={PORT}"]
        return ["chroot", self._root, *as_whom, "env", "--ignore-environment", *variables, *command]

    def _build(self, *arguments: str) -> str:
        stores = ["--root", str(self._folder / "storage"), "--runroot", str(self._folder / "run")]
        run = subprocess.run(["buildah", *stores, *arguments], check=True, stdout=subprocess.PIPE, text=True)
        return run.stdout.strip()


class Api:
    """Asks the server in the container."""

    def __init__(self, token: str) -> None:
        self._token = token

    def ask(self, path: str, body: bytes | None = None, kind: str = "application/json") -> tuple[int, bytes]:
        """Status and answer."""
        headers = {"Authorization": f"Bearer {self._token}", **({"Content-Type": kind} if body else {})}
        request = urllib.request.Request(f"http://127.0.0.1:{PORT}/api/v1{path}", body, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()

    def upload(self, project: int, photo: Path) -> int:
        """The number of the image."""
        line = uuid.uuid4().hex
        head = f'--{line}\r\nContent-Disposition: form-data; name="files"; filename="{photo.name}"\r\n\r\n'
        body = head.encode() + photo.read_bytes() + f"\r\n--{line}--\r\n".encode()
        _, answer = self.ask(f"/projects/{project}/images", body, f"multipart/form-data; boundary={line}")
        return int(json.loads(answer)["results"][0]["image"]["id"])


def ready() -> bool:
    """Whether the server can work."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/readyz", timeout=5):
            return True
    except OSError:
        return False


def wait(condition: Callable[[], bool], what: str) -> None:
    """Until it holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what} did not come.")
        time.sleep(0.5)


def expect(holds: bool, what: str) -> None:
    """End where it does not."""
    if not holds:
        raise SystemExit(f"Not so: {what}.")
    say(what)


def try_out(container: Container, *, encodes: bool) -> None:
    """All that is expected of it."""
    wait(lambda: container.process.poll() is not None or ready(), "The server")
    expect(container.process.poll() is None, "it runs, and is ready")
    expect(container.run("id", "-u").stdout.strip() == "10001", "it is user 10001")
    expect(container.run("touch", "/usr/here").returncode != 0, "its file system cannot be written to")
    expect(container.run("touch", "/tmp/here").returncode == 0, "but for /tmp")
    expect(container.healthy(), "its own health check passes")
    api = Api(container.run("limner", "user", "token", "create", "try").stdout.strip())
    project = int(json.loads(api.ask("/projects", b'{"name": "Tried"}')[1])["id"])
    image = api.upload(project, PHOTO)
    say(f"image {image} is in project {project}")
    if encodes:
        address = f"/images/{image}/embedding?priority=look"
        wait(lambda: api.ask(address)[0] == 200, "The embedding")
        say(f"its embedding has {len(api.ask(address)[1]):,} bytes")
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/", timeout=60) as page:
        expect(b"<script" in page.read(), "the page is there")
    expect(container.stop() == 0, "it ends when it is told to")


def main(folder: str, *options: str) -> None:
    """Start it, try it, remove it."""
    container = Container(Path(folder))
    try:
        try_out(container, encodes="PACKAGE=server" not in options)
    finally:
        container.remove()


if __name__ == "__main__":
    main(*sys.argv[1:])
