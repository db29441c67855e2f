"""As many processes as the configuration asks for."""

from __future__ import annotations

import dataclasses
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from limner.errors import ModelError
from limner.train.config import Photos, TrainConfig, read_config
from limner.train.loop import train
from limner.train.stopping import StopRequest

POLL_SECONDS = 0.5
PATIENCE_SECONDS = 30.0  # with a process that has been told to end, before it is killed


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
    stop, processes = StopRequest(), list[subprocess.Popen[bytes]]()
    with stop.listening():  # from before there are any: none is left behind
        try:
            for rank in range(config.run.processes):
                ours = {**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)}
                processes.append(subprocess.Popen(command, env=ours))  # noqa: S603
            _wait(processes, stop)
        finally:
            _end(processes)


def _with_photos(config: TrainConfig, folders: Sequence[Path]) -> TrainConfig:
    if not folders:
        return config
    photos = config.photos or Photos(share=1.0, folders=())
    return dataclasses.replace(config, photos=dataclasses.replace(photos, folders=(*photos.folders, *folders)))


def _wait(processes: list[subprocess.Popen[bytes]], stop: StopRequest) -> None:
    """Until all have ended well or one has failed; a wish to stop is handed on to them, once."""
    told = False
    while True:
        if stop.received and not told:
            told = True
            _terminate(processes)
        codes = [process.poll() for process in processes]
        failed = [code for code in codes if code]
        if failed:
            raise RunFailed(f"A training process ended with status {failed[0]}.", hint="The reason stands above.")
        if all(code == 0 for code in codes):
            return
        time.sleep(POLL_SECONDS)


def _terminate(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        if process.poll() is None:
            process.terminate()


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    """None is left behind: one that waits for another which has failed does not end by itself."""
    _terminate(processes)
    for process in processes:
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
