"""Images, batches and models that fail, or kill the encoder process, and what goes on all the same."""

from __future__ import annotations

import pytest

from limner.encoding import service as service_module
from limner.encoding import targets as targets_module
from limner.encoding.ports import Claimed
from limner.encoding.states import EmbeddingState, EncodeEvent, Target
from limner.encoding.targets import Targets
from limner.errors import Unavailable
from tests.encoding.bench import Bench, FakeBulk, open_gate, target, wait_until


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


def test_a_suspect_of_bulk_work_is_given_up_after_one_more_crash() -> None:
    told: list[EncodeEvent] = []
    work = Targets(told.append)
    suspect = target("a" * 64)
    work.hold([Claimed(suspect, suspect=True), Claimed(target("b" * 64))])
    assert work.take(8) == [suspect]
    work.crashed("died")
    assert (told[-1].state, told[-1].lasting) == ("failed", True)
