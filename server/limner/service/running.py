"""Starting and stopping what :func:`limner.service.wiring.open_services` has put together."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

from limner.config import Settings
from limner.service.wiring import Services, open_services, require_shared_database
from limner.vocabulary.duties import read_duties


def start(services: Services) -> None:
    """Hear of others, and start the encoder, which goes on with the jobs that were running."""
    services.events.start(services.encoder.on_job_news)
    if services.model_exchange is not None:
        services.model_exchange.start()
    services.encoder.start()
    if "suggestions" in services.duties:
        services.suggester.start()
    if "learning" in services.duties:
        services.learner.start()
    if "exports" in services.duties:
        services.exporter.start()
    if "upkeep" in services.duties:
        services.puller.start()
    if services.sweeper is not None:
        services.sweeper.start()
    if services.counter is not None:
        services.counter.start()
    if services.deliverer is not None:
        services.deliverer.start()


def stop(services: Services) -> None:
    """End the streams and the encoder, close the database."""
    services.events.close()
    services.encoder.stop()
    services.suggester.stop()
    services.learner.stop()
    services.puller.stop()
    services.exporter.stop()
    if services.model_exchange is not None:
        services.model_exchange.stop()
    if services.sweeper is not None:
        services.sweeper.stop()
    if services.counter is not None:
        services.counter.stop()
    if services.deliverer is not None:
        services.deliverer.stop()
    services.database.close()


def run_worker(settings: Settings, name: str | None) -> None:
    """Do what is asked for in other processes, until SIGTERM or Ctrl+C.

    Args:
        settings: where and what.
        name: under which work is held. A worker that is started again under the same name knows that what its
            predecessor held is lost, and need not wait for the leases to run out.

    Raises:
        InvalidInput: the database cannot be shared.
        InvalidInput: there is no such duty.
        MissingWeights: the model is not installed.
    """
    duties = read_duties(settings.worker_only)
    require_shared_database(settings, "A worker of its own")
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    services = open_services(settings, holder=name, duties=duties)
    start(services)
    ended.wait()
    stop(services)


def end_with(descriptor: int) -> None:
    """Have this process end as by SIGTERM once the other end of a pipe is closed: its supervisor is gone."""

    def wait() -> None:
        os.read(descriptor, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="supervisor-watch", daemon=True).start()
