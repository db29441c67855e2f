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
