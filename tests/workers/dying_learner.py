"""The learning process as it is, except that it is killed once in the middle; writes down the steps that it does.

Arguments: a file for the steps, and the step at which the first of these processes is killed.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from limner.config import Settings
from limner.learning.protocol import GotOn, Report
from limner.workers.child_main import Say, Serve, run_child
from limner.workers.learn import NICENESS, LearningWorker


def main(log: Path, last: int) -> int:
    lives = log.read_text().count("begin") if log.exists() else 0

    def watched(report: Report) -> None:
        if isinstance(report, GotOn) and report.progress.stage == "training":
            with log.open("a") as file:
                file.write(f"step {report.progress.step}\n")
            if lives == 0 and report.progress.step >= last:
                os.kill(os.getpid(), signal.SIGKILL)

    def start(settings: Settings, say: Say) -> Serve:
        def told(report: Report) -> None:
            watched(report)
            say(report)

        with log.open("a") as file:
            file.write(f"begin nice {os.nice(0)}\n")
        return LearningWorker(settings, told).serve

    return run_child(start, NICENESS)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
