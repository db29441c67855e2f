"""All parts of a cluster as processes of this machine, each of which can be killed: PostgreSQL, an S3 server, a Ray
cluster of two machines with encoders that sleep, two web processes behind nginx.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import psutil
from sqlalchemy import create_engine, func, insert, select, text
from sqlalchemy.exc import SQLAlchemyError

from limner.blobs import BlobStore, embedding_key
from limner.config import Settings
from limner.jobs.precompute import count_unencoded, start_precompute
from limner.store import Database
from limner.store.embeddings import EmbeddingKey
from limner.store.migrate import migrate
from limner.store.projects import create_project
from limner.store.tables import Encoder, Image, Job, JobItem
from limner.store.types import utc_now
from tests import s3
from tests.cluster.door import Door
from tests.cluster.ray_cluster import RayCluster, ray_cluster
from tests.conftest import TEST_MODEL, TEST_MODEL_SHA256, install_card
from tests.nginx import nginx_command, passing_on
from tests.ports import free_port
from tests.postgres import PostgresServer, make_database, running_postgres
from tests.processes import end

KEY = EmbeddingKey.of(TEST_MODEL_SHA256)
PATIENCE = 300.0  # s
BATCH = 8
SECONDS_EACH = 0.1  # that a sleeping encoder takes for an image
CONNECTIONS = 400  # to PostgreSQL: 20 × (web processes + workers) + 10, and some
HANGS_AFTER = 10.0  # s of silence; more for those whose batches usually take longer


@dataclass(frozen=True)
class Made:
    """A batch that an encoder began with: images by sha256, number of its process, seconds since 1970."""

    images: list[str]
    process: int
    began: float


class Arrangement:
    """What :func:`arranged` has started.

    Attributes:
        settings: of all processes.
        said: folder of their logs.
        door: between all of them and the S3 server.
        web: a signed-in client of nginx.
    """

    def __init__(
        self, folder: Path, settings: Settings, postgres: PostgresServer, cluster: RayCluster, door: Door
    ) -> None:
        self.settings, self.postgres, self.cluster, self.door = settings, postgres, cluster, door
        self.said = folder
        self.log = folder / "encoders.log"
        self.log.touch()
        self.database = Database(settings.resolved_database_url)
        migrate(self.database)
        self.blobs = BlobStore(settings.resolved_blob_url)
        self.workers: list[subprocess.Popen[bytes]] = []
        self._started = 0

    # --- workers on the Ray cluster -----------------------------------------------------------------------------------

    def start_worker(self, actors: int, cpus: float, *, only: str = "encoding", seconds: float = SECONDS_EACH) -> None:
        """``limner worker --ray`` with so many sleeping encoders."""
        self._started += 1
        settings = self.settings.model_copy(update={"worker_only": only})
        command = [sys.executable, "-m", "tests.cluster.run_worker", self.cluster.address, str(actors), str(self.log)]
        command += [TEST_MODEL_SHA256, str(cpus), str(BATCH), str(seconds)]
        with (self.said / f"worker-{self._started}.log").open("w") as said:
            environment = {**settings.environment(), **self.cluster.environment}
            self.workers.append(subprocess.Popen(command, env=environment, stdout=said, stderr=said))

    def stop_workers(self) -> None:
        """As SIGTERM does; all encoders are gone afterwards."""
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            worker.wait(90)
        self.workers = []
        self.wait(lambda: not self.encoders(), "the end of the encoders")

    def kill_workers(self) -> None:
        """Whatever they have in hand."""
        for worker in self.workers:
            end(worker)

    def encoders(self) -> list[psutil.Process]:
        """The processes that sleep instead of encoding; the parent of each is its actor."""
        return _processes(lambda command: str(self.log) in command and "limner.bench.sleeping_worker" in command)

    def wait_for_encoders(self, count: int) -> None:
        """Until so many encoders run and have said so."""
        self.wait(lambda: len(self.encoders()) == count and self._heard_of() >= count, f"{count} encoders")

    def _heard_of(self) -> int:
        with self.database.read() as session:
            fresh = Encoder.beat > utc_now() - timedelta(seconds=20)
            return session.scalar(select(func.count()).select_from(Encoder).where(fresh)) or 0

    def made(self) -> list[Made]:
        """All batches that were begun."""
        lines = map(json.loads, self.log.read_text().splitlines())
        return [Made(line["targets"], line["process"], line["began"]) for line in lines]

    # --- jobs ---------------------------------------------------------------------------------------------------------

    def start_job(self, name: str, images: int) -> int:
        """A project of images that are nowhere but in the database, and a job that encodes them; its number."""
        fixed = {"width": 64, "height": 48, "bytes": 5, "format": "PNG", "display_type": "image/png"}
        with self.database.write() as session:
            project = create_project(session, name).id
            rows = [
                {
                    "project_id": project,
                    "file_name": f"{n}.png",
                    "sha256": sha_of(project, n),
                    "created": utc_now(),
                    **fixed,
                }
                for n in range(images)
            ]
            session.execute(insert(Image), rows)
        with self.database.read() as session:
            counted = count_unencoded(session, project, KEY)
        with self.database.write() as session:
            return start_precompute(session, project, KEY, counted).id

    def job(self, number: int) -> Job | None:
        """None while the database is away."""
        with suppress(SQLAlchemyError), self.database.read() as session:
            return session.get_one(Job, number)
        return None

    def done(self, number: int) -> int:
        """Images of a job; 0 while the database is away."""
        job = self.job(number)
        return 0 if job is None else job.done

    def missing(self, number: int) -> list[str]:
        """Embeddings of the job's project that are not there."""
        job = self.job(number)
        assert job is not None
        keys = [embedding_key(sha_of(job.project_id, n), *KEY.__dict__.values()) for n in range(job.total)]
        return [key for key in keys if not self.blobs.exists(key)]

    def overdue(self) -> float:
        """Seconds that some item is held beyond its lease; 0 if none is, or nobody can tell."""
        with suppress(SQLAlchemyError), self.database.read() as session:
            ends = session.scalar(select(func.min(JobItem.lease_until)).where(JobItem.state == "running"))
            return 0.0 if ends is None else max(0.0, (utc_now() - ends).total_seconds())
        return 0.0

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Until it holds.

        Raises:
            AssertionError: it does not come to hold.
        """
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not come; logs are in {self.said}"
            time.sleep(0.1)

    # --- web processes ------------------------------------------------------------------------------------------------

    def start_web(self, stack: ExitStack) -> None:
        """Two web processes behind nginx, and a client that is signed in."""
        port, shown = free_port(), free_port()
        settings = self.settings.model_copy(update={"worker_only": "upkeep", "proxy_hops": 1})
        command = [sys.executable, "-m", "limner", "serve", "--port", str(port), "--workers", "2"]
        with (self.said / "web.log").open("w") as said:
            self.serve = subprocess.Popen(command, env=settings.environment(), stdout=said, stderr=said)
        stack.callback(end, self.serve)
        self.wait(lambda: "#token=" in (self.said / "web.log").read_text(), "the web processes")
        stack.callback(end, _nginx(self.said, port, shown))
        token = re.search(r"#token=(\S+)", (self.said / "web.log").read_text())
        assert token
        self.web = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{shown}", timeout=30))
        self.wait(self._answers, "an answer through nginx")
        session = self.web.post("/api/v1/session", json={"token": token[1]}).json()
        self.web.headers["X-CSRFToken"] = session["csrf_token"]

    def web_processes(self) -> list[psutil.Process]:
        """Those that serve."""
        children = psutil.Process(self.serve.pid).children()
        return [each for each in children if "limner.api.serving.web_process" in _command(each)]

    def _answers(self) -> bool:
        try:
            return self.web.get("/healthz").status_code == 200
        except httpx.HTTPError:
            return False


def sha_of(project: int, number: int) -> str:
    """The sha256 of a made-up image."""
    return f"{project:032x}{number:032x}"


@contextmanager
def arranged(folder: Path, cpus: float) -> Iterator[Arrangement]:
    """Start PostgreSQL, the S3 server, Ray's two machines of so many processors each, and the web processes."""
    with ExitStack() as stack:
        postgres = stack.enter_context(running_postgres())
        _allow_connections(postgres)
        port = free_port()
        with (folder / "s3.log").open("w") as said:
            command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
            stack.callback(end, subprocess.Popen(command, stdout=said, stderr=said))
        door = Door(port)
        stack.callback(door.remove)
        endpoint = f"http://127.0.0.1:{door.port}"
        _wait_for_port(endpoint)
        os.environ.update(s3.environment(endpoint))
        settings = Settings(
            home=folder / "home",
            model=TEST_MODEL,
            database_url=make_database(postgres.url, "limner"),
            blob_url=f"s3://{s3.make_bucket(endpoint)}/blobs",
            encoder_timeout=HANGS_AFTER,
        )
        install_card(settings.home, TEST_MODEL, TEST_MODEL_SHA256)
        cluster = stack.enter_context(ray_cluster(cpus))
        cluster.start_second()
        arrangement = Arrangement(folder, settings, postgres, cluster, door)
        stack.callback(arrangement.database.close)
        stack.callback(arrangement.kill_workers)
        arrangement.start_web(stack)
        yield arrangement


def _allow_connections(postgres: PostgresServer) -> None:
    """As many as docs/deploy.md asks for: a server has a hundred by default, which sixteen encoders nearly take."""
    admin = create_engine(postgres.url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"ALTER SYSTEM SET max_connections = {CONNECTIONS}"))
    admin.dispose()
    postgres.kill()
    postgres.start()


def _nginx(folder: Path, to: int, port: int) -> subprocess.Popen[bytes]:
    with (folder / "nginx.log").open("w") as said:
        return subprocess.Popen(nginx_command(passing_on(to, port), folder), stdout=said, stderr=said)


def _wait_for_port(endpoint: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        with suppress(httpx.HTTPError):
            httpx.get(endpoint)
            return
        assert time.monotonic() < deadline, "the S3 server does not answer"
        time.sleep(0.1)


def _processes(wanted: Callable[[list[str]], bool]) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if wanted(_command(process))]


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return []
