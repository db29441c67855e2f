"""Encoders on a real Ray cluster of two processors: they share a job, and go on when they or the head are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner
from sqlalchemy import func, select

from limner.blobs import BlobStore, embedding_key
from limner.cli import cli
from limner.cluster import options as options_module
from limner.cluster.options import RayOptions
from limner.config import Settings
from limner.errors import InvalidInput
from limner.jobs.precompute import count_unencoded, start_precompute
from limner.store import Database
from limner.store.embeddings import EmbeddingKey
from limner.store.images import NewImage, add_image
from limner.store.migrate import migrate
from limner.store.projects import create_project
from limner.store.tables import Encoder, Job
from tests.cluster.ray_cluster import RayCluster, ray_cluster
from tests.conftest import TEST_MODEL_SHA256

pytest.importorskip("ray", reason="Ray cannot be installed here: pip install 'limner[cluster]'")

pytestmark = pytest.mark.slow
PATIENCE = 240.0  # s: Ray starts a process for each actor, each of which starts another
KEY = EmbeddingKey.of(TEST_MODEL_SHA256)


class World:
    """A database and blobs that the cluster's encoders and this test see, and a worker on the cluster."""

    def __init__(self, settings: Settings, cluster: RayCluster, folder: Path, actors: int) -> None:
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
                [*command, TEST_MODEL_SHA256],
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


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with ray_cluster() as cluster:
        yield cluster


@pytest.fixture
def world(
    settings: Settings, new_postgres_database: Callable[[], str], cluster: RayCluster, tmp_path: Path
) -> Iterator[World]:
    world = World(settings.model_copy(update={"database_url": new_postgres_database()}), cluster, tmp_path, actors=2)
    yield world
    world.close()


def test_encoders_on_the_cluster_share_a_job_go_on_when_killed_and_end_with_the_worker(world: World) -> None:
    world.wait(lambda: len(world.encoder_processes()) == 2, "two encoders")
    job = world.start_job("Shared", 60)
    world.wait(lambda: world.job(job).done > 8, "the first embeddings")
    victim = world.encoder_processes()[0].parent()
    assert victim is not None
    assert "WorkerActor" in " ".join(victim.cmdline())
    victim.kill()
    world.wait(lambda: world.job(job).state == "done", "the end of the job")
    assert (world.job(job).done, world.job(job).failed, world.missing(job)) == (60, 0, [])
    world.wait(lambda: len(world.encoder_processes()) == 2, "another encoder")
    assert world.stop() == 0
    deadline = time.monotonic() + PATIENCE
    while world.encoder_processes():
        assert time.monotonic() < deadline, "encoders outlive the worker"
        time.sleep(0.1)


def test_encoders_come_again_when_the_head_was_killed_and_started_anew(world: World) -> None:
    job = world.start_job("Before", 12)
    world.wait(lambda: world.job(job).state == "done", "the first job")
    world.cluster.kill()
    job = world.start_job("After", 12)
    world.wait(lambda: not world.encoder_processes(), "the end of encoders without a cluster")
    world.cluster.start()
    world.wait(lambda: world.job(job).state == "done", "the second job")
    assert world.missing(job) == []
    batches = [json.loads(line)["targets"] for line in world.log.read_text().splitlines()]
    assert sum(map(len, batches)) >= 24


def test_a_head_that_is_killed_before_any_encoder_has_answered_is_missed_too(world: World) -> None:
    world.wait(lambda: len(world.encoder_processes()) > 0, "an encoder")
    world.cluster.kill()
    world.cluster.start()
    job = world.start_job("After", 12)
    world.wait(lambda: world.job(job).state == "done", "the job")
    assert world.missing(job) == []


def test_a_worker_without_ray_says_what_to_install(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options_module, "find_spec", lambda name: None)
    with pytest.raises(InvalidInput, match="Ray is not installed here") as raised:
        RayOptions(address="auto").check(settings)
    assert raised.value.hint == "Install it with: pip install 'limner[cluster]'"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--ray", "auto"], "A worker on a Ray cluster needs PostgreSQL"),
        (["--gpus", "1"], "--gpus is of encoders on a Ray cluster. Name the cluster with --ray HOST:PORT."),
        (["--ray", "auto", "--name", "me"], "--name is of one worker."),
    ],
)
def test_options_that_contradict_each_other_are_named(
    settings: Settings, arguments: list[str], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.environment().items():
        if name.startswith("LIMNER_"):
            monkeypatch.setenv(name, value)
    answer = CliRunner().invoke(cli, ["worker", *arguments])
    assert isinstance(answer.exception, InvalidInput)
    assert problem in f"{answer.exception} {answer.exception.hint}"


def test_an_encoder_gets_what_ray_gives_it(settings: Settings) -> None:
    with pytest.raises(InvalidInput, match=r"cannot have 1.5 GPUs"):
        RayOptions(address="auto", gpus=1.5).check(settings)
    cuda = settings.model_copy(update={"device": "cuda"})
    with pytest.raises(InvalidInput, match="needs a GPU of the cluster"):
        RayOptions(address="auto").check(cuda)
    shared = RayOptions(address="auto", gpus=0.25).check(cuda)
    assert shared.settings_of_actors(settings).device == "cuda"
    small = RayOptions(address="auto", cpus=2.5).settings_of_actors(settings)
    assert (small.device, small.encoder_threads, small.workers) == ("cpu", 2, 1)
    assert os.environ.get("RAY_ADDRESS") is None
