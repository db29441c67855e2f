"""Claims, leases, failures and counters, on SQLite and PostgreSQL; processes that claim at once."""

from __future__ import annotations

import doctest
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from limner.encoding.states import Target
from limner.errors import Conflict
from limner.jobs import queue
from limner.jobs.control import act_on_job, failures_of, stop_jobs
from limner.jobs.kinds import Priority, encode_key, encode_kind, encode_target
from limner.jobs.queue import LEASE, MAX_ATTEMPTS, claim, done, fail, heartbeat, release
from limner.store import Database
from limner.store.embeddings import EmbeddingKey
from limner.store.jobs import create_job, get_job
from limner.store.projects import create_project
from limner.store.tables import Job, JobItem
from limner.store.types import utc_now
from limner.vocabulary.geometry import Region

KIND = "test"


def add_items(database: Database, keys: Sequence[str], *, job: bool = True, **fields: Any) -> int:
    """A job with these items; without ``job`` items that stand for themselves. Its number, or 0."""
    with database.write() as session:
        job_id = None
        if job:
            project = create_project(session, "Cats")
            job_id = create_job(session, project.id, "precompute", len(keys), {}).id
        values = {"kind": KIND, "priority": Priority.BULK, "state": "waiting", "not_before": utc_now(), **fields}
        session.add_all(JobItem(job_id=job_id, key=key, **values) for key in keys)
    return job_id or 0


def take(database: Database, count: int, holder: str = "me", now: datetime | None = None) -> list[str]:
    with database.write() as session:
        return [each.key for each in claim(session, [KIND], count, holder, now=now)]


def finish(database: Database, *keys: str) -> None:
    with database.write() as session:
        done(session, KIND, keys)


def fails(database: Database, key: str, *, lasting: bool) -> None:
    with database.write() as session:
        fail(session, KIND, [key], f"{key} is ugly", lasting=lasting)


def job_of(database: Database, job_id: int) -> Job:
    with database.read() as session:
        return get_job(session, job_id)


def item_of(database: Database, key: str) -> JobItem:
    with database.read() as session:
        return session.scalars(select(JobItem).where(JobItem.key == key)).one()


def act(database: Database, job_id: int, action: Any) -> None:
    with database.write() as session:
        act_on_job(session, get_job(session, job_id), action)


def test_the_example_in_the_documentation() -> None:
    assert doctest.testmod(queue).failed == 0


def test_items_are_claimed_by_priority_then_by_age_and_only_by_those_who_can_do_them(database: Database) -> None:
    add_items(database, ["a", "b"])
    add_items(database, ["soon"], priority=Priority.SOON)
    add_items(database, ["other"], kind="another")
    add_items(database, ["later"], not_before=utc_now() + timedelta(hours=1))
    assert take(database, 2) == ["soon", "a"]
    assert take(database, 5) == ["b"]
    assert take(database, 5) == []
    finish(database, "soon", "a", "b")
    assert take(database, 5, now=utc_now() + timedelta(hours=2)) == ["later"]


MODEL = "b" * 64


def test_a_key_names_a_target_and_back() -> None:
    for target in (Target("a" * 64, MODEL), Target("a" * 64, MODEL, Region(32, 0, 256, 128))):
        assert encode_target(encode_kind(EmbeddingKey.of(MODEL)), encode_key(target)) == target


def test_what_is_done_is_gone_and_counted(database: Database) -> None:
    job = add_items(database, ["a", "b", "c"])
    other = add_items(database, ["a"])  # the same image in another project
    assert take(database, 2) == ["a", "b"]
    finish(database, "a", "c", "unknown")  # c was done by somebody who was asked for it directly
    finish(database, "a")
    assert (job_of(database, job).done, job_of(database, other).done) == (2, 1)
    with database.read() as session:
        assert session.scalars(select(JobItem.key)).all() == ["b"]


def test_a_lease_that_runs_out_gives_the_item_to_another(database: Database) -> None:
    add_items(database, ["a", "b"])
    start = utc_now()
    assert take(database, 1, "dies", now=start) == ["a"]
    assert take(database, 1, "lives", now=start) == ["b"]
    later = start + LEASE / 2
    with database.write() as session:
        assert heartbeat(session, [KIND], "lives", now=later) == {"b"}
    assert take(database, 5, "lives", now=start + LEASE) == []
    assert take(database, 5, "lives", now=start + LEASE * 1.2) == ["a"]
    with database.write() as session:  # who had it hears that it is no longer theirs
        assert heartbeat(session, [KIND], "dies", now=later) == set()
    assert "dies stopped" in item_of(database, "a").message


