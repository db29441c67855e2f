"""Power goes away again and again while many people save: is all that was acknowledged there, once?

``make soak`` runs 40 writers through 30 kills and prints a table; ``tests/api/test_soak.py`` runs a small version. Each
writer creates and changes masks on an image of its own. When the server's processes are killed (SIGKILL, all at once),
the request without an answer is sent again to the next server, as the page does. Uploads go on beside.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import signal
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from limner.blobs import BlobStore
from limner.config import Settings
from limner.maintenance.check import check
from limner.maintenance.database import open_existing
from tests.api.conftest import creation, mask_rle, new_uid
from tests.api.running import PATIENCE, Server
from tests.conftest import png_bytes

PAUSE = 0.05  # s, before a request is sent again


@dataclass
class Round:
    """From a start of the server to its end.

    Attributes:
        start_seconds: until it listened.
        acknowledged: changes that were answered.
        unanswered: changes that were on their way when it was killed.
    """

    start_seconds: float
    acknowledged: int = 0
    unanswered: int = 0


@dataclass
class Outcome:
    """What is left at the end."""

    rounds: list[Round]
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing is amiss."""
        return not (self.lost or self.duplicated or self.wrong or self.damaged)

    def table(self) -> str:
        """As Markdown."""
        rows = [
            f"| {number} | {each.start_seconds:.1f} | {each.acknowledged} | {each.unanswered} |"
            for number, each in enumerate(self.rounds, start=1)
        ]
        saves = sum(each.acknowledged for each in self.rounds)
        counts = f"{len(self.lost)} lost, {len(self.duplicated)} duplicated, {len(self.wrong)} wrong"
        return "\n".join(
            [
                "| kill | start, s | acknowledged | unanswered |",
                "|---:|---:|---:|---:|",
                *rows,
                "",
                f"{saves} changes acknowledged: {counts}; {len(self.damaged)} damaged or missing files.",
            ]
        )


class Writer(threading.Thread):
    """Saves on one image for as long as there are servers, one change after the other."""

    def __init__(self, soak: Soak, image: int) -> None:
        super().__init__(name=f"writer-{image}", daemon=True)
        self.image = image
        self.revision = 0
        self.masks: dict[str, str] = {}  # counts by uid, in the order of creation: what has to be there
        self.complaints: list[str] = []
        self._soak = soak
        self._random = random.Random(image)

    def run(self) -> None:
        """Until the soak ends; a change that was begun is brought to its end."""
        while not self._soak.ending.is_set():
            body = self._change()
            while not self._send(body):
                time.sleep(PAUSE)

    def _change(self) -> dict[str, Any]:
        if self.masks and self._random.random() < 0.4:
            changes = {"segmentation": mask_rle(self._random.randrange(1 << 30))}
            uid = self._random.choice(list(self.masks))
            return {"operation_id": new_uid(), "operation": {"kind": "update", "uid": uid, "changes": changes}}
        return creation(segmentation=mask_rle(self._random.randrange(1 << 30)))

    def _send(self, body: dict[str, Any]) -> bool:
        """Whether it is settled."""
        server, round_ = self._soak.current()
        headers = {"If-Match": f'"{self.revision}"'}
        try:
            answer = server.client.post(f"/api/v1/images/{self.image}/operations", json=body, headers=headers)
        except (httpx.HTTPError, RuntimeError):  # killed, or its client is closed already
            with self._soak.lock:
                round_.unanswered += 1
            self._soak.wait_for_another(server)
            return False
        if answer.status_code == 503:
            return False
        if answer.status_code != 200:
            self.complaints.append(f"image {self.image}: {answer.status_code} {answer.text[:200]}")
            return True
        self.revision = int(answer.json()["revision"])
        operation = body["operation"]
        self.masks[operation["uid"]] = operation.get("changes", operation)["segmentation"]["counts"]
        with self._soak.lock:
            round_.acknowledged += 1
        return True


class Uploader(threading.Thread):
    """Uploads one image after the other."""

    def __init__(self, soak: Soak) -> None:
        super().__init__(name="uploader", daemon=True)
        self.images: list[str] = []
        self._soak = soak

    def run(self) -> None:
        """Until the soak ends."""
        seed = 1_000_000
        while not self._soak.ending.is_set():
            server, _ = self._soak.current()
            try:
                self.images.append(upload(server.client, self._soak.project, seed)["sha256"])
                seed += 1
            except (httpx.HTTPError, RuntimeError):
                self._soak.wait_for_another(server)
            time.sleep(PAUSE)


