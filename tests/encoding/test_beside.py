"""What somebody looks at is encoded beside the batch in hand."""

from __future__ import annotations

from dataclasses import replace

from limner.encoding.ports import Claimed, JobNews
from limner.encoding.states import EncodeEvent
from limner.encoding.targets import Targets
from tests.encoding.bench import Bench, FakeBulk, open_gate, reported, target
from tests.encoding.fake_worker import BATCH


def test_what_somebody_looks_at_is_encoded_beside_the_batch_in_hand(bench: Bench) -> None:
    bulk = FakeBulk([target(bench.image(str(index))) for index in range(3 * BATCH)])
    first, gate = bench.gate("gate")
    bulk.waiting.insert(0, target(first))
    service = bench.service("beside", bulk=bulk)
    bench.wait(lambda: len(bulk.held) == 3 * BATCH)
    looked, *more = (bench.image(f"looked {number}") for number in range(3))
    service.request(target(looked), "look")
    bench.wait_for(looked, "ready")
    bulk.looks = [target(each) for each in more]  # and what others look at
    service.on_job_news(JobNews("asked"))
    bench.wait(lambda: {looked, *more} == {each.target.image_sha256 for each in bulk.settled})
    assert bench.states_of(first) == ["encoding"], "the batch is in hand all the time"
    assert [[each] for each in (looked, *more)] == bench.taken()[1:]
    open_gate(gate)
    bench.wait(lambda: service.status().queue.done == 3 * BATCH + 4 and not bulk.held)
    assert max(map(len, bench.taken())) == BATCH, "batches stay whole"


def test_one_look_at_a_time_is_taken_beside_a_batch_and_others_may_have_the_rest(bench: Bench) -> None:
    bulk = FakeBulk()
    (first, gate), (second, second_gate) = bench.gate("gate"), bench.gate("second")
    bulk.waiting = [target(first)]
    service = bench.service("beside", bulk=bulk)
    bench.wait_for(first, "encoding")
    bulk.looks = [target(second), target(bench.image("looked"))]
    service.on_job_news(JobNews("asked"))
    bench.wait_for(second, "encoding")
    for _ in range(2):
        reports = len(bulk.reports)
        service.look_again()
        reported(bulk, reports)
    assert bulk.looks == [target(bench.image("looked"))]
    open_gate(second_gate)
    bench.wait_for(bench.image("looked"), "ready")
    open_gate(gate)
    bench.wait(lambda: service.status().queue.done == 3 and not bulk.held)


def test_nothing_is_encoded_beside_what_may_kill_the_process_nor_the_other_way_round() -> None:
    events: list[EncodeEvent] = []
    targets = Targets(events.append)
    bulk, looked, suspect = (target(name * 64) for name in "abc")
    targets.hold([Claimed(suspect, "look", suspect=True), Claimed(bulk)])
    assert targets.take(2) == [suspect]
    targets.add(looked, "look")
    assert targets.take_beside() is None
    targets.done(suspect, 1.0, 1)
    assert targets.take(2) == [looked]
    targets.hold([Claimed(suspect, "look", suspect=True)])
    assert targets.take_beside() is None
    targets.done(looked, 1.0, 1)
    targets.done(suspect, 1.0, 1)


def test_what_was_lost_beside_a_batch_is_tried_again_alone() -> None:
    targets = Targets(lambda _: None)
    bulk, looked, other = (target(name * 64) for name in "abc")
    targets.hold([Claimed(bulk)])
    assert targets.take(8) == [bulk]
    targets.add(looked, "look")
    assert targets.take_beside() == looked
    assert (targets.batch, targets.beside, targets.in_hand) == ([bulk], looked, [bulk, looked])
    assert targets.take(8) == []
    targets.add(other, "look")
    assert targets.take_beside() is None, "one at a time"
    targets.crashed("died")
    assert (targets.batch, targets.beside) == ([], None)
    assert targets.take(8) == [looked]
    assert targets.take_beside() is None, "not beside what may have been at fault"
    targets.done(looked, 1.0, 1)
    assert targets.take(8) == [other]
    assert targets.take_beside() is None
    targets.done(other, 1.0, 1)
    assert targets.take(8) == [bulk]


def test_a_suspect_waits_until_what_is_encoded_beside_a_batch_is_done() -> None:
    targets = Targets(lambda _: None)
    bulk, looked, suspect = (target(name * 64) for name in "abc")
    targets.hold([Claimed(bulk)])
    assert targets.take(8) == [bulk]
    targets.add(looked, "look")
    assert targets.take_beside() == looked
    targets.done(bulk, 1.0, 1)
    targets.hold([Claimed(suspect, suspect=True)])
    assert targets.take(8) == []
    targets.done(looked, 1.0, 1)
    assert targets.take(8) == [suspect]


def test_another_models_batch_waits_until_what_is_encoded_beside_the_last_one_is_done() -> None:
    targets = Targets(lambda _: None)
    bulk, looked, later = (target(name * 64) for name in "abc")
    other = replace(target("d" * 64), model_sha256="e" * 64)
    targets.hold([Claimed(bulk)])
    assert targets.take(8) == [bulk]
    targets.add(looked, "look")
    assert targets.take_beside() == looked
    targets.done(bulk, 1.0, 1)
    targets.hold([Claimed(other)])
    assert (targets.may_take(), targets.take(8)) == (False, [])
    targets.add(later, "look")
    assert (targets.may_take(), targets.take(8)) == (True, [later]), "by the same model"
    targets.done(later, 1.0, 1)
    targets.done(looked, 1.0, 1)
    assert (targets.may_take(), targets.take(8)) == (True, [other])


def test_a_busy_encoder_leaves_looks_by_another_model_to_others_until_its_batch_is_done(bench: Bench) -> None:
    bulk = FakeBulk()
    first, gate = bench.gate("gate")
    others = [replace(target(bench.image(f"other {number}")), model_sha256="e" * 64) for number in range(3)]
    bulk.waiting = [target(first), *(target(bench.image(str(index))) for index in range(3 * BATCH))]
    service = bench.service("beside", bulk=bulk)
    bench.wait(lambda: len(bulk.held) == 3 * BATCH)
    bulk.looks = [*others, target(bench.image("looked"))]
    service.on_job_news(JobNews("asked"))
    bench.wait_for(bench.image("looked"), "ready")
    for _ in range(2):
        reports = len(bulk.reports)
        service.look_again()
        reported(bulk, reports)
    assert bulk.looks == others
    open_gate(gate)
    bench.wait_for(others[-1].image_sha256, "encoding")
    begun = [event.target for event in bench.events if event.state == "encoding"]
    assert begun.index(others[-1]) == BATCH + 1, "before what was held already"


def test_an_encoder_claims_no_more_while_a_look_waits_that_may_kill_it() -> None:
    targets = Targets(lambda _: None)
    bulk, suspect, looked = (target(name * 64) for name in "abc")
    targets.hold([Claimed(bulk)])
    assert not targets.may_take_beside(), "there is nothing to be beside"
    assert targets.take(8) == [bulk]
    targets.add(replace(target("d" * 64), model_sha256="e" * 64), "look")
    assert targets.may_take_beside(), "what is asked for last comes first"
    targets.hold([Claimed(suspect, "look", suspect=True)])
    assert not targets.may_take_beside()
    targets.add(looked, "look")
    assert targets.take_beside() == looked