def test_what_a_holder_was_lost_over_is_handed_out_alone_and_given_up_the_second_time(database: Database) -> None:
    job = add_items(database, ["a", "b", "c", "d"])
    now = utc_now()
    assert take(database, 2, "first", now=now) == ["a", "b"]
    now += LEASE * 2
    assert take(database, 4, "second", now=now) == ["a"]
    assert take(database, 4, "third", now=now) == ["b"]
    assert take(database, 4, "fourth", now=now) == ["c", "d"]
    finish(database, "b", "c", "d")
    now += LEASE * 2
    assert take(database, 4, "fifth", now=now) == []
    with database.read() as session:
        [failure] = failures_of(session, job, 10)
        assert (failure.key, failure.message) == ("a", "second stopped while it worked on this.")
    assert (job_of(database, job).done, job_of(database, job).failed) == (3, 1)


def test_what_is_given_back_waits_as_if_it_had_not_been_claimed(database: Database) -> None:
    add_items(database, ["a", "b"])
    assert take(database, 2) == ["a", "b"]
    with database.write() as session:
        release(session, [KIND], "somebody else")
        release(session, [KIND], "me", ["b"])
    assert take(database, 2) == ["b"]
    with database.write() as session:
        release(session, [KIND], "me")
    assert [item_of(database, key).attempts for key in "ab"] == [0, 0]
    assert take(database, 2) == ["a", "b"]


def test_a_passing_failure_is_tried_again_after_pauses_that_grow(database: Database) -> None:
    job = add_items(database, ["a"])
    pauses = []
    for _ in range(4):
        now = item_of(database, "a").not_before
        assert take(database, 1, now=now) == ["a"]
        with database.write() as session:
            fail(session, KIND, ["a"], "The disk is full.", lasting=False, now=now)
        pauses.append((item_of(database, "a").not_before - now).total_seconds())
        assert take(database, 1, now=now) == []
    assert pauses == [15, 30, 60, 120]
    assert job_of(database, job).failed == 0
    with database.write() as session:
        session.get_one(JobItem, item_of(database, "a").id).attempts = MAX_ATTEMPTS
    fails(database, "a", lasting=False)
    assert (item_of(database, "a").state, job_of(database, job).failed) == ("failed", 1)


def test_a_lasting_failure_is_named_and_tried_again_by_hand(database: Database) -> None:
    job = add_items(database, ["a", "b"])
    with pytest.raises(Conflict, match="Nothing of job"):
        act(database, job, "retry")
    for _ in range(2):
        assert take(database, 1) == ["a"]
        fails(database, "a", lasting=True)
        fails(database, "a", lasting=True)  # said twice, counted once
        assert job_of(database, job).failed == 1
        with database.read() as session:
            assert [(each.key, each.message) for each in failures_of(session, job, 10)] == [("a", "a is ugly")]
        assert take(database, 9, "other") in (["b"], [])
        act(database, job, "retry")
        assert (job_of(database, job).failed, job_of(database, job).state) == (0, "running")
    finish(database, "a", "b")
    assert job_of(database, job).done == 2


def test_what_had_failed_and_is_done_after_all_counts_as_done(database: Database) -> None:
    job = add_items(database, ["a"])
    fails(database, "a", lasting=True)
    finish(database, "a")
    assert (job_of(database, job).done, job_of(database, job).failed) == (1, 0)


def test_a_paused_job_is_left_alone_and_goes_on(database: Database) -> None:
    job = add_items(database, ["a", "b"])
    assert take(database, 1) == ["a"]
    act(database, job, "pause")
    assert take(database, 5) == []
    with database.write() as session:
        assert heartbeat(session, [KIND], "me") == set()
    finish(database, "a")  # it was in hand already
    act(database, job, "resume")
    assert take(database, 5) == ["b"]
    act(database, job, "cancel")
    with database.read() as session:
        assert session.scalars(select(JobItem)).all() == []


def test_a_job_that_nobody_can_do_fails_and_can_be_resumed(database: Database) -> None:
    job = add_items(database, ["a"])
    with database.write() as session:
        stop_jobs(session, [get_job(session, job)], "The model is gone.")
    assert (job_of(database, job).state, job_of(database, job).message) == ("failed", "The model is gone.")
    assert take(database, 1) == []
    act(database, job, "resume")
    assert (take(database, 1), job_of(database, job).message) == (["a"], "")


def test_an_item_without_a_job_is_there_once(database: Database) -> None:
    add_items(database, ["a"], job=False)
    with pytest.raises(Exception, match=r"(?i)unique"):
        add_items(database, ["a"], job=False)
    add_items(database, ["a"])


CLAIMER = """
import sys
from limner.jobs.queue import claim, done
from limner.store import Database
database, holder = Database(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
while True:
    with database.write() as session:
        mine = [each.key for each in claim(session, ["test"], 3, holder)]
    if not mine:
        break
    print(*mine, flush=True)
    with database.write() as session:
        done(session, "test", mine)
"""


def test_two_processes_share_the_items_and_none_is_done_twice(database: Database) -> None:
    keys = [f"{index:03d}" for index in range(120)]
    job = add_items(database, keys)
    url = database.engine.url.render_as_string(hide_password=False)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIMER, url, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for name in ("one", "two")
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:  # both are connected: they start together
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert Counter(" ".join(outputs).split()) == Counter(keys)
    assert job_of(database, job).done == len(keys)
