"""The process that fetches a model: ``python -m limner.workers.pull``, started by ``limner.jobs.model_pulls``.

It reads one request from stdin and answers on stdout. Killed at any time it leaves a part, with which the next one goes
on, and no half of a model.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterable

from limner.config import Settings
from limner.errors import Conflict, LimnerError
from limner.jobs.model_pulls import NotPulled, Pull, Pulled
from limner.models.catalogue import KnownModel
from limner.models.install import pull
from limner.workers.child_main import Say, Serve, run_child


def _start(settings: Settings, say: Say) -> Serve:
    def serve(lines: Iterable[bytes]) -> None:
        requests = iter(lines)
        request = Pull.model_validate_json(next(requests))
        threading.Thread(target=_end_with, args=(requests,), name="requests", daemon=True).start()
        known = KnownModel(**request.model_dump(exclude={"kind"}))
        try:
            pull(known, settings.home, lambda _: None)
        except Conflict:  # somebody installed it meanwhile, by the command line
            say(Pulled())
        except LimnerError as error:
            say(NotPulled(message=error.message, hint=error.hint))
        else:
            say(Pulled())

    return serve


def _end_with(requests: Iterable[bytes]) -> None:
    """End this process when its server is gone."""
    for _ in requests:
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(run_child(_start))
