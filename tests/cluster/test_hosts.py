"""Several hosts, each with an address, a home and a cable of its own: web processes behind nginx, and a Ray cluster."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from limner.config import Settings
from tests import s3
from tests.cluster.ray_cluster import Machine, ray_cluster
from tests.cluster.saving import Writers
from tests.cluster.world import World
from tests.conftest import TEST_MODEL, TEST_MODEL_SHA256, install_card
from tests.hosts import Host, Network, network
from tests.nginx import nginx_command, passing_on_to_hosts
from tests.ports import free_port
from tests.postgres import make_database, running_postgres
from tests.processes import end

pytestmark = pytest.mark.slow

PATIENCE = 120.0  # s
PORT = 8000
CUT_FOR = 12.0  # s


class Site:
    """PostgreSQL and an S3 server on this machine, within reach of hosts; each host has a home of its own."""

    def __init__(self, lan: Network, folder: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lan, self.folder, self.stack = lan, folder, stack
        server = stack.enter_context(running_postgres(lan.address))
        endpoint = stack.enter_context(s3.s3_server(lan.address))
        for name, value in s3.environment(endpoint).items():
            monkeypatch.setenv(name, value)
        self.settings = Settings(
            home=folder / "home",
            model=TEST_MODEL,
            database_url=make_database(server.url, "limner"),
            blob_url=f"s3://{s3.make_bucket(endpoint)}/blobs",
        )

    def home(self, host: Host) -> Path:
        """Its own, with the model."""
        home = self.folder / host.name
        install_card(home, TEST_MODEL, TEST_MODEL_SHA256)
        return home

    def run(self, host: Host, command: list[str], settings: Settings, log: str) -> None:
        """A process that runs there until the end of the test; what it says is in ``log``."""
        with (self.folder / log).open("w") as said:
            process = subprocess.Popen([*host.prefix, *command], env=settings.environment(), stdout=said, stderr=said)
        self.stack.callback(end, process)

    def said(self, log: str) -> str:
        return (self.folder / log).read_text()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(stack.enter_context(network(2)), tmp_path, stack, monkeypatch)


def test_people_save_on_while_web_hosts_are_cut_off_one_after_the_other(site: Site) -> None:
    first, second = site.lan.hosts
    for number, host in enumerate((first, second)):
        home = site.home(host)
        if host is second:  # as docs/deploy.md says: it signs cookies
            shutil.copy(site.folder / first.name / "secret_key", home / "secret_key")
        settings = site.settings.model_copy(update={"home": home, "worker_only": "upkeep", "proxy_hops": 1})
        command = [sys.executable, "-m", "limner", "serve", "--host", host.address, "--port", str(PORT)]
        site.run(host, [*command, "--workers", "2"], settings, f"web-{number}.log")
        _wait_for_answer(f"http://{host.address}:{PORT}")
    port = free_port()
    to = [f"{host.address}:{PORT}" for host in site.lan.hosts]
    (site.folder / "nginx").mkdir()
    proxy = subprocess.Popen(nginx_command(passing_on_to_hosts(to, port), site.folder / "nginx"))
    site.stack.callback(end, proxy)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=5) as web:
        _wait_for_answer(str(web.base_url))
        token = re.search(r"#token=(\S+)", site.said("web-0.log"))
        assert token
        web.headers["X-CSRFToken"] = web.post("/api/v1/session", json={"token": token[1]}).json()["csrf_token"]
        writers = Writers(web, 4)
        _saved_more(writers, 40)
        for host in site.lan.hosts:
            host.unplug()
            began = time.monotonic()
            _saved_more(writers, 40)  # by the other one
            time.sleep(max(0.0, CUT_FOR - (time.monotonic() - began)))
            host.plug()
            _wait_for_answer(f"http://{host.address}:{PORT}")
            _saved_more(writers, 40)
        assert writers.end() == []


def test_what_a_lost_host_was_encoding_is_encoded_by_another_and_it_comes_again(site: Site) -> None:
    pytest.importorskip("ray", reason="Ray cannot be installed here: pip install 'limner[cluster]'")
    lost, _ = site.lan.hosts
    machines = [Machine(site.lan.address), *(Machine(host.address, tuple(host.prefix)) for host in site.lan.hosts)]
    home = site.settings.home
    install_card(home, TEST_MODEL, TEST_MODEL_SHA256)
    cluster = site.stack.enter_context(ray_cluster(1, machines, cpus_of_head=0))
    for number in (1, 2):
        cluster.start_second(number)
    world = World(site.settings, cluster, site.folder, actors=2, cpus=1, seconds_each=0.1)  # one on each host
    site.stack.callback(world.close)
    world.wait(lambda: len(world.encoder_processes()) == 2, "two encoders")
    job = world.start_job("Shared", 200)
    world.wait(lambda: world.job(job).done > 16, "the first embeddings")
    lost.unplug()
    world.wait(lambda: world.job(job).state == "done", "the end of the job")
    assert (world.job(job).done, world.job(job).failed, world.missing(job)) == (200, 0, [])
    lost.plug()
    cluster.kill_second(1)  # as the host's service manager does when Ray ends there
    cluster.start_second(1)
    world.wait(lambda: len(world.encoder_processes()) == 2, "another encoder")
    began = Counter(image for line in world.log.read_text().splitlines() for image in json.loads(line)["targets"])
    assert max(began.values()) <= 2


def _saved_more(writers: Writers, count: int) -> None:
    before, _ = writers.counts()
    _wait(lambda: writers.counts()[0] >= before + count, f"{count} more saves")


def _wait_for_answer(address: str) -> None:
    def answers() -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(f"{address}/healthz", timeout=2).status_code == 200
        return False

    _wait(answers, f"an answer of {address}")


def _wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.1)
