"""Keeping encoders on a Ray cluster, also when its head is started anew.

Whoever is connected to a cluster is ended by Ray when its head is lost. That is a process of its own here, started
again after pauses of up to half a minute until there is a cluster again.
"""

from __future__ import annotations

import sys
import time

import structlog

from limner.blobs import folder_of
from limner.cluster.options import RayOptions
from limner.config import Settings
from limner.service.supervised import Supervised, pipe, told_to_stop
from limner.service.wiring import require_shared_database

LOOK_EVERY = 0.2  # s
WHOLE_LOGS = {"RAY_DEDUP_LOGS": "0"}  # Ray would leave out lines of encoders that look alike: `limner trace` reads them
END_PATIENCE = 45.0  # s, from SIGTERM to SIGKILL

logger = structlog.get_logger(__name__)


def run_on_ray(settings: Settings, options: RayOptions) -> None:
    """Have encoders run on a Ray cluster until SIGTERM or Ctrl+C.

    Raises:
        InvalidInput: Ray is not installed, the database cannot be shared, or the options contradict each other.
    """
    require_shared_database(settings, "A worker on a Ray cluster")
    options.check(settings)
    if (folder := folder_of(settings.resolved_blob_url)) is not None:
        logger.warning(
            "every machine of the cluster must see the folder of blobs, or LIMNER_BLOB_URL be s3://…",
            folder=str(folder),
        )
    with told_to_stop() as stopping, pipe() as (alive, _hold):
        command = [sys.executable, "-m", "limner.cluster.driver", options.model_dump_json(), str(alive)]
        driver = Supervised("ray driver", command, {**WHOLE_LOGS, **settings.environment()}, (alive,))
        try:
            while not stopping.wait(LOOK_EVERY):
                driver.look()
        finally:
            driver.ask_to_end()
            driver.end_by(time.monotonic() + END_PATIENCE)
