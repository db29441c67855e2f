"""``limner worker --ray`` with an encoder that sleeps. Arguments: address, actors, log of the encoders, weights."""

from __future__ import annotations

import sys

from limner.cluster.keeping import run_on_ray
from limner.cluster.options import RayOptions
from limner.config import Settings
from limner.service.logs import configure_logging

if __name__ == "__main__":
    address, actors, log, model_sha256 = sys.argv[1:]
    configure_logging()
    command = (sys.executable, "-m", "limner.bench.sleeping_worker", log, model_sha256, "4", "")
    run_on_ray(Settings(), RayOptions(address=address, actors=int(actors), cpus=0.5, encoder_command=command))
