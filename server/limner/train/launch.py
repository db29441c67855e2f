"""As many processes as the configuration asks for."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from limner.errors import ModelError
from limner.train.config import Photos, TrainConfig, read_config
from limner.train.loop import train

POLL_SECONDS = 0.5


class RunFailed(ModelError):
    """One of several training processes failed; it has said why."""

    code = "training_failed"


def launch(path: Path, resume: bool, more_photos: Sequence[Path] = ()) -> None:
    """Run the training in `path` and wait for its end: in this process, or in as many as it asks for.

    Under torchrun, which sets RANK, each process trains as the one that it is.

    Args:
        path: a TOML file.
        resume: from the checkpoint in its output folder.
        more_photos: folders of photos with masks beside those that the file names.

    Raises:
        LimnerError: see `read_config` and `train`.
        RunFailed: when one of several processes failed; the others are stopped.
    """
    config = _with_photos(read_config(path), more_photos)
    if config.run.processes == 1 or "RANK" in os.environ:
        train(config, resume)
        return
    command = [sys.executable, "-m", "limner.train", str(path), *["--resume"] * resume]
    command += [argument for folder in more_photos for argument in ("--photos", str(folder))]
    environment = {
        "OMP_WAIT_POLICY": "PASSIVE",  # waiting threads that spin would take the cores from the other processes
        "OMP_NUM_THREADS": str(config.run.threads),
        **os.environ,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(_free_port()),
        "WORLD_SIZE": str(config.run.processes),
    }
    processes = [
        subprocess.Popen(command, env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)})  # noqa: S603
        for rank in range(config.run.processes)
    ]
    numbers = (signal.SIGTERM, signal.SIGINT)
    handlers = [signal.signal(number, lambda *_: _stop(processes)) for number in numbers]
    try:
        _wait(processes)
    finally:
        _stop(processes)
        for number, handler in zip(numbers, handlers, strict=True):
            signal.signal(number, handler)


def _with_photos(config: TrainConfig, folders: Sequence[Path]) -> TrainConfig:
    if not folders:
        return config
    photos = config.photos or Photos(share=1.0, folders=())
    return dataclasses.replace(config, photos=dataclasses.replace(photos, folders=(*photos.folders, *folders)))


def _wait(processes: list[subprocess.Popen[bytes]]) -> None:
    """Until all have ended well or one has failed."""
    while True:
        codes = [process.poll() for process in processes]
        failed = [code for code in codes if code]
        if failed:
            raise RunFailed(f"A training process ended with status {failed[0]}.", hint="The reason stands above.")
        if all(code == 0 for code in codes):
            return
        time.sleep(POLL_SECONDS)


def _stop(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        if process.poll() is None:
            process.terminate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
