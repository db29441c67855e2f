"""Encoders on a real Ray cluster of two processors: they share a job, and go on when they or the head are killed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from limner.cli import cli
from limner.cluster import options as options_module
from limner.cluster.options import RayOptions
from limner.config import Settings
from limner.errors import InvalidInput
from tests.cluster.ray_cluster import RayCluster, ray_cluster
from tests.cluster.world import PATIENCE, World

pytest.importorskip("ray", reason="Ray cannot be installed here: pip install 'limner[cluster]'")

pytestmark = pytest.mark.slow


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


def test_the_address_of_a_client_server_is_refused_with_what_to_do(settings: Settings) -> None:
    with pytest.raises(InvalidInput, match="ray://head:10001 is the address of Ray's client server") as raised:
        RayOptions(address="ray://head:10001").check(settings)
    assert "ray start --address=HOST:6379 --num-cpus=0" in str(raised.value.hint)


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
