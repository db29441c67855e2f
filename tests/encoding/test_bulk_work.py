"""Bulk work that the encoder claims from a queue: whole batches, looks first, and a queue that is away."""

from __future__ import annotations

import pytest

from limner.encoding import dispatch as dispatch_module
from limner.encoding.ports import JobNews
from tests.encoding.bench import Bench, FakeBulk, open_gate, reported, target, wait_until
from tests.encoding.fake_worker import BATCH


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
