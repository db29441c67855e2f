"""The queue in front of the encoder: order, states, events, a child that dies. The child is a fake without torch."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from limner.blobs import BlobStore, embedding_key, image_key
from limner.config import Settings
from limner.encoding import dispatch as dispatch_module
from limner.encoding import service as service_module
from limner.encoding import supervisor as supervisor_module
from limner.encoding import targets as targets_module
from limner.encoding.ports import BulkQueue, Claimed, JobNews
from limner.encoding.service import EmbeddingService
from limner.encoding.states import EmbeddingState, EncodeEvent, EncodingStatus, ProcessStatus, Target
from limner.encoding.targets import Targets
from limner.errors import MissingWeights, NotFound, Unavailable
from limner.models.catalogue import ModelCard
from limner.models.manifest import PREPROCESSING_VERSION
from limner.vocabulary.geometry import Region
from tests.conftest import embedding_bytes
from tests.encoding.fake_worker import BATCH


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

    def claim(self, count: int, *, urgent: bool = False, leave_looks: bool = False) -> list[Claimed]:
        self._reach()
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


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(supervisor_module, "FIRST_BACKOFF", 0.01)
    monkeypatch.setattr(supervisor_module, "LAST_BACKOFF", 0.01)
    monkeypatch.setattr(supervisor_module, "WATCH_EVERY", 0.05)
    monkeypatch.setattr(dispatch_module, "FIRST_PAUSE", 0.01)
    bench = Bench(tmp_path)
    yield bench
    for service in bench.services:
        service.stop()


def open_gate(path: Path) -> None:
    path.write_bytes(b"go")


def test_an_image_goes_through_all_states(bench: Bench) -> None:
    image = bench.image("one")
    service = bench.service()
    assert service.state(target(image)) == EmbeddingState("none")
    assert service.request(target(image), "look").state in ("waiting", "encoding")
    ready = bench.wait_for(image, "ready")
    assert (ready.seconds, ready.bytes) == (0.5, 9)
    assert bench.states_of(image) == ["waiting", "encoding", "ready"]
    assert service.state(target(image)) == service.request(target(image), "look") == EmbeddingState("ready")
    queue = service.status().queue
    assert (queue.done, queue.failed, queue.waiting, queue.running) == (1, 0, 0, 0)
    assert queue.seconds_per_image == 0.5


def test_what_is_looked_at_comes_first_then_prefetch_then_the_rest(bench: Bench) -> None:
    service = bench.service()
    first, gate = bench.gate("gate")
    service.request(target(first), "look")
    bench.wait_for(first, "encoding")
    names = ["early", "late", "near", "next", "then", "raised"]
    early, late, near, next_, then, raised = (bench.image(name) for name in names)
    for image, priority in [
        (raised, "bulk"),
        (early, "bulk"),
        (late, "bulk"),
        (next_, "prefetch"),
        (then, "prefetch"),
        (near, "look"),
        (early, "bulk"),  # asked again: keeps its place
        (raised, "look"),  # looked at now: comes before what was looked at before
    ]:
        service.request(target(image), priority)  # type: ignore[arg-type]
    assert service.state(target(first)) == EmbeddingState("encoding")
    assert service.state(target(raised)) == EmbeddingState("waiting", position=1)
    assert service.request(target(late), "bulk") == EmbeddingState("waiting", position=6)
    service.cancel(then)
    assert service.state(target(late)) == EmbeddingState("waiting", position=5)
    open_gate(gate)
    bench.wait_for(late, "ready")
    assert bench.taken() == [[first], [raised], [near], [next_], [early], [late]]
    assert not any(bench.said_to_follow())  # the CPU has enough to do with the image in hand


def test_a_device_that_takes_batches_gets_them_but_what_is_looked_at_goes_alone(bench: Bench) -> None:
    service = bench.service("batch")
    first, gate = bench.gate("gate")
    service.request(target(first), "look")
    bench.wait_for(first, "encoding")
    images = [bench.image(str(index)) for index in range(5)]
    looked = bench.image("looked")
    for image in images:
        service.request(target(image), "bulk")
    service.request(target(looked), "look")
    open_gate(gate)
    bench.wait_for(images[-1], "ready")
    assert bench.taken() == [[first], [looked], images[:3], images[3:]]
    assert bench.said_to_follow() == [[], images[:3], images[3:], []]  # to be decoded meanwhile


def test_a_region_is_a_target_of_its_own_and_encoded_once(bench: Bench) -> None:
    image = bench.image("large")
    here, there = Region(0, 0, 256, 128), Region(32, 0, 256, 128)
    for _ in range(2):
        service = bench.service()
        for region in (None, here, there, here):
            service.request(target(image, region), "look")
        for region in (None, here, there):
            bench.wait(lambda s=service, r=region: s.request(target(image, r), "look").state == "ready")  # type: ignore[misc]
        service.stop()
    assert sorted(bench.taken()) == [[image], [f"{image}:{here}"], [f"{image}:{there}"]]
    assert [event.target.region for event in bench.events if event.state == "ready"] in (
        [None, there, here],
        [None, here, there],
    )


def test_forgetting_an_image_forgets_its_regions(bench: Bench) -> None:
    service = bench.service(running=False)
    image, other = bench.image("large"), bench.image("other")
    service.request(target(image, Region(0, 0, 256, 128)), "look")
    service.request(target(image), "bulk")
    service.request(target(other), "bulk")
    service.cancel(image)
    assert service.state(target(image)) == EmbeddingState("none")
    assert service.state(target(other)) == EmbeddingState("waiting", position=0)


def test_each_image_is_encoded_once_across_restarts_and_repeated_requests(bench: Bench) -> None:
    images = [bench.image(str(index)) for index in range(4)]
    for _ in range(3):
        service = bench.service()
        for image in images * 2:
            service.request(target(image), "prefetch")
        for image in images:
            bench.wait(lambda image=image, service=service: service.state(target(image)).state == "ready")  # type: ignore[misc]
        service.stop()
    assert sorted(bench.taken()) == sorted([image] for image in images)


def test_an_image_that_fails_stays_failed_and_is_not_tried_again(bench: Bench) -> None:
    bad, good = bench.image("fail"), bench.image("good")
    service = bench.service()
    service.request(target(bad), "look")
    assert bench.wait_for(bad, "failed").error == "It is ugly."
    assert service.request(target(bad), "look") == EmbeddingState("failed", error="It is ugly.")
    assert service.state(target(bad)) == EmbeddingState("failed", error="It is ugly.")
    service.request(target(good), "look")
    bench.wait_for(good, "ready")
    assert bench.taken() == [[bad], [good]]


def test_a_failure_that_is_not_the_images_fault_may_be_tried_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets_module, "RETRY_AFTER", 0.0)
    image = bench.image("fail for lack of disk space")
    service = bench.service()
    service.request(target(image), "look")
    bench.wait_for(image, "failed")
    assert service.state(target(image)) == EmbeddingState("none")
    bench.events.clear()
    service.request(target(image), "look")
    bench.wait_for(image, "failed")
    assert bench.taken() == [[image], [image]]


def test_an_image_that_kills_the_process_is_given_up_and_the_others_go_on(bench: Bench) -> None:
    poison, good = bench.image("crash"), bench.image("good")
    service = bench.service()
    service.request(target(poison), "look")
    service.request(target(good), "bulk")
    failed = bench.wait_for(poison, "failed")
    assert failed.error is not None
    assert "killed by signal 9" in failed.error
    bench.wait_for(good, "ready")
    assert bench.taken() == [[poison], [poison], [good]]
    assert service.request(target(poison), "look").state == "failed"


def test_a_batch_that_kills_the_process_is_taken_apart(bench: Bench) -> None:
    service = bench.service("batch")
    first, gate = bench.gate("gate")
    service.request(target(first), "look")
    bench.wait_for(first, "encoding")
    suspect, bystander = bench.image("crash in company"), bench.image("bystander")
    service.request(target(bystander), "bulk")
    service.request(target(suspect), "bulk")
    open_gate(gate)
    bench.wait_for(suspect, "ready")
    bench.wait_for(bystander, "ready")
    assert bench.taken()[:2] == [[first], [bystander, suspect]]
    assert "failed" not in bench.states_of(suspect)


def test_what_may_kill_the_process_is_not_decoded_beside_another() -> None:
    targets = Targets(lambda _: None)
    suspects, other = [target(name * 64) for name in "ab"], target("c" * 64)
    for suspect in suspects:
        targets.add(suspect, "bulk")
    targets.take(2)
    targets.crashed("died")
    targets.add(other, "bulk")
    assert targets.take(2) == suspects[:1]
    assert targets.following(3) == []
    targets.done(suspects[0], 1, 1)
    assert targets.take(2) == suspects[1:]
    targets.done(suspects[1], 1, 1)
    more = target("d" * 64)
    targets.add(more, "bulk")
    assert (targets.take(1), targets.following(3)) == ([other], [more])


def test_what_people_are_told_about_the_encoder(bench: Bench) -> None:
    service = bench.service(running=False)
    assert service.status().encoder.state == "starting"
    assert service.manifest(MODEL_SHA256) is None
    with pytest.raises(Unavailable):
        service.graph_path(MODEL_SHA256, "decode")
    service.start()
    wait_until(lambda: service.status().encoder.state == "ready" and bench.statuses)  # changes may be told as one
    status = service.status()
    assert status.encoder == ProcessStatus(state="ready", message="", threads=1)
    assert (status.device, status.model, status.model_sha256) == ("cpu", "tiny", bench.model_sha256)
    assert service.graph_path(MODEL_SHA256, "decode").read_bytes() == b"decode"
    with pytest.raises(NotFound):
        service.graph_path(MODEL_SHA256, "../manifest")


def test_a_model_that_kills_the_process_is_given_up_and_images_are_not_blamed(bench: Bench) -> None:
    bulk = FakeBulk()
    service = bench.service(bulk=bulk)
    large, image = "f" * 64, bench.image("good")
    service.request(Target(image, large), "look")
    service.request(target(image), "bulk")
    bench.wait(lambda: any(event.state == "failed" for event in bench.events))
    (failed,) = [event for event in bench.events if event.state == "failed"]
    assert failed.target == Target(image, large)
    assert failed.error is not None
    assert "killed by signal 9, perhaps for lack of memory while it loaded the model" in failed.error
    assert not failed.lasting
    bench.wait(lambda: service.state(target(image)).state == "ready")
    wait_until(lambda: bulk.unusable)
    assert bulk.unusable == {large: failed.error}
    with pytest.raises(Unavailable, match="while it loaded the model"):
        service.manifest(large)
    service.look_again()  # somebody resumes a job: it may have memory now
    wait_until(lambda: not bulk.unusable)


def test_a_model_that_cannot_be_loaded_is_reported(bench: Bench) -> None:
    service = bench.service("broken")
    bench.wait(lambda: service.status().encoder.state == "failed")
    assert service.status().encoder.message.startswith("The weights are damaged.")


def test_a_missing_model_is_reported_and_asks_for_nothing(bench: Bench) -> None:
    settings = bench.settings.model_copy(update={"model": "sam_vit_h"})
    service = EmbeddingService(settings, bench.blobs)
    assert "limner models pull sam_vit_h" in service.status().encoder.message
    with pytest.raises(MissingWeights, match="limner models pull sam_vit_h"):
        _ = service.model_sha256
    assert service.state(target(bench.image("x"))) == EmbeddingState("none")


def test_a_server_without_torch_says_so_and_serves_what_is_encoded(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "find_spec", lambda _name: None)
    service = EmbeddingService(bench.settings, bench.blobs, subscribers=[bench])
    bench.services.append(service)
    service.start()
    bench.wait(lambda: service.status().encoder.state == "failed")
    assert "limner-server[encoder]" in service.status().encoder.message
    image = bench.image("x")
    bench.blobs.put(embedding_key(image, service.model_sha256, PREPROCESSING_VERSION), embedding_bytes())
    assert service.state(target(image)).state == "ready"


def test_weights_replaced_under_a_running_server_are_named_and_never_mixed(bench: Bench) -> None:
    service = bench.service(running=False)
    model = bench.settings.models_dir / "tiny"
    (model / "weights.safetensors").write_bytes(b"others")
    card = ModelCard.model_validate_json((model / "model.json").read_text())
    other = card.model_copy(update={"weights_sha256": hashlib.sha256(b"others").hexdigest()})
    (model / "model.json").write_text(other.model_dump_json())
    service.start()
    bench.wait(lambda: service.status().encoder.state == "failed")
    assert "were replaced while the server ran" in service.status().encoder.message
    assert service.model_sha256 == bench.model_sha256


def test_stopping_gives_up_the_image_in_hand_and_the_next_start_encodes_it(bench: Bench) -> None:
    image, gate = bench.gate("gate")
    service = bench.service()
    service.request(target(image), "look")
    bench.wait_for(image, "encoding")
    service.stop()
    assert not bench.blobs.exists(embedding_key(image, bench.model_sha256, PREPROCESSING_VERSION))
    again = bench.service()
    bench.events.clear()
    again.request(target(image), "look")
    bench.wait_for(image, "encoding")
    open_gate(gate)
    bench.wait_for(image, "ready")


def test_a_listener_that_fails_does_not_stop_the_news(bench: Bench) -> None:
    heard = threading.Event()

    bad, good = bench.image("x"), bench.image("y")

    class Broken:
        def on_targets(self, events: Sequence[EncodeEvent]) -> None:
            raise RuntimeError("the database is away")

        def on_status(self, status: EncodingStatus) -> None:
            raise RuntimeError("the database is away")

    class Listener(Broken):
        def on_targets(self, events: Sequence[EncodeEvent]) -> None:
            if any(event.target.image_sha256 == good for event in events):
                heard.set()

    service = EmbeddingService(
        bench.settings, bench.blobs, subscribers=[Broken(), Listener()], command=(sys.executable, "-c", "")
    )
    service.start()
    service.request(target(bad), "look")
    service.request(target(good), "look")
    assert heard.wait(PATIENCE)
    service.stop()


def test_bulk_work_is_claimed_in_whole_batches_and_the_next_one_is_decoded_meanwhile(bench: Bench) -> None:
    images = [bench.image(str(index)) for index in range(24)]
    bulk = FakeBulk([target(image) for image in images])
    bench.service("batch", bulk=bulk)
    bench.wait_for(images[-1], "ready")
    assert bench.taken() == [images[start : start + BATCH] for start in range(0, 24, BATCH)]
    assert bench.said_to_follow()[:-1] == bench.taken()[1:]
    assert [each.target.image_sha256 for each in bulk.settled] == images
    assert bulk.transactions <= len(images) // BATCH + 1
    assert (bulk.held, bulk.waiting) == (set(), [])
    assert bench.states_of(images[0]) == ["encoding", "ready"]


def test_what_is_looked_at_passes_bulk_work_and_is_settled_too(bench: Bench) -> None:
    first, gate = bench.gate("gate")
    bulk = FakeBulk([target(bench.image(str(index))) for index in range(5)])
    service = bench.service(bulk=bulk)
    bench.wait(lambda: service.status().queue.done == 5 and len(bulk.settled) == 5)
    service.request(target(first), "look")
    bench.wait_for(first, "encoding")
    bulk.waiting = [target(bench.image(f"more {index}")) for index in range(3)]
    service.look_again()
    looked = bench.image("looked")
    service.request(target(looked), "look")
    open_gate(gate)
    bench.wait(lambda: service.status().queue.done == 10 and len(bulk.settled) == 10)
    assert bench.taken()[5:7] == [[first], [looked]]
    assert target(looked) in {each.target for each in bulk.settled}


def reported(bulk: FakeBulk, before: int) -> None:
    """Wait until the dispatcher has said once more how the encoder stands."""
    deadline = time.monotonic() + PATIENCE
    while len(bulk.reports) == before:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_who_is_busy_leaves_looks_to_others_until_the_batch_is_done_and_begins_with_those_that_are_left(
    bench: Bench,
) -> None:
    bulk = FakeBulk([target(bench.image(str(index))) for index in range(4 * BATCH)])
    first, gate = bench.gate("gate")
    bulk.waiting.insert(0, target(first))
    service = bench.service("batch", bulk=bulk)
    bench.wait(lambda: len(bulk.held) == 3 * BATCH)  # one batch in hand, two beside it
    bulk.looks = [target(bench.image("looked"))]
    service.on_job_news(JobNews("asked"))
    for _ in range(2):  # what it claims it claims after its report
        reports = len(bulk.reports)
        service.look_again()
        reported(bulk, reports)
    assert len(bulk.looks) == 1, "another encoder may be free for it now"
    open_gate(gate)
    bench.wait(lambda: service.status().queue.done == 4 * BATCH + 2 and not bulk.held)
    assert bench.taken()[1] == [bench.image("looked")], "not behind what was held already"


def test_looks_of_which_no_news_came_are_found_between_two_batches(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch_module, "LOOKS_EVERY", 0.0)
    bulk = FakeBulk([target(bench.image(str(index))) for index in range(4 * BATCH)])
    first, gate = bench.gate("gate")
    bulk.waiting.insert(0, target(first))
    service = bench.service("batch", bulk=bulk)
    bench.wait(lambda: len(bulk.held) == 3 * BATCH)
    bulk.looks = [target(bench.image("looked"))]
    open_gate(gate)
    bench.wait(lambda: service.status().queue.done == 4 * BATCH + 2 and not bulk.held)
    assert [bench.image("looked")] in bench.taken()[1:3]


def test_who_was_to_ask_for_looks_goes_on_with_what_is_held_when_the_database_is_away(bench: Bench) -> None:
    bulk = FakeBulk([target(bench.image(str(index))) for index in range(2 * BATCH)])
    first, gate = bench.gate("gate")
    bulk.waiting.insert(0, target(first))
    service = bench.service("batch", bulk=bulk)
    bench.wait(lambda: len(bulk.held) == 2 * BATCH + 1)
    service.expect_looks()
    bulk.away = True
    open_gate(gate)
    bench.wait(lambda: service.status().queue.done == 2 * BATCH + 1)
    assert bulk.settled == []


def test_results_wait_for_a_database_that_is_away_and_the_work_goes_on(bench: Bench) -> None:
    images = [bench.image(str(index)) for index in range(9)]
    bulk = FakeBulk([target(image) for image in images])
    first, gate = bench.gate("gate")
    bulk.waiting.insert(0, target(first))
    service = bench.service("batch", bulk=bulk)
    bench.wait_for(first, "encoding")
    bulk.away = True
    open_gate(gate)
    bench.wait(lambda: service.status().queue.done >= BATCH)
    assert bulk.settled == []
    bulk.away = False
    bench.wait_for(images[-1], "ready")
    assert sorted(each.target.image_sha256 for each in bulk.settled) == sorted([first, *images])
    assert len(bench.taken()) == 4  # nothing was encoded twice


def test_a_process_that_hangs_is_killed_and_what_it_had_in_hand_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.settings = bench.settings.model_copy(update={"encoder_timeout": 1.0})
    hangs, _ = bench.gate("never opened")
    good = bench.image("good")
    bulk = FakeBulk([target(hangs), target(good)])
    bench.service(bulk=bulk)
    monkeypatch.setattr(service_module, "SLOWEST", 1)  # images that usually take longer are waited for longer
    failed = bench.wait_for(hangs, "failed")
    assert failed.error == "The encoder process did not answer for 1 s while it encoded this image."
    assert failed.lasting
    assert bench.taken() == [[hangs], [good], [hangs]]


def test_bulk_work_that_is_no_longer_held_is_dropped_unless_somebody_looks_at_it(bench: Bench) -> None:
    first, gate = bench.gate("gate")
    dropped, kept, looked = (bench.image(name) for name in ("dropped", "kept", "looked"))
    bulk = FakeBulk([target(image) for image in (first, dropped, kept, looked)])
    service = bench.service(bulk=bulk)
    bench.wait_for(first, "encoding")
    bulk.held -= {target(dropped), target(looked)}
    service.request(target(looked), "look")
    service.look_again()
    wait_until(lambda: service.status().queue.waiting == 2)
    open_gate(gate)
    bench.wait_for(kept, "ready")
    assert bench.taken() == [[first], [looked], [kept]]


def test_an_encoder_that_cannot_run_gives_back_what_it_holds_and_says_why(bench: Bench) -> None:
    bulk = FakeBulk([target(bench.image("x"))])
    bench.service("broken", bulk=bulk)
    wait_until(lambda: bulk.trouble)
    assert bulk.trouble[0] is not None
    assert bulk.trouble[0].startswith("The weights are damaged.")
    assert (bulk.held, len(bulk.waiting)) == (set(), 1)


def test_stopping_gives_back_what_is_held(bench: Bench) -> None:
    first, gate = bench.gate("gate")
    bulk = FakeBulk([target(first), target(bench.image("next"))])
    service = bench.service(bulk=bulk)
    bench.wait_for(first, "encoding")
    assert bulk.trouble[0] is None
    service.stop()
    assert (bulk.held, len(bulk.waiting)) == (set(), 2)
    assert gate.exists()


def test_a_suspect_of_bulk_work_is_given_up_after_one_more_crash() -> None:
    told: list[EncodeEvent] = []
    work = Targets(told.append)
    suspect = target("a" * 64)
    work.hold([Claimed(suspect, suspect=True), Claimed(target("b" * 64))])
    assert work.take(8) == [suspect]
    work.crashed("died")
    assert (told[-1].state, told[-1].lasting) == ("failed", True)


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_web_process_never_imports_torch() -> None:
    code = (
        "import sys, limner.encoding.service, limner.encoding.images, limner.encoding.wire\n"
        "heavy = {'torch', 'onnx', 'onnxruntime', 'limner.sam'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
