"""A worker on a Ray cluster, what it works on, and how far it is."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from sqlalchemy import func, select

from limner.blobs import BlobStore, embedding_key
from limner.config import Settings
from limner.jobs.precompute import count_unencoded, start_precompute
from limner.store import Database
from limner.store.embeddings import EmbeddingKey
from limner.store.images import NewImage, add_image
from limner.store.migrate import migrate
from limner.store.projects import create_project
from limner.store.tables import Encoder, Job
from tests.cluster.ray_cluster import RayCluster
from tests.conftest import TEST_MODEL_SHA256

PATIENCE = 240.0  # s: Ray starts a process for each actor, each of which starts another
KEY = EmbeddingKey.of(TEST_MODEL_SHA256)


class World:
    """A database and blobs that the cluster's encoders and this test see, and a worker on the cluster."""

    def __init__(
        self,
        settings: Settings,
        cluster: RayCluster,
        folder: Path,
        actors: int,
        *,
        cpus: float = 0.5,
        seconds_each: float = 0,
    ) -> None:
        self.settings = settings
        self.cluster = cluster
        self.database = Database(settings.resolved_database_url)
        migrate(self.database)
        self.blobs = BlobStore(settings.resolved_blob_url)
        self.log = folder / "encoders.log"
        self.said = folder / "worker.log"
        command = [sys.executable, "-m", "tests.cluster.run_worker", cluster.address, str(actors), str(self.log)]
        with self.said.open("w") as said:
            self.process = subprocess.Popen(
                [*command, TEST_MODEL_SHA256, f"{cpus:g}", "4", f"{seconds_each:g}"],
                env={**settings.environment(), **cluster.environment},
                stdout=said,
                stderr=said,
            )

    def start_job(self, name: str, images: int) -> int:
        """A project of images that are nowhere but in the database, and a job that encodes them; its number."""
        with self.database.write() as session:
            project = create_project(session, name).id
            for number in range(images):
                sha256 = f"{project:032x}{number:032x}"
                add_image(session, project, NewImage(f"{number}.png", 64, 48, sha256, 5, "PNG", "image/png"))
        with self.database.read() as session:
            counted = count_unencoded(session, project, KEY)
        with self.database.write() as session:
            return start_precompute(session, project, KEY, counted).id

    def job(self, number: int) -> Job:
        with self.database.read() as session:
            return session.get_one(Job, number)

    def missing(self, number: int) -> list[str]:
        """Embeddings of the job's project that are not there."""
        job = self.job(number)
        keys = [embedding_key(f"{job.project_id:032x}{n:032x}", *KEY.__dict__.values()) for n in range(job.total)]
        return [key for key in keys if not self.blobs.exists(key)]

    def encoders(self) -> int:
        """How many have said how they stand."""
        with self.database.read() as session:
            return session.scalar(select(func.count()).select_from(Encoder)) or 0

    def encoder_processes(self) -> list[psutil.Process]:
        """The processes with the model, of all actors of this test."""
        found = []
        for process in psutil.process_iter():
            try:
                if str(self.log) in process.cmdline() and "limner.bench.sleeping_worker" in process.cmdline():
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self.process.poll() is None, self.said.read_text()[-4000:]
            assert time.monotonic() < deadline, f"{what} did not come:\n{self.said.read_text()[-4000:]}"
            time.sleep(0.1)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(90)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.database.close()
