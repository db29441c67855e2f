"""The queue in front of the encoder: order, states, events. The child is a fake without torch."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence

from limner.blobs import embedding_key
from limner.encoding.service import EmbeddingService
from limner.encoding.states import EmbeddingState, EncodeEvent, EncodingStatus
from limner.models.manifest import PREPROCESSING_VERSION
from limner.vocabulary.geometry import Region
from tests.encoding.bench import PATIENCE, Bench, open_gate, target


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
