"""All that a worker does it does on a real Ray cluster too: everything, learning, detectors, exports."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from limner.access import Actor
from limner.config import Settings
from limner.formats.exports import ExportChoice
from limner.service import learning, sharded_exports, suggestions
from limner.service.accounts import local_actor
from limner.service.running import stop
from limner.service.wiring import Services, open_services
from limner.store.suggestions import suggestions_of
from limner.store.tables import Embedding, Image, Job
from limner.vocabulary.duties import NONE
from limner.vocabulary.learning import Recipe
from limner.vocabulary.suggested import Detected, Everything, SuggestRequest
from tests.cluster.ray_cluster import RayCluster, ray_cluster
from tests.squares import project_of_squares

pytest.importorskip("ray", reason="Ray cannot be installed here: pip install 'limner[cluster]'")

pytestmark = pytest.mark.slow
PATIENCE = 400.0  # s, on a busy machine: torch is loaded twice, and trains
IMAGES = 12


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with ray_cluster() as cluster:
        yield cluster


@pytest.fixture
def web(
    settings: Settings, new_postgres_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Services]:
    """What a web process has, and the project "squares" with masks; nothing is encoded."""
    url = new_postgres_database()
    monkeypatch.setenv("LIMNER_DATABASE_URL", url)
    home = project_of_squares(tmp_path, IMAGES)
    services = open_services(Settings(home=home, database_url=url, model="samlet"), duties=NONE)
    yield services
    stop(services)


@pytest.fixture
def worker(web: Services, cluster: RayCluster, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """``limner worker --ray`` with one actor that suggests and learns."""
    command = [sys.executable, "-m", "limner", "worker", "--ray", cluster.address]
    command += ["--actors", "1", "--cpus", "1.5", "--only", "suggestions,learning,exports"]
    with (tmp_path / "worker.log").open("w") as said:
        environment = {**web.settings.environment(), **cluster.environment}
        process = subprocess.Popen(command, env=environment, stdout=said, stderr=said)
    yield process
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0, (tmp_path / "worker.log").read_text()[-4000:]


def until(condition: Callable[[], bool], worker: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert worker.poll() is None, log.read_text()[-4000:]
        assert time.monotonic() < deadline, log.read_text()[-4000:]
        time.sleep(0.2)


def suggested(web: Services) -> int:
    """How many suggestions there are."""
    with web.database.read() as session:
        return sum(len(suggestions_of(session, image)) for image in session.scalars(select(Image.id)))


def test_everything_learning_detectors_and_exports_are_done_by_a_worker_on_the_cluster(
    web: Services, worker: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    log, actor = tmp_path / "worker.log", local_actor(web.database)

    def finished(request: SuggestRequest) -> bool:
        number = suggestions.start_suggesting(web, actor, 1, request).id

        def job() -> Job:
            with web.database.read() as session:
                return session.get_one(Job, number)

        until(lambda: job().state != "running", worker, log)
        return (job().state, job().done, job().failed) == ("done", IMAGES, 0)

    assert finished(Everything(points_per_side=6)), log.read_text()[-4000:]
    assert suggested(web) > 0, "some point finds something that is not annotated"
    with web.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Embedding)) == IMAGES, "made there, and written down"
    done = _learned(web, actor, worker, log)
    assert (done.state, done.message) == ("done", "")
    assert finished(Detected(detector=done.result, objectness=0.0)), log.read_text()[-4000:]
    written = sharded_exports.begin(web, actor, 1, ExportChoice(), 5).id
    until(lambda: sharded_exports.find(web, actor, written).state == "done", worker, log)
    assert sharded_exports.fetch(web, actor, written, tmp_path) == 3
    assert "does exports, learning, suggestions" in log.read_text()


def _learned(web: Services, actor: Actor, worker: subprocess.Popen[bytes], log: Path) -> learning.RunInfo:
    run = learning.begin(web, actor, 1, Recipe(kind="detector", steps=2)).id
    until(lambda: learning.find(web, actor, run).state not in ("waiting", "running"), worker, log)
    return learning.find(web, actor, run)
