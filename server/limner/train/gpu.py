"""Samlet on a machine rented by the minute: ``python -m limner.train.gpu RECIPE PACK OUT`` (``make train-gpu``).

Trains on the photos of a pack for the minutes that the recipe allows, continues in the next call, and leaves what is
worth bringing home in one folder: the weights (fp16), the log, and a summary. Checkpoints stay in the recipe's output.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import shutil
import sys
from pathlib import Path

import torch

from limner.atomic import replacing, write_file
from limner.errors import InvalidFile, LimnerError
from limner.train.config import TrainConfig, read_config
from limner.train.loop import CHECKPOINT, LOG, WEIGHTS, train
from limner.train.pack import unpack_photos

SUMMARY = "summary.json"
RECENT = 20  # lines of the log that a summary averages


def train_packed(recipe: Path, pack: Path, out: Path) -> dict[str, object]:
    """Train for as long as the recipe allows, from its start or from where the last call ended; returns the summary.

    Raises:
        InvalidFile: for a recipe or pack that cannot be used, or a device that is not there.
        LimnerError: see `train`.
    """
    config = read_config(recipe)
    if config.run.device == "cuda":
        _prepare_cuda(recipe)
    config = _with_pack(config, pack)
    train(config, resume=(config.run.output / CHECKPOINT).is_file())
    out.mkdir(parents=True, exist_ok=True)
    for name in (WEIGHTS, LOG):
        if out.resolve() != config.run.output.resolve():
            with replacing(out / name) as partial:
                shutil.copyfile(config.run.output / name, partial)
    summary = _summary(config)
    write_file(out / SUMMARY, (json.dumps(summary, indent=2) + "\n").encode())
    return summary


def _with_pack(config: TrainConfig, pack: Path) -> TrainConfig:
    """The configuration with the photos of the pack, unpacked once, as its only folder of photos."""
    if config.photos is None:
        return config
    if not pack.is_file():
        raise InvalidFile(f"There is no pack {pack}.", hint="make train-gpu PHOTOS='folder folder' packs photos.")
    digest = hashlib.sha256(pack.read_bytes()).hexdigest()
    folder = config.run.output / f"photos-{digest[:12]}"
    if not folder.is_dir():
        unpack_photos(pack, folder)
    return dataclasses.replace(config, photos=dataclasses.replace(config.photos, folders=(folder,)))


def _prepare_cuda(recipe: Path) -> None:
    if not torch.cuda.is_available():
        raise InvalidFile(f"{recipe} asks for CUDA, and this machine has none.", hint='Set device = "cpu" in [run].')
    torch.backends.cudnn.benchmark = True  # a run has few sizes
    torch.set_float32_matmul_precision("high")


def _summary(config: TrainConfig) -> dict[str, object]:
    """Where the run stands, from its log."""
    lines = [json.loads(line) for line in (config.run.output / LOG).read_text("utf-8").splitlines()]
    steps = [line for line in lines if "images_per_second" in line][-RECENT:]
    measured = [line for line in lines if "miou" in line or "miou_scenes" in line]
    summary: dict[str, object] = {"steps": lines[-1]["step"] if lines else 0, "of": config.schedule.steps}
    for name in ("images_per_second", "waiting_for_data", "loss_click", "loss_box", "loss_corrected"):
        values = [line[name] for line in steps if name in line]
        if values:
            summary[name] = round(sum(values) / len(values), 4)
    if measured:
        summary |= {name: measured[-1][name] for name in ("miou", "miou_scenes") if name in measured[-1]}
    return summary


def main() -> int:
    """Train on a pack, once."""
    parser = argparse.ArgumentParser(
        prog="python -m limner.train.gpu", description="Train Samlet, some minutes a call."
    )
    parser.add_argument("recipe", type=Path, help="a TOML file; the pack takes the place of its folders of photos")
    parser.add_argument("pack", type=Path, help="made by python -m limner.train.pack")
    parser.add_argument("out", type=Path, help="folder for weights, log and summary")
    arguments = parser.parse_args()
    try:
        summary = train_packed(arguments.recipe, arguments.pack, arguments.out)
    except LimnerError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(summary) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
