"""A home with an encoder that is a fake without torch, and a queue of bulk work in memory."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from limner.blobs import BlobStore, image_key
from limner.config import Settings
from limner.encoding.ports import BulkQueue, Claimed
from limner.encoding.service import EmbeddingService
from limner.encoding.states import EncodeEvent, EncodingStatus, Target
from limner.models.catalogue import ModelCard
from limner.vocabulary.geometry import Region


class FakeBulk:
    """A queue in memory that remembers what it was told. ``away``: it raises like a database that cannot be reached."""

    def __init__(self, targets: Sequence[Target] = ()) -> None:
        self.waiting = list(targets)
        self.looks: list[Target] = []  # what others look at
        self.held: set[Target] = set()
        self.settled: list[EncodeEvent] = []
        self.transactions = 0
        self.trouble: list[str | None] = []
        self.unusable: dict[str, str] = {}
        self.away = False
        self.reports: list[EncodingStatus] = []

    def enter(self) -> None:
        self._reach()

    def report(self, status: EncodingStatus) -> None:
        self._reach()
        self.reports.append(status)

    def leave(self) -> None:
        self._reach()

    def claim(
        self, count: int, *, urgent: bool = False, leave_looks: bool = False, looks_of: str | None = None
    ) -> list[Claimed]:
        self._reach()
        if looks_of is not None:
            looks = [each for each in self.looks if each.model_sha256 == looks_of][:count]
            self.looks = [each for each in self.looks if each not in looks]
            self.held.update(looks)
            return [Claimed(target, "look") for target in looks]
        if self.looks and not leave_looks:
            looks, self.looks = self.looks, []
            self.held.update(looks)
            return [Claimed(target, "look") for target in looks]
        if urgent:
            return []
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        self.held.update(taken)
        return [Claimed(target) for target in taken]

    def heartbeat(self) -> set[Target]:
        self._reach()
        return set(self.held)

    def settle(self, outcomes: Sequence[EncodeEvent]) -> None:
        self._reach()
        self.transactions += 1
        self.settled += outcomes
        self.held -= {each.target for each in outcomes}

    def release(self) -> None:
        self._reach()
        self.waiting = [*self.held, *self.waiting]
        self.held = set()

    def follow(self, trouble: str | None, unusable: Mapping[str, str]) -> None:
        self._reach()
        self.trouble.append(trouble)
        self.unusable = dict(unusable)

    def _reach(self) -> None:
        if self.away:
            raise OSError("the database is away")


MODEL_SHA256 = hashlib.sha256(b"weights").hexdigest()


def target(image_sha256: str, region: Region | None = None) -> Target:
    """For the bench's model."""
    return Target(image_sha256, MODEL_SHA256, region)


FAKE = Path(__file__).parent / "fake_worker.py"

PATIENCE = 60.0  # s; nothing is measured, tests only fail after this


class Bench:
    """A home with an installed model, services on it, and what they reported."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(home=folder, model="tiny")
        self.blobs = BlobStore(self.settings.resolved_blob_url)
        self.log = folder / "log"
        self.log.touch()
        self.events: list[EncodeEvent] = []
        self.statuses = 0
        self.news = threading.Condition()
        self.services: list[EmbeddingService] = []
        model = folder / "models" / "tiny"
        model.mkdir(parents=True)
        (model / "weights.safetensors").write_bytes(b"weights")
        self.model_sha256 = MODEL_SHA256
        card = ModelCard(name="tiny", title="", family="samlet", licence="", weights_sha256=self.model_sha256)
        (model / "model.json").write_text(card.model_dump_json())

    def service(self, start: str = "one", *, running: bool = True, bulk: BulkQueue | None = None) -> EmbeddingService:
        command = (sys.executable, str(FAKE), str(self.log), self.model_sha256, start)
        service = EmbeddingService(self.settings, self.blobs, bulk, [self], command=command)
        self.services.append(service)
        if running:
            service.start()
        return service

    def image(self, content: str) -> str:
        sha256 = hashlib.sha256(content.encode()).hexdigest()
        self.blobs.put(image_key(sha256), content.encode())
        return sha256

    def gate(self, name: str) -> tuple[str, Path]:
        """An image over which the child waits until the FIFO is written to."""
        path = self.settings.home / name
        os.mkfifo(path)
        return self.image(f"wait {path}"), path

    def wait(self, condition: Callable[[], bool]) -> None:
        with self.news:
            assert self.news.wait_for(condition, PATIENCE), self.events

    def wait_for(self, image_sha256: str, state: str) -> EncodeEvent:
        found: list[EncodeEvent] = []

        def seen() -> bool:
            found[:] = [e for e in self.events if e.target.image_sha256 == image_sha256 and e.state == state]
            return bool(found)

        self.wait(seen)
        return found[-1]

    def states_of(self, image_sha256: str) -> list[str]:
        return [event.state for event in self.events if event.target.image_sha256 == image_sha256]

    def taken(self) -> list[list[str]]:
        return [line.split() for line in self.log.read_text().splitlines()]

    def said_to_follow(self) -> list[list[str]]:
        return [line.split() for line in self.log.with_name("following").read_text().splitlines()]

    def on_targets(self, events: Sequence[EncodeEvent]) -> None:
        with self.news:
            self.events += events
            self.news.notify_all()

    def on_status(self, status: EncodingStatus) -> None:
        with self.news:
            self.statuses += 1
            self.news.notify_all()


def open_gate(path: Path) -> None:
    path.write_bytes(b"go")


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def reported(bulk: FakeBulk, before: int) -> None:
    """Wait until the dispatcher has said once more how the encoder stands."""
    deadline = time.monotonic() + PATIENCE
    while len(bulk.reports) == before:
        assert time.monotonic() < deadline
        time.sleep(0.01)
