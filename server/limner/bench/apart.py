"""Contenders in processes of their own, one at work at a time.

In one process each would find memory that the other has just given back, and save it the time that the system takes to
clear fresh pages: the published MobileSAM spends a third of its time on them. And a peak of memory is a process's.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from limner.bench.memory import Cost, ResultWithMemory, cost_of, result_with_memory
from limner.errors import Unavailable

Call = Callable[[], object]  # returns an array, or what numpy makes one of


class Apart:
    """One contender: what `build` makes of the arguments is called in a fresh process, again and again.

    Attributes:
        name: for the table.
        first: cost of the first call, with the memory that it needed at its peak.
    """

    def __init__(self, name: str, build: Callable[..., Call], *arguments: object) -> None:
        """Start the process and make the first call.

        Args:
            name: for the table.
            build: a function of a module, called in the process.
            arguments: its own; they travel there.

        Raises:
            Unavailable: when it fails; what went wrong is on stderr.
        """
        self.name = name
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, build, arguments), daemon=True)
        self._process.start()
        theirs.close()
        self.first: Cost = self._receive()

    def __enter__(self) -> Self:
        """The contender."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process."""
        self._ours.close()
        self._process.join()

    def cost(self) -> Cost:
        """Time of one more call."""
        self._ours.send("time")
        cost: Cost = self._receive()
        return cost

    def answer(self) -> NDArray[np.float64]:
        """What one more call returns."""
        self._ours.send("answer")
        answer: NDArray[np.float64] = self._receive()
        return answer

    def _receive(self) -> Any:
        try:
            return self._ours.recv()
        except EOFError as error:
            self._process.join()
            raise Unavailable(f"{self.name} failed; the reason stands above.") from error


def compare_apart(case: str, subject: Apart, reference: Apart, *, rounds: int, notes: str) -> ResultWithMemory:
    """Time subject and reference in turn, `rounds` times each; memory is that of their first calls."""
    costs: tuple[list[Cost], list[Cost]] = ([], [])
    for _ in range(rounds):
        for contender, found in zip((subject, reference), costs, strict=True):
            found.append(replace(contender.cost(), peak=contender.first.peak))
    return result_with_memory(case, (subject.name, costs[0]), (reference.name, costs[1]), notes)


def _serve(connection: Connection, build: Callable[..., Call], arguments: tuple[object, ...]) -> None:
    """In the process: what is asked for, until nobody asks."""
    call = build(*arguments)
    connection.send(cost_of(call))
    while True:
        try:
            wanted = connection.recv()
        except EOFError:
            return
        connection.send(_time(call) if wanted == "time" else np.asarray(call(), np.float64))


def _time(call: Call) -> Cost:
    cpu, wall = time.process_time(), time.perf_counter()
    call()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Cost(wall * 1000, cpu * 1000, None)
