"""Processes that a test has started."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PATIENCE = 60.0  # s


@contextmanager
def ending_what_fails(process: subprocess.Popen[Any]) -> Iterator[None]:
    """A process that lives on after the block, unless the block raises: nobody else knows of it then."""
    try:
        yield
    except BaseException:
        end(process)
        for pipe in filter(None, (process.stdout, process.stderr)):
            pipe.close()
        raise


def end(process: subprocess.Popen[Any]) -> None:
    """Ask it to end, as SIGTERM does; kill it if it does not."""
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
