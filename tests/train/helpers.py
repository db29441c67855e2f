"""A network, photos and configurations small enough for tests."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from limner.train import loop
from limner.train.config import PromptMix, Run, Scenes, Schedule, Size, TrainConfig
from limner.train.simulation import Metrics, train_on_batch
from limner.vocabulary import rle
from tests.tiny_samlet import TINY_SAMLET


def tiny_config(output: Path, steps: int = 4) -> TrainConfig:
    return TrainConfig(
        run=Run(output=output, workers=0),
        schedule=Schedule(steps=steps, warmup=1, log_every=2, checkpoint_every=2),
        sizes=(Size(64, images=2, share=1.0),),
        prompts=PromptMix(per_image=2),
        scenes=Scenes(share=1.0),
        model=TINY_SAMLET,
    )


def two_squares() -> tuple[NDArray[np.uint8], list[NDArray[np.bool_]]]:
    """A grey picture 48 high and 64 wide with a white square and, inside it, a small red one."""
    image = np.full((48, 64, 3), 90, np.uint8)
    outer, inner = np.zeros((48, 64), bool), np.zeros((48, 64), bool)
    outer[8:40, 16:48] = True
    inner[16:24, 24:32] = True
    image[outer] = 255
    image[inner] = (200, 30, 30)
    return image, [outer, inner]


def write_photo(folder: Path, name: str, source: str = "squares", shade: int = 0) -> Path:
    """A pair of PNG and JSON in SA-1B's form; `shade` makes the bytes differ. Returns the JSON."""
    image, masks = two_squares()
    image[:4] += np.uint8(shade)
    folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / f"{name}.png"), image[..., ::-1])
    document = folder / f"{name}.json"
    content = {
        "image": {"file_name": f"{name}.png", "height": 48, "width": 64},
        "source": source,
        "annotations": [{"segmentation": rle.encode(mask)} for mask in masks],
    }
    document.write_text(json.dumps(content))
    return document


def interrupt_after(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process gets SIGTERM while it is busy with the given step."""
    genuine, calls = train_on_batch, [0]

    def interrupted(*arguments: Any) -> Metrics:
        calls[0] += 1
        if calls[0] == steps:
            os.kill(os.getpid(), signal.SIGTERM)
        return genuine(*arguments)

    monkeypatch.setattr(loop, "train_on_batch", interrupted)
