"""Web processes without an encoder ask through PostgreSQL, and a worker answers. Here both are in one process."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from limner.blobs import image_key
from limner.config import Settings
from limner.encoding.states import EmbeddingState, EncodeEvent, Target
from limner.errors import InvalidInput, MissingWeights, NotFound, Unavailable
from limner.jobs.encoding import EncodingQueue
from limner.jobs.precompute import start_precompute
from limner.jobs.shared_encoder import SharedEncoder
from limner.service.running import run_worker, start, stop
from limner.service.wiring import Services, open_services
from limner.store.embeddings import EmbeddingKey
from limner.store.images import NewImage, add_image
from limner.store.projects import create_project
from limner.store.tables import Job
from limner.vocabulary.duties import NONE, read_duties
from tests.api.conftest import FAKE_WORKER
from tests.conftest import TEST_MODEL_SHA256, install_card, png_bytes

PATIENCE = 60.0  # s; nothing is measured, tests only fail after this


@pytest.fixture
def shared(settings: Settings, new_postgres_database: Callable[[], str]) -> Settings:
    return settings.model_copy(update={"database_url": new_postgres_database()})


@pytest.fixture
def web(shared: Settings) -> Iterator[Services]:
    """What a web process has that has no encoder."""
    services = open_services(shared, duties=NONE)
    yield services
    stop(services)


@pytest.fixture
def worker(web: Services, shared: Settings) -> Iterator[Services]:
    """What a worker has; it has not been started."""
    services = open_services(shared, FAKE_WORKER, holder="worker")
    yield services
    stop(services)


def image(services: Services, seed: int = 0) -> str:
    data = png_bytes(seed=seed)
    sha256 = hashlib.sha256(data).hexdigest()
    services.blobs.put(image_key(sha256), data)
    return sha256


def wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.02)


def of(image_sha256: str, model_sha256: str = TEST_MODEL_SHA256) -> Target:
    return Target(image_sha256, model_sha256)


def queue_of(services: Services, holder: str) -> EncodingQueue:
    return EncodingQueue(services.database, services.models, holder, shared=True)


def test_what_is_asked_for_in_one_process_is_made_in_another(web: Services, worker: Services) -> None:
    first, other = image(web), image(web, 1)
    assert web.encoder.state(of(first)) == EmbeddingState("none")
    assert web.encoder.request(of(first), "look") == EmbeddingState("waiting", position=0)
    assert web.encoder.queued([of(first), of(other)]) == {of(first): EmbeddingState("waiting")}
    assert web.encoder.status().encoder.state == "starting"
    assert web.encoder.manifest(TEST_MODEL_SHA256) is None
    with pytest.raises(Unavailable):
        web.encoder.graph_path(TEST_MODEL_SHA256, "decode")
    start(worker)
    wait(lambda: web.encoder.state(of(first)).state == "ready", "the embedding")
    wait(lambda: web.encoder.status().encoder.state == "ready", "word of the encoder")
    assert web.encoder.queued([of(first)]) == {}
    assert web.encoder.request(of(first), "look") == EmbeddingState("ready")
    assert web.encoder.request(of(other), "prefetch").state in ("waiting", "encoding", "ready")
    wait(lambda: web.encoder.state(of(other)).state == "ready", "the second embedding")
    manifest = web.encoder.manifest(TEST_MODEL_SHA256)
    assert manifest is not None
    assert manifest.weights_sha256 == web.encoder.model_sha256
    assert web.encoder.graph_path(TEST_MODEL_SHA256, "decode").read_bytes() == b"the graph decode"
    with pytest.raises(NotFound):
        web.encoder.graph_path(TEST_MODEL_SHA256, "other")
    worker.encoder.stop()
    assert web.encoder.status().encoder.state == "starting", "an encoder that has ended is not counted on"


def test_another_model_is_loaded_and_prepared_for_pages_where_somebody_encodes(
    web: Services, worker: Services, shared: Settings
) -> None:
    install_card(shared.home, "other", "0e" * 32)
    first = image(web)
    other = of(first, "0e" * 32)
    web.encoder.request(of(first), "look")
    web.encoder.request(other, "look")
    start(worker)
    for target in (of(first), other):
        wait(lambda target=target: web.encoder.state(target).state == "ready", "the embedding")  # type: ignore[misc]
    install_card(shared.home, "third", "03" * 32)
    for model in ("0e" * 32, "03" * 32):
        wait(lambda model=model: web.encoder.manifest(model) is not None, "the manifest")  # type: ignore[misc]
        assert web.encoder.graph_path(model, "prepare").read_bytes() == b"the graph prepare"


def test_an_image_that_cannot_be_encoded_says_why_and_stays_so(web: Services, worker: Services) -> None:
    broken = hashlib.sha256(b"broken").hexdigest()
    web.blobs.put(image_key(broken), b"broken")
    start(worker)
    web.encoder.request(of(broken), "look")
    wait(lambda: web.encoder.state(of(broken)).state == "failed", "the failure")
    assert web.encoder.request(of(broken), "look") == EmbeddingState("failed", error="it is poison")
    assert web.encoder.queued([of(broken)]) == {of(broken): EmbeddingState("failed", error="it is poison")}


def test_the_newest_look_comes_first_then_prefetch_and_what_was_cancelled_never(web: Services) -> None:
    early, late, ahead, raised, gone = (image(web, seed) for seed in range(5))
    web.encoder.request(of(ahead), "prefetch")
    web.encoder.request(of(raised), "prefetch")
    web.encoder.request(of(early), "look")
    web.encoder.request(of(gone), "look")
    web.encoder.request(of(late), "look")
    web.encoder.cancel(gone)
    assert web.encoder.request(of(raised), "look").position == 0
    assert web.encoder.request(of(ahead), "prefetch").position == 3
    assert web.encoder.request(of(early), "prefetch").position == 2, "a lower priority changes nothing"
    claimed = queue_of(web, "here").claim(10)
    assert [each.target.image_sha256 for each in claimed] == [raised, late, early, ahead]
    assert [each.priority for each in claimed] == ["look", "look", "look", "prefetch"]
    assert web.encoder.state(of(early)) == EmbeddingState("encoding")


def test_an_encoder_that_is_full_takes_only_what_somebody_waits_for(web: Services) -> None:
    bulk, looked_at = image(web), image(web, 1)
    web.encoder.request(of(bulk), "bulk")
    queue = queue_of(web, "here")
    assert queue.claim(4, urgent=True) == []
    web.encoder.request(of(looked_at), "look")
    assert [each.target for each in queue.claim(4, urgent=True)] == [of(looked_at)]
    assert replace(queue, shared=False).claim(4, urgent=True) == []


def test_an_encoder_that_is_busy_leaves_what_is_looked_at_to_others(web: Services) -> None:
    ahead, looked_at, bulk = (image(web, seed) for seed in range(3))
    web.encoder.request(of(bulk), "bulk")
    web.encoder.request(of(ahead), "prefetch")
    web.encoder.request(of(looked_at), "look")
    busy, free = queue_of(web, "busy"), queue_of(web, "free")
    assert [each.target for each in busy.claim(4, leave_looks=True)] == [of(ahead), of(bulk)]
    assert [each.target for each in free.claim(4)] == [of(looked_at)]


def test_beside_a_batch_nothing_is_claimed_but_what_somebody_looks_at(web: Services) -> None:
    ahead, looked_at, later = (image(web, seed) for seed in range(3))
    web.encoder.request(of(ahead), "prefetch")
    queue = queue_of(web, "here")
    assert queue.claim(1, looks_of=TEST_MODEL_SHA256) == []
    web.encoder.request(of(looked_at), "look")
    web.encoder.request(of(later), "look")
    assert queue.claim(1, looks_of="e" * 64) == [], "by another model"
    assert [each.target for each in queue.claim(1, looks_of=TEST_MODEL_SHA256)] == [of(later)], (
        "one at a time, the newest first"
    )
    assert replace(queue, shared=False).claim(1, looks_of=TEST_MODEL_SHA256) == []


def test_a_machine_without_the_model_has_it_from_another(shared: Settings, tmp_path: Path) -> None:
    folder = shared.home / "models" / "learned"
    folder.mkdir()
    (folder / "weights.safetensors").write_bytes(b"weights")
    card = {"name": "learned", "title": "", "family": "samlet", "licence": ""}
    weights_sha256 = hashlib.sha256(b"weights").hexdigest()
    (folder / "model.json").write_text(json.dumps({**card, "weights_sha256": weights_sha256}))
    more = {"home": tmp_path / "other", "model": "learned", "blob_url": str(tmp_path / "blobs")}
    other = shared.model_copy(update=more)
    with pytest.raises(MissingWeights, match="no model called 'learned'"):
        open_services(other, FAKE_WORKER)
    one = open_services(shared.model_copy(update={"blob_url": str(tmp_path / "blobs")}), FAKE_WORKER)
    assert one.model_exchange is not None
    one.model_exchange.exchange()
    stop(one)
    services = open_services(other, FAKE_WORKER)
    assert services.models.default.card.weights_sha256 == weights_sha256
    stop(services)


def test_a_reserved_encoder_leaves_jobs_to_others_and_does_not_judge_them(web: Services) -> None:
    bulk, looked_at = image(web), image(web, 1)
    with web.database.write() as session:
        project = create_project(session, "Birds").id
        add_image(session, project, NewImage("a.png", 64, 48, bulk, 5, "PNG", "image/png"))
        job = start_precompute(session, project, EmbeddingKey.of(TEST_MODEL_SHA256), (1, 1)).id
    reserved = replace(queue_of(web, "reserved"), reserved=True)
    assert reserved.claim(4) == []
    reserved.follow("The encoder is broken.", {})
    with web.database.read() as session:
        assert session.get_one(Job, job).state == "running"
    web.encoder.request(of(looked_at), "look")
    assert [each.target for each in reserved.claim(4)] == [of(looked_at)]
    assert [each.target for each in queue_of(web, "here").claim(4)] == [of(bulk)]


def test_a_worker_does_only_its_duties(shared: Settings, web: Services) -> None:
    learner = open_services(shared, FAKE_WORKER, duties=read_duties("learning"))
    start(learner)
    assert isinstance(learner.encoder, SharedEncoder), "it has no encoder"
    assert (learner.sweeper, learner.counter, learner.deliverer) == (None, None, None)
    assert {"learning"} == {each.name for each in threading.enumerate()} & {"learning", "suggestions", "models"}
    stop(learner)
    first = image(web)
    looker = open_services(shared, FAKE_WORKER, duties=read_duties("looks"))
    start(looker)
    web.encoder.request(of(first), "look")
    wait(lambda: web.encoder.state(of(first)).state == "ready", "the embedding")
    assert looker.sweeper is None
    stop(looker)


def test_a_duty_that_there_is_not_is_named(settings: Settings) -> None:
    with pytest.raises(InvalidInput, match=r"no duty 'lerning'.*Name some of: looks, encoding, suggestions, learning"):
        run_worker(settings.model_copy(update={"worker_only": "looks,lerning"}), None)


def test_a_worker_of_the_same_name_takes_up_what_the_one_before_held(web: Services, worker: Services) -> None:
    first = image(web)
    web.encoder.request(of(first), "look")
    assert len(queue_of(web, "worker").claim(1)) == 1
    assert queue_of(web, "somebody else").claim(1) == [], "its lease runs for a minute"
    start(worker)
    wait(lambda: web.encoder.state(of(first)).state == "ready", "the embedding")


def test_a_passing_failure_is_said_until_it_is_tried_again(web: Services) -> None:
    first = image(web)
    web.encoder.request(of(first), "look")
    queue = queue_of(web, "here")
    queue.claim(1)
    queue.settle([EncodeEvent(of(first), "failed", error="the disk is full", lasting=False)])
    assert web.encoder.request(of(first), "look") == EmbeddingState("failed", error="the disk is full")


def test_sqlite_is_refused_in_words_that_say_what_is_right(settings: Settings) -> None:
    with pytest.raises(
        InvalidInput, match=r"needs PostgreSQL: SQLite serves one process.*LIMNER_DATABASE_URL=postgresql"
    ):
        open_services(settings, duties=NONE)


def test_without_any_encoder_it_says_so_after_a_while(web: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    assert web.encoder.trouble() is None
    monkeypatch.setattr("limner.jobs.shared_encoder.FIRST_REPORT", -1.0)
    assert web.encoder.trouble() == "No encoder is running. Start one with `limner worker`."
    assert isinstance(web.encoder, SharedEncoder)
