"""Processes that a test has started."""

from __future__ import annotations

import subprocess

PATIENCE = 60.0  # s


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to end, as SIGTERM does; kill it if it does not."""
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
