"""Fetches the models that somebody wants in the home: one at a time, in a process, for installing needs torch.

What is wanted are files of the home (``models/pulls.py``), so that a model comes to the machine on which it was asked
for, whichever others share the database. A fetch that a server leaves behind is gone on with by the next one.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Literal

import structlog
from pydantic import TypeAdapter

from limner.child_process import BufferedChild
from limner.config import Settings
from limner.jobs.working import Runner, WorkLoop
from limner.models import pulls
from limner.vocabulary.messages import Broken, Message

WORKER = (sys.executable, "-m", "limner.workers.pull")
POLL = 0.5  # s between two looks whether it is still wanted

logger = structlog.get_logger(__name__)


class Pull(Message):
    """Parent to child: fetch, check and install this model."""

    kind: Literal["pull"] = "pull"
    name: str
    title: str
    family: str
    licence: str
    url: str
    sha256: str
    size: int | None


class Pulled(Message):
    """Child to parent: it is installed."""

    kind: Literal["pulled"] = "pulled"


class NotPulled(Message):
    """Child to parent: it cannot be had."""

    kind: Literal["not_pulled"] = "not_pulled"
    message: str
    hint: str


Report = Pulled | NotPulled | Broken
_REPORT: TypeAdapter[Report] = TypeAdapter(Report)


class ModelPuller(Runner):
    """Works through the models that are wanted, in a thread of its own.

    Args:
        settings: for the process, and whose home.
        command: starts the process.
    """

    def __init__(self, settings: Settings, *, command: Sequence[str] = WORKER) -> None:
        self._settings, self._command = settings, command
        super().__init__(WorkLoop("model-pulls", self.pull_next))

    def pull_next(self) -> bool:
        """Fetch one model that is wanted; False when there is none."""
        names = pulls.all_wanted(self._settings.home)
        if not names:
            return False
        name = names[0]
        report = self._pull(name)
        match report:
            case Pulled():
                logger.info("a model was installed", model=name)
                pulls.unwant(self._settings.home, name)
            case NotPulled():
                pulls.fail(self._settings.home, name, report.message, report.hint)
            case Broken():
                pulls.fail(self._settings.home, name, report.message, "")
        return True

    def _pull(self, name: str) -> Report | None:
        """Have a process fetch it; what it said last, None when it was stopped."""
        if self._command == WORKER and find_spec("torch") is None:
            return NotPulled(
                message="This machine has no torch, so it installs no models.",
                hint="Install limner instead of limner-server, or limner-server[encoder].",
            )
        known = pulls.known_model(name)
        try:
            process = BufferedChild("pull", self._command, self._settings.environment(), _REPORT.validate_json)
        except OSError as error:
            return Broken(message=f"The process that fetches models cannot be started: {error}.")
        report: Report | None = None
        wanted = True
        try:
            process.send(Pull.model_validate({field: getattr(known, field) for field in _FIELDS}))
            while wanted and report is None:
                try:
                    report = process.next_report(POLL)
                except TimeoutError:
                    wanted = not self._loop.stopping.is_set() and pulls.is_wanted(self._settings.home, name)
                    continue
                if report is None:
                    break
        finally:
            cause = process.end()
        if report is None and wanted:
            return NotPulled(message=f"The process that fetches models {cause}.", hint="Ask again: it goes on there.")
        return report


_FIELDS = ("name", "title", "family", "licence", "url", "sha256", "size")
