"""``limner worker --ray`` with an encoder that sleeps.

Arguments: address, actors, log of the encoders, weights; then, if others than these are wanted, processors of each
actor, images in a batch, and seconds that an image takes.
"""

from __future__ import annotations

import sys

from limner.cluster.keeping import run_on_ray
from limner.cluster.options import RayOptions
from limner.config import Settings
from limner.service.logs import configure_logging

if __name__ == "__main__":
    address, actors, log, model_sha256, *more = sys.argv[1:]
    cpus, batch, seconds = [*more, *("0.5", "4", "0")[len(more) :]]
    configure_logging()
    command = (sys.executable, "-m", "limner.bench.sleeping_worker", log, model_sha256, batch, "", seconds)
    run_on_ray(Settings(), RayOptions(address=address, actors=int(actors), cpus=float(cpus), encoder_command=command))
