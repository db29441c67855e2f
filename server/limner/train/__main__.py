"""``python -m limner.train FILE``, also under torchrun; needs nothing but torch, numpy and OpenCV."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from limner.errors import LimnerError
from limner.train.launch import launch


def main() -> int:
    """Run the training that a TOML file describes."""
    parser = argparse.ArgumentParser(prog="python -m limner.train", description="Train Samlet.")
    parser.add_argument("config", type=Path, help="a TOML file")
    parser.add_argument("--resume", action="store_true", help="continue from the checkpoint in the output folder")
    parser.add_argument("--photos", type=Path, action="append", default=[], help="one more folder of photos with masks")
    arguments = parser.parse_args()
    try:
        launch(arguments.config, arguments.resume, arguments.photos)
    except LimnerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