class Soak:
    """Writers, and a server that is killed and started again."""

    def __init__(self, settings: Settings, writers: int, saves: int, how: signal.Signals = signal.SIGKILL) -> None:
        self.ending = threading.Event()
        self.lock = threading.Lock()
        self.rounds: list[Round] = []
        self.project = 0
        self._settings = settings
        self._saves = saves  # acknowledged ones before each kill, about
        self._changed = threading.Condition()
        self._server: Server | None = None
        self._count = writers
        self._random = random.Random(0)
        self._how = how
        self.statuses: list[int] = []  # of servers that were asked to end

    def current(self) -> tuple[Server, Round]:
        """The server that runs, and its round; waits until there is one."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._server is not None, 2 * PATIENCE), "no server came"
            assert self._server is not None
            return self._server, self.rounds[-1]

    def wait_for_another(self, dead: Server) -> None:
        """Until this server has been replaced."""
        with self._changed:
            self._changed.wait_for(lambda: self._server not in (None, dead) or self.ending.is_set(), PAUSE)

    def run(self, kills: int) -> Outcome:
        """Kill the server so many times, then look at what is there."""
        self._start()
        server, _ = self.current()
        self.project = server.client.post("/api/v1/projects", json={"name": "Soak"}).json()["id"]
        images = [upload(server.client, self.project, seed)["id"] for seed in range(self._count)]
        writers, uploader = [Writer(self, image) for image in images], Uploader(self)
        for thread in (*writers, uploader):
            thread.start()
        for number in range(kills):
            self._wait_for_saves(self._random.uniform(0.5, 1.5) * self._saves)
            self._kill()
            self._start()
            if sys.stderr.isatty() or number % 5 == 4:
                sys.stderr.write(f"{number + 1} kills\n")
        self._wait_for_saves(self._saves)
        self.ending.set()
        for thread in (*writers, uploader):
            thread.join(2 * PATIENCE)
            assert not thread.is_alive(), f"{thread.name} does not end"
        return self._look(writers, uploader)

    def _start(self) -> None:
        started = time.monotonic()
        server = Server(self._settings)
        with self._changed:
            self.rounds.append(Round(time.monotonic() - started))
            self._server = server
            self._changed.notify_all()

    def _kill(self) -> None:
        with self._changed:
            server, self._server = self._server, None
        assert server is not None
        if self._how is signal.SIGKILL:
            server.end(self._how)
            return
        family = server.family()
        server.process.send_signal(self._how)  # to the web process alone, which brings the others to their end
        self.statuses.append(server.process.wait(PATIENCE))
        _, alive = psutil.wait_procs(family, timeout=PATIENCE)
        assert not alive
        server.close()

    def _wait_for_saves(self, wanted: float) -> None:
        deadline = time.monotonic() + 2 * PATIENCE
        while self.rounds[-1].acknowledged < wanted:
            assert time.monotonic() < deadline, "nobody comes to save anything"
            time.sleep(0.01)

    def _look(self, writers: list[Writer], uploader: Uploader) -> Outcome:
        server, _ = self.current()
        outcome = Outcome(self.rounds)
        for writer in writers:
            outcome.wrong += writer.complaints
            stored = server.client.get(f"/api/v1/images/{writer.image}/annotations").json()
            found = [each["uid"] for each in stored["annotations"]]
            outcome.lost += [uid for uid in writer.masks if uid not in found]
            outcome.duplicated += [uid for uid in found if uid not in writer.masks or found.count(uid) > 1]
            if stored["revision"] != writer.revision:
                outcome.wrong.append(f"image {writer.image}: revision {stored['revision']}, not {writer.revision}")
            for each in stored["annotations"]:
                if each["segmentation"]["counts"] != writer.masks.get(each["uid"]):
                    outcome.wrong.append(f"{each['uid']}: another mask than the last that was acknowledged")
        server.end(signal.SIGTERM)
        with open_existing(self._settings) as database:
            from sqlalchemy import select

            from limner.store.tables import Image

            with database.read() as session:
                known = set(session.scalars(select(Image.sha256)))
            outcome.lost += [sha256 for sha256 in uploader.images if sha256 not in known]
            blobs = BlobStore(self._settings.resolved_blob_url)
            found_faults = check(database, blobs, thorough=True, max_pixels=self._settings.max_pixels)
            outcome.damaged += [f"{finding.key}: {finding.fault}" for finding in found_faults]
        return outcome


def upload(client: httpx.Client, project: int, seed: int) -> dict[str, Any]:
    """Add an image of its own for each seed."""
    files = {"files": (f"{seed}.png", io.BytesIO(png_bytes(48, 64, seed)), "image/png")}
    answer = client.post(f"/api/v1/projects/{project}/images", files=files)
    if answer.status_code != 200:
        raise httpx.HTTPStatusError(answer.text, request=answer.request, response=answer)
    return dict(answer.json()["results"][0]["image"])


def main() -> None:
    """The command line of ``make soak``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--writers", type=int, default=40)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--saves", type=int, default=150, help="acknowledged before each kill, about")
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="limner-soak-") as folder:
        outcome = Soak(Settings(home=Path(folder) / "home"), arguments.writers, arguments.saves).run(arguments.kills)
    print(outcome.table())  # noqa: T201
    print(f"{arguments.writers} writers, {arguments.kills} kills, {time.monotonic() - started:.0f} s")  # noqa: T201
    for complaint in (*outcome.lost, *outcome.duplicated, *outcome.wrong, *outcome.damaged)[:20]:
        print(complaint)  # noqa: T201
    if arguments.json:
        arguments.json.write_text(json.dumps([vars(each) for each in outcome.rounds], indent=2) + "\n")
    sys.exit(0 if outcome.good else 1)


if __name__ == "__main__":
    main()
