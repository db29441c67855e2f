"""The process that is connected to a Ray cluster and has encoders run there, for as long as it lives.

It ends when the cluster is lost, that is when the head has not named this machine among the living for a while: Ray's
own library does not find its way to a head that was started anew. ``limner worker --ray`` starts it again
(:mod:`limner.cluster.keeping`). Its encoders end with it, and what they held is free when its lease has run out.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

import ray
import structlog
from ray.exceptions import ActorUnavailableError, GetTimeoutError, RayActorError, RayError

from limner.cluster.actor import ActorReport, WorkerActor
from limner.cluster.options import RayOptions
from limner.config import Settings
from limner.service.logs import configure_logging
from limner.service.running import end_with

NAMESPACE = "limner"
LOOK_EVERY = 5.0  # s
ANSWER_WITHIN = 10.0  # s, of an encoder that Ray has placed
LOST_AFTER = 30.0  # s without a head that knows this machine: there is none, or it is that of another cluster
LOST = 3  # exit status
AGAIN_AFTER = 30.0  # s, that an encoder that could not be made is not tried again
STOP_WITHIN = 20.0  # s
CREDENTIALS = "AWS_"  # how variables begin that actors are given besides the settings

logger = structlog.get_logger(__name__)


class Encoders:
    """The encoders of this driver on the cluster that it is connected to.

    Args:
        settings: of the encoders.
        options: how many, and what each takes.
    """

    def __init__(self, settings: Settings, options: RayOptions) -> None:
        self._options = options
        self._given = (
            options.settings_of_actors(settings).model_dump(),
            {name: value for name, value in os.environ.items() if name.startswith(CREDENTIALS)},
            options.encoder_command,
        )
        self._actors: list[Any] = [self._make() for _ in range(options.actors)]
        self._due: dict[int, float] = {}  # of those that could not be made: when to try again (time.monotonic())
        self._said: dict[int, str] = {}

    def look(self) -> None:
        """Ask all how they stand, say what is new, and make those again that Ray does not make again itself."""
        now = time.monotonic()
        for place in [place for place, due in self._due.items() if now >= due]:
            del self._due[place]
            self._actors[place] = self._make()
        asked = {
            self._actors[place].report.remote(): place for place in range(len(self._actors)) if place not in self._due
        }
        ready, waiting = ray.wait(list(asked), num_returns=len(asked), timeout=ANSWER_WITHIN) if asked else ([], [])
        for answer in ready:
            self._hear(asked[answer], answer)
        for answer in waiting:
            self._say(asked[answer], "waits for a machine that has what it takes")

    def stop(self) -> None:
        """End all; they give back what they hold."""
        ending = [actor.stop.remote() for place, actor in enumerate(self._actors) if place not in self._due]
        ray.wait(ending, num_returns=len(ending), timeout=STOP_WITHIN)
        for actor in self._actors:
            ray.kill(actor)

    def _make(self) -> Any:
        """An encoder; Ray finds a place for it, now or when there is one, and makes it again elsewhere when it dies."""
        taken = {"num_cpus": self._options.cpus, "num_gpus": self._options.gpus}
        return ray.remote(WorkerActor).options(max_restarts=-1, **taken).remote(*self._given)

    def _hear(self, place: int, answer: Any) -> None:
        try:
            report: ActorReport = ray.get(answer, timeout=ANSWER_WITHIN)
        except (ActorUnavailableError, GetTimeoutError):
            self._say(place, "was lost; Ray makes it again")
        except RayActorError as error:
            self._due[place] = time.monotonic() + AGAIN_AFTER
            self._say(place, f"cannot be made: {str(error).strip().splitlines()[-1]}")
        else:
            self._say(place, f"{report.state} on {report.host}" + (f": {report.message}" if report.message else ""))

    def _say(self, place: int, what: str) -> None:
        if self._said.get(place) != what:
            self._said[place] = what
            logger.info("encoder on the cluster", number=place + 1, state=what)


class Membership:
    """Whether this machine still belongs to the cluster that it joined, be there room for encoders or not."""

    def __init__(self) -> None:
        self._node = ray.get_runtime_context().get_node_id()
        self._seen = time.monotonic()

    def watch(self) -> None:
        """End this process when the cluster is lost, whatever Ray's library waits for."""
        for work in (self._ask, self._end_when_lost):  # who asks may wait for ever
            threading.Thread(target=work, name="cluster-watch", daemon=True).start()

    def _ask(self) -> None:
        while True:
            try:
                if any(node["Alive"] and node["NodeID"] == self._node for node in ray.nodes()):  # type: ignore[no-untyped-call]
                    self._seen = time.monotonic()
            except RayError as error:
                logger.warning("the head of the cluster does not answer", reason=str(error))
            time.sleep(LOOK_EVERY)

    def _end_when_lost(self) -> None:
        while time.monotonic() - self._seen <= LOST_AFTER:
            time.sleep(1)
        logger.error("the cluster is lost: its head does not know this machine", seconds=LOST_AFTER)
        os._exit(LOST)


def drive(settings: Settings, options: RayOptions) -> None:
    """Have encoders run on the cluster until SIGTERM.

    Raises:
        ConnectionError: there is no cluster at the address.
    """
    ray.init(address=options.address, namespace=NAMESPACE, logging_level=logging.WARNING, log_to_driver=True)
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)  # after ray.init, which sets its own
    logger.info("connected to the cluster", address=options.address)
    encoders = Encoders(settings, options)
    Membership().watch()
    while not ended.wait(LOOK_EVERY):
        encoders.look()
    encoders.stop()
    ray.shutdown()


def main(options: str, alive: int) -> None:
    """Run as a child of :mod:`limner.cluster.keeping`; ``alive`` is a pipe that ends with it."""
    configure_logging()
    end_with(alive)
    drive(Settings(), RayOptions.model_validate_json(options))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
