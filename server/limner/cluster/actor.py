"""A worker on a machine of a Ray cluster: what ``limner worker`` is elsewhere, as an actor."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limner.config import Settings
from limner.service.logs import configure_logging
from limner.service.running import start, stop
from limner.service.wiring import open_services
from limner.vocabulary.duties import read_duties
from limner.vocabulary.states import EncoderStateName


@dataclass(frozen=True)
class ActorReport:
    """How an encoder stands.

    Attributes:
        host: where Ray has put it.
        message: what a person should know, such as why it does not run.
        done: images since it was started.
    """

    host: str
    state: EncoderStateName
    message: str
    done: int


class WorkerActor:
    """Does what it claims, from its making to its end. Ray makes it again when it is lost.

    Args:
        settings: of the worker; ``worker_only`` says what it does. A machine whose own environment has ``LIMNER_HOME``
            keeps its models there.
        environment: besides, for those who find the blobs: ``AWS_*``.
        command: starts the process with the model that encodes.

    Raises:
        InvalidInput: there is no such duty.
        MissingWeights: the model is not installed on this machine.
        Unavailable: the database does not answer.
    """

    def __init__(self, settings: Mapping[str, Any], environment: Mapping[str, str], command: Sequence[str]) -> None:
        os.environ.update(environment)
        configure_logging()
        own = os.environ.get("LIMNER_HOME")
        here = {**settings, "home": Path(own)} if own else settings
        opened = Settings(**here)
        self._services = open_services(opened, command, duties=read_duties(opened.worker_only))
        start(self._services)

    def report(self) -> ActorReport:
        """How it stands."""
        if self._services.duties.isdisjoint(("looks", "encoding")):
            return ActorReport(socket.gethostname(), "ready", "does " + ", ".join(sorted(self._services.duties)), 0)
        status = self._services.encoder.status()
        return ActorReport(socket.gethostname(), status.encoder.state, status.encoder.message, status.queue.done)

    def stop(self) -> None:
        """Give back what it holds, and end its process."""
        stop(self._services)
