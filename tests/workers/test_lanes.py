"""Requests in two lanes: the other one does not wait, all are done, and nothing that is raised is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from limner.workers.lanes import work_in_two_lanes


def test_one_lane_does_not_wait_for_the_other_and_all_are_done() -> None:
    passed = threading.Event()
    done: list[str] = []

    def own(request: str) -> None:
        assert passed.wait(60), "what is beside it waits for it"
        done.append(request)

    def beside(request: str) -> None:
        done.append(request)
        passed.set()

    work_in_two_lanes(["a", "b", "beside", "c"], lambda request: request == "beside", own, beside)
    assert done == ["beside", "a", "b", "c"]


@pytest.mark.parametrize("where", ["requests", "own", "beside"])
def test_what_is_raised_in_any_lane_is_raised_by_the_caller(where: str) -> None:
    def requests() -> Iterator[str]:
        yield "own"
        yield "beside"
        if where == "requests":
            raise ValueError(where)

    def work(request: str) -> None:
        if request == where:
            raise ValueError(where)

    with pytest.raises(ValueError, match=where):
        work_in_two_lanes(requests(), lambda request: request == "beside", work, work)


def two_each(read: threading.Event) -> Iterator[str]:
    yield from ("own", "beside", "own", "beside")
    read.set()


def test_after_the_other_lane_has_failed_nothing_more_is_begun_of_what_was_read_before() -> None:
    read, begun, failing_known = threading.Event(), threading.Event(), threading.Event()
    failing: list[threading.Thread] = []
    done: list[str] = []

    def own(request: str) -> None:
        done.append(request)
        begun.set()
        assert failing_known.wait(60)
        failing[0].join(60)

    def beside(_: str) -> None:
        failing.append(threading.current_thread())
        failing_known.set()
        assert read.wait(60)
        assert begun.wait(60)
        raise ValueError("beside")

    def is_beside(request: str) -> bool:
        return request == "beside"

    with pytest.raises(ValueError, match="beside"):
        work_in_two_lanes(two_each(read), is_beside, own, beside)
    assert done == ["own"]


def test_after_the_callers_lane_has_failed_nothing_more_is_begun_beside_it() -> None:
    read, begun, failed = threading.Event(), threading.Event(), threading.Event()
    working: list[threading.Thread] = []

    def own(_: str) -> None:
        assert read.wait(60)
        assert begun.wait(60)
        raise ValueError("own")

    def beside(_: str) -> None:
        working.append(threading.current_thread())
        begun.set()
        assert failed.wait(60)

    with pytest.raises(ValueError, match="own"):
        work_in_two_lanes(two_each(read), lambda request: request == "beside", own, beside)
    failed.set()
    working[0].join(60)
    assert len(working) == 1
